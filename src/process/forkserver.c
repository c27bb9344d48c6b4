/* SPDX-License-Identifier: MIT */
/* The fork server as its one client sees it. */
#include "process/forkserver.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fd.h"
#include "process/stdio.h"
#include "process/table.h"

/* A server without a client ends at once, unless it is stopped or its preload function hangs. */
#define ENDING_NS INT64_C(2000000000)

/* How long the end of a killed server may take from its first sign on. */
#define DYING_NS INT64_C(500000000)

static struct {
    struct mp_gate gate; /* guards what follows */
    bool has_gate;
    mproc_conn *conn; /* NULL: there is no server */
    struct mproc_process *process;
} server;

static void (*_Atomic preload)(void);

int mproc_set_forkserver_preload(void (*function)(void))
{
    atomic_store(&preload, function);
    return 0;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_gate(void)
{
    server.has_gate = mp_gate_init(&server.gate) == 0;
}

static int enter(mp_deadline deadline)
{
    pthread_once(&once, make_gate);
    return server.has_gate ? mp_gate_enter(&server.gate, deadline) : -ENOMEM;
}

static void leave(void)
{
    mp_gate_leave(&server.gate);
}

/* The end of its socket ends the server. One that hangs is killed: its children live on. */
static void give_up(void)
{
    struct mp_status *status = &server.process->status;
    mproc_conn_close(server.conn);
    server.conn = NULL;
    if (mp_pollable_wait_one(&status->pollable, mp_clock_now() + ENDING_NS) == 0) {
        mp_status_signal(status, SIGKILL);
        mp_pollable_wait_one(&status->pollable, mp_clock_now() + ENDING_NS);
    }
    mp_process_free(server.process, true);
    server.process = NULL;
}

static bool lives(void)
{
    return server.conn && mp_status_look(&server.process->status) == MP_RUNNING &&
           mp_fd_wait(mproc_conn_handle(server.conn), POLLIN, MP_NOW) == -ETIMEDOUT;
}

void mp_forkserver_after_fork(void)
{
    if (server.conn)
        mproc_conn_close(server.conn);
    if (server.process)
        mp_process_free(server.process, false);
    server.conn = NULL;
    server.process = NULL;
    if (server.has_gate)
        server.has_gate = mp_gate_init(&server.gate) == 0;
}

static int new_boot(struct mp_boot **out, mp_deadline deadline, double timeout, mproc_error *err)
{
    struct mp_boot *boot = calloc(1, sizeof *boot);
    if (!boot)
        return mp_fail_errno(err, ENOMEM, "fork server");
    *out = boot;
    boot->theirs = -1;
    boot->relay = -1;
    boot->deadline = deadline;
    boot->timeout = timeout;
    mp_note_fill(&boot->note, MP_NOTE_SERVER);
    void (*function)(void) = atomic_load(&preload);
    boot->note.has_target = function != NULL;
    return function ? mp_place_of(function, &boot->note.target, err) : 0;
}

static struct mproc_process *new_process(void)
{
    struct mproc_process *process = calloc(1, sizeof *process);
    if (!process)
        return NULL;
    process->kind = MP_CHILD;
    process->lifeline = -1;
    memcpy(process->name, "fork server", sizeof "fork server");
    if (mp_status_init(&process->status) == 0)
        return process;
    free(process);
    return NULL;
}

static int launch(struct mp_boot *boot, struct mproc_process *process, mproc_error *err)
{
    struct mp_bond bond;
    sigset_t all;
    struct mp_launch launch = {
        .stdio = {MP_STDIO_NULL, MP_STDIO_OWN, MP_STDIO_OWN},
    };
    int fds[MP_NOTE_FDS] = MP_NOTE_NO_FDS;
    pid_t pid;
    int rc = mp_bond_open(&bond, false, err);
    if (rc < 0)
        return rc;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &launch.mask);
    rc = mp_boot_introduce(boot, process, &bond, fds, err);
    if (rc == 0)
        rc = mp_boot_exec(boot, &launch, NULL, &pid, err);
    if (rc == 0)
        rc = mp_bond_keep_parent(&bond, process, pid, err);
    else
        mp_bond_close(&bond);
    pthread_sigmask(SIG_SETMASK, &launch.mask, NULL);
    return rc;
}

