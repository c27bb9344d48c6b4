/* SPDX-License-Identifier: MIT */
#include "process/boot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "connection/object.h"
#include "connection/stream.h"
#include "process/environment.h"
#include "process/own_key.h"
#include "process/settings.h"

#define NS_PER_S 1e9
/* A child that hangs up ends soon after; how it ended is worth waiting for that long. */
#define LAST_WORDS_NS INT64_C(500000000)
#define HINT "does main() begin with mproc_init()?"

static int prepare(struct mp_boot *boot, const struct mp_task *task, mproc_error *err)
{
    int rc = mp_deadline_in(boot->timeout, &boot->deadline);
    if (rc < 0)
        return mp_fail(err, rc, "start_timeout: not a number");
    mp_note_fill(&boot->note, MP_NOTE_CHILD);
    boot->note.has_target = true;
    rc = mp_place_of((mp_function)task->target, &boot->note.target, err);
    if (rc == 0)
        rc = mp_object_pickle(task->args, &boot->args, &boot->parcel, err);
    return rc < 0 ? mp_fail(err, rc, "arguments: %s", mproc_strerror(rc)) : 0;
}

int mp_boot_new(struct mp_boot **out, const struct mp_task *task, mproc_error *err)
{
    struct mp_boot *boot = calloc(1, sizeof *boot);
    if (!boot)
        return mp_fail_errno(err, ENOMEM, "new process");
    boot->theirs = -1;
    boot->relay = -1;
    boot->timeout = task->options->start_timeout;
    int rc = prepare(boot, task, err);
    if (rc < 0)
        mp_boot_free(boot);
    else
        *out = boot;
    return rc;
}

static void close_ends(struct mp_boot *boot)
{
    mp_fd_close(&boot->theirs);
    mp_fd_close(&boot->relay);
}

void mp_boot_free(struct mp_boot *boot)
{
    if (!boot)
        return;
    close_ends(boot);
    mproc_conn_close(boot->conn);
    mp_buffer_clear(&boot->args);
    mp_buffer_clear(&boot->settings);
    free(boot);
}

void mp_boot_after_fork(struct mp_boot *boot)
{
    close_ends(boot);
    if (boot->conn)
        boot->conn->transport->shut(boot->conn);
}

int mp_boot_connect(struct mp_boot *boot, mproc_error *err)
{
    int fds[2];
    int rc = mp_fd_socketpair(fds);
    if (rc < 0)
        return mp_fail_errno(err, -rc, "socketpair");
    rc = mp_stream_new(&boot->conn, fds[0], 0);
    if (rc < 0) {
        mp_fd_close(&fds[0]);
        mp_fd_close(&fds[1]);
        return mp_fail_errno(err, -rc, "socket to the child");
    }
    boot->theirs = fds[1];
    return 0;
}

int mp_boot_introduce(struct mp_boot *boot, const struct mproc_process *process,
                      const struct mp_bond *bond, int fds[MP_NOTE_FDS], mproc_error *err)
{
    struct mp_note *note = &boot->note;
    memcpy(note->name, process->name, sizeof note->name);
    memcpy(note->identity, process->identity, sizeof note->identity);
    note->daemon = process->daemon;
    note->clan = process->clan;
    note->pidfd = bond->pidfd;
    note->by_lifeline = bond->by_lifeline;
    note->has_settings = boot->settings.len > 0;
    fds[MP_NOTE_PARENT] = bond->parent_pidfd;
    fds[MP_NOTE_LIFELINE] = bond->lifeline[0];
    fds[MP_NOTE_SENTINEL] = bond->sentinel[1];
    int rc = mp_note_send(boot->conn, note, fds);
    return rc < 0 ? mp_fail(err, rc, "a note to the child: %s", mproc_strerror(rc)) : 0;
}

int mp_boot_exec(struct mp_boot *boot, struct mp_launch *launch,
                 const mproc_process_options *options, pid_t *pid, mproc_error *err)
{
    char variable[sizeof MP_BOOT_VARIABLE + 32];
    char program[256];
    char role[] = "mproc";
    char *argv[] = {program, role, boot->note.name, NULL};
    int rc = mp_image_path(&launch->path, err);
    if (rc < 0)
        return rc;
    mp_image_name(program, sizeof program);
    snprintf(variable, sizeof variable, MP_BOOT_VARIABLE "=%d:%ld", boot->theirs, (long)getpid());
    char **envp =
        mp_environment_with(options ? options->environment : NULL, MP_BOOT_VARIABLE, variable);
    if (!envp)
        return mp_fail_errno(err, ENOMEM, "the child's environment");
    launch->argv = argv;
    launch->envp = envp;
    launch->keep = &boot->theirs;
    launch->n_keep = 1;
    launch->deadline = boot->deadline;
    rc = mp_launch(launch, pid, err);
    free(envp);
    mp_fd_close(&boot->theirs);
    return rc;
}

static void limit_time(struct mp_boot *boot)
{
    int64_t left = mp_deadline_left(boot->deadline);
    double seconds = boot->deadline == MP_NEVER ? MPROC_FOREVER : (double)left / NS_PER_S;
    mproc_conn_set_timeout(boot->conn, seconds, seconds);
}

static int deliver_key(struct mp_boot *boot)
{
    const struct mp_authkey *key;
    int rc = mp_own_key_borrow(&key);
    if (rc < 0)
        return rc;
    rc = mproc_conn_send_bytes(boot->conn, key->bytes, key->len);
    mp_own_key_give_back(key);
    return rc;
}

int mp_boot_deliver(struct mp_boot *boot)
{
    limit_time(boot);
    int rc = deliver_key(boot);
    limit_time(boot);
    if (rc == 0 && boot->settings.len > 0)
        rc = mproc_conn_send_bytes(boot->conn, boot->settings.data, boot->settings.len);
    limit_time(boot);
    if (rc == 0)
        rc = mp_object_send(boot->conn, &boot->args, &boot->parcel);
    mp_buffer_clear(&boot->args);
    return rc;
}

static int say_late(const struct mp_boot *boot, mproc_error *err)
{
    return mp_fail(err, -ETIMEDOUT, "the child did not run its target within %g s; " HINT,
                   boot->timeout);
}

static int say_ended(struct mp_status *status, mproc_error *err)
{
    mp_deadline soon = mp_clock_now() + LAST_WORDS_NS;
    if (mp_pollable_wait_one(&status->pollable, soon) <= 0)
        return mp_fail(err, MPROC_ESTART, "the child hung up before its target ran; " HINT);
    if (mp_status_look(status) != MP_ENDED)
        return mp_fail(err, MPROC_ESTART, "the child ended before its target ran; " HINT);
    if (status->code < 0)
        return mp_fail(err, MPROC_ESTART, "signal %d ended the child before its target ran",
                       -status->code);
    return mp_fail(err, MPROC_ESTART,
                   "the child ended with exit code %d before its target ran; " HINT, status->code);
}

/*
 * 1 when there is something to read, 0 at the deadline, MPROC_EOF if the child has ended without.
 * Should a copy of this process hold the child's end as well, the sentinel tells. Nobody is reaped
 * here: that may be the program's own wish, later.
 */
static int await_verdict(const struct mp_boot *boot, const struct mp_status *status)
{
    struct pollfd fds[] = {
        {.fd = mproc_conn_handle(boot->conn), .events = POLLIN},
        {.fd = status->sentinel, .events = POLLIN},
    };
    int rc = mp_poll(fds, 2, boot->deadline);
    if (rc <= 0 || fds[0].revents)
        return rc < 0 ? rc : rc > 0;
    /* It may have spoken just before it ended. */
    return mp_fd_wait(fds[0].fd, POLLIN, MP_NOW) == 0 ? 1 : MPROC_EOF;
}

int mp_boot_await(struct mp_boot *boot, struct mp_status *status, mproc_error *err)
{
    struct mp_verdict verdict;
    int rc = await_verdict(boot, status);
    if (rc == 0)
        return say_late(boot, err);
    limit_time(boot);
    if (rc > 0)
        rc = mp_verdict_receive(boot->conn, &verdict);
    if (rc == MPROC_EOF || rc == MPROC_EPROTO)
        return say_ended(status, err);
    if (rc < 0)
        return mp_fail(err, rc, "waiting for the child's start: %s", mproc_strerror(rc));
    return verdict.code < 0 ? mp_fail(err, verdict.code, "%s", verdict.text) : 0;
}

int mp_boot_finish(struct mp_boot *boot, int delivered, struct mp_status *status, mproc_error *err)
{
    if (delivered == -ETIMEDOUT || delivered == MPROC_ETORN)
        return say_late(boot, err);
    if (delivered < 0 && delivered != -EPIPE) /* after a hang-up there may be a verdict on why */
        return mp_fail(err, delivered, "arguments for the child: %s", mproc_strerror(delivered));
    return mp_boot_await(boot, status, err);
}