/* With the table's lock: forked children know of the server's socket, or there is none yet. */
static int start_locked(struct mp_boot *boot, mproc_error *err)
{
    struct mproc_process *process = new_process();
    if (!process)
        return mp_fail_errno(err, ENOMEM, "fork server");
    int rc = mp_boot_connect(boot, err);
    if (rc == 0)
        rc = launch(boot, process, err);
    if (rc < 0) {
        mp_process_free(process, true);
        return rc;
    }
    server.process = process;
    server.conn = boot->conn;
    return 0;
}

static int start(struct mp_boot *boot, mproc_error *err)
{
    int rc = mp_table_begin_start(err);
    if (rc < 0)
        return rc;
    rc = start_locked(boot, err);
    mp_table_end_start();
    if (rc < 0)
        return rc;
    rc = mp_boot_await(boot, &server.process->status, err);
    boot->conn = NULL; /* the server's now */
    if (rc < 0) {
        mp_status_signal(&server.process->status, SIGKILL);
        give_up();
    }
    return rc;
}

static int ensure_entered(mp_deadline deadline, double timeout, mproc_error *err)
{
    if (lives())
        return 0;
    if (server.conn)
        give_up();
    struct mp_boot *boot = NULL;
    int rc = new_boot(&boot, deadline, timeout, err);
    if (rc == 0 && boot)
        rc = start(boot, err);
    mp_boot_free(boot);
    return rc;
}

static int late(double timeout, mproc_error *err)
{
    return mp_fail(err, -ETIMEDOUT, "the fork server did not take the request within %g s",
                   timeout);
}

int mp_forkserver_ensure(mp_deadline deadline, double timeout, mproc_error *err)
{
    int rc = enter(deadline);
    if (rc < 0)
        return rc == -ETIMEDOUT ? late(timeout, err) : mp_fail_errno(err, -rc, "fork server");
    rc = ensure_entered(deadline, timeout, err);
    leave();
    return rc;
}

static int send_entered(struct mp_boot *boot, const struct mproc_process *process)
{
    struct mp_fork_request request = {
        .magic = MP_FORK_REQUEST, .hold = process->status.hold, .daemon = process->daemon};
    struct mp_parcel parcel;
    mp_parcel_init(&parcel);
    if (!server.conn)
        return MP_AGAIN;
    boot->server = server.process->status.pid;
    parcel.fds[parcel.n++] = boot->theirs;
    parcel.fds[parcel.n++] = boot->relay;
    int rc = server.conn->transport->send_parcel(server.conn, &request, sizeof request, &parcel,
                                                 boot->deadline);
    return rc == -EPIPE || rc == MPROC_ETORN ? MP_AGAIN : rc;
}

int mp_forkserver_request(struct mp_boot *boot, const struct mproc_process *process,
                          mproc_error *err)
{
    int rc = enter(boot->deadline);
    if (rc == 0) {
        rc = send_entered(boot, process);
        leave();
    }
    mp_fd_close(&boot->theirs);
    mp_fd_close(&boot->relay);
    if (rc == -ETIMEDOUT)
        return late(boot->timeout, err);
    return rc == 0 || rc == MP_AGAIN ? rc : mp_fail_errno(err, -rc, "fork server");
}

/* Descriptors of a process that is killed are closed in no certain order: wait for its end. */
static int suspect_entered(pid_t pid)
{
    if (!server.conn || server.process->status.pid != pid)
        return MP_AGAIN; /* another thread was here before */
    if (mp_pollable_wait_one(&server.process->status.pollable, mp_clock_now() + DYING_NS) == 0)
        return -EMFILE;
    give_up();
    return MP_AGAIN;
}

int mp_forkserver_suspect(const struct mp_boot *boot, mproc_error *err)
{
    int rc = enter(mp_clock_now() + ENDING_NS);
    if (rc == 0) {
        rc = suspect_entered(boot->server);
        leave();
    }
    return rc == MP_AGAIN ? rc : mp_fail_errno(err, -rc, "fork server: the request was lost");
}

void mp_forkserver_stop(void)
{
    if (enter(mp_clock_now() + ENDING_NS) < 0)
        return;
    if (server.conn)
        give_up();
    leave();
}
