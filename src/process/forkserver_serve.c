/* SPDX-License-Identifier: MIT */
/* The fork server itself. The process is all its own: it may have signal handlers. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/fd.h"
#include "connection/receive.h"
#include "connection/stream.h"
#include "process/forkserver.h"
#include "process/pidfd.h"
#include "process/relay.h"

struct entry {
    pid_t pid;
    int relay;
    bool hold;   /* a group, not to be reaped before the client has closed the relay */
    bool daemon; /* ends with the client */
    bool ended;  /* and the client knows; only held ones stay after that */
};

static struct {
    mproc_conn *conn;
    int sentinel; /* held until the end, or -1 */
    int bell[2];  /* rung by SIGCHLD */
    struct mp_buffer entries;
    struct mp_buffer fds; /* to be polled */
    struct sigaction former_int;
    struct sigaction former_child;
} self = {.bell = {-1, -1}};

static struct entry *entry_at(size_t i)
{
    return (struct entry *)(void *)self.entries.data + i;
}

static size_t count(void)
{
    return self.entries.len / sizeof(struct entry);
}

static void ring(int number)
{
    (void)number;
    int saved = errno;
    ssize_t n = write(self.bell[1], "", 1); /* a full pipe has been rung */
    (void)n;
    errno = saved;
}

static void handle_signals(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = SIG_IGN;
    sigaction(SIGINT, &action, &self.former_int);
    action.sa_handler = ring;
    action.sa_flags = SA_RESTART | SA_NOCLDSTOP;
    sigaction(SIGCHLD, &action, &self.former_child);
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    pthread_sigmask(SIG_UNBLOCK, &child, NULL);
}

static void forget_signals(void)
{
    sigaction(SIGCHLD, &self.former_child, NULL);
    sigaction(SIGINT, &self.former_int, NULL);
}

/* In a child: nothing that is the server's stays open. */
static void forget_server(void)
{
    forget_signals();
    mproc_conn_close(self.conn);
    mp_fd_close(&self.sentinel);
    mp_fd_close(&self.bell[0]);
    mp_fd_close(&self.bell[1]);
    for (size_t i = 0; i < count(); i++)
        mp_fd_close(&entry_at(i)->relay);
    mp_buffer_clear(&self.entries);
    mp_buffer_clear(&self.fds);
}

static void limit_files(rlim_t files)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = files < limit.rlim_max ? files : limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static _Noreturn void become_child(int boot, int relay)
{
    struct mp_note note;
    int fds[MP_NOTE_FDS];
    mproc_conn *conn;
    mproc_error err = MPROC_ERROR_INIT;
    forget_server();
    mp_fd_close(&relay);
    if (mp_stream_new(&conn, boot, MPROC_CONN_SHARED) < 0)
        _exit(EXIT_FAILURE);
    int rc = mp_note_receive(conn, &note, fds, &err);
    if (rc < 0)
        mp_boot_fail(conn, rc, &err);
    limit_files((rlim_t)note.files);
    mp_boot_become(conn, &note, fds);
}

static void reap(pid_t pid, int options)
{
    siginfo_t info;
    int rc;
    do
        rc = waitid(P_PID, (id_t)pid, &info, WEXITED | options);
    while (rc < 0 && errno == EINTR);
}

/* The client learns of its child, or that there is none. */
static int report_birth(pid_t pid, int relay)
{
    struct mp_birth birth = {.pid = pid};
    int pidfd = mp_pidfd_open(pid);
    int rc = pidfd < 0 && pidfd != -ENOSYS ? pidfd : 0;
    birth.pidfd = pidfd >= 0;
    if (rc == 0)
        rc = mp_relay_send_birth(relay, &birth, pidfd);
    mp_fd_close(&pidfd);
    return rc;
}

static void report_failure(int error, int relay)
{
    const struct mp_birth none = {.error = error};
    mp_relay_send_birth(relay, &none, -1);
}

static int fork_child(int boot, int relay, pid_t *out)
{
    sigset_t all;
    sigset_t mask;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &mask);
    pid_t pid = fork();
    if (pid == 0)
        become_child(boot, relay);
    int rc = pid < 0 ? -errno : 0;
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    *out = pid;
    return rc;
}

/* Closes both descriptors unless the relay is needed until the child's end. */
static void serve_one(const struct mp_fork_request *request, int boot, int relay)
{
    pid_t pid = -1;
    int rc = mp_buffer_reserve(&self.entries, sizeof(struct entry));
    if (rc == 0)
        rc = fork_child(boot, relay, &pid);
    if (rc == 0) {
        rc = report_birth(pid, relay);
        if (rc < 0) {
            kill(pid, SIGKILL);
            reap(pid, 0);
        }
    }
    mp_fd_close(&boot);
    if (rc == 0) {
        const struct entry entry = {
            .pid = pid,
            .relay = relay,
            .hold = request->hold != 0,
            .daemon = request->daemon != 0,
        };
        mp_buffer_append(&self.entries, &entry, sizeof entry);
        return;
    }
    report_failure(-rc, relay);
    mp_fd_close(&relay);
}

/* They learn of it by themselves, but not if they have closed the lifeline. */
static void kill_daemons(void)
{
    for (size_t i = 0; i < count(); i++) {
        const struct entry *entry = entry_at(i);
        if (!entry->daemon || entry->ended)
            continue;
        if (entry->hold)
            kill(-entry->pid, SIGKILL);
        kill(entry->pid, SIGKILL);
    }
}

/* Without a client there is nobody to serve. Handlers of the preload function's run. */
static _Noreturn void end(void)
{
    kill_daemons();
    exit(EXIT_SUCCESS); /* NOLINT(concurrency-mt-unsafe): one thread */
}

static void serve_next(void)
{
    struct mp_fork_request request;
    struct mp_parcel parcel;
    void *message;
    size_t len;
    mp_parcel_init(&parcel);
    if (mp_conn_receive(self.conn, &message, &len, &parcel) < 0)
        end();
    bool sound = len == sizeof request;
    memset(&request, 0, sizeof request);
    if (sound)
        memcpy(&request, message, sizeof request);
    free(message);
    if (sound && request.magic == MP_FORK_REQUEST && parcel.n == 2) {
        parcel.n = 0;
        serve_one(&request, parcel.fds[0], parcel.fds[1]);
        return;
    }
    /* Of a request that came without its relay, the end of both tells. */
    if (sound && parcel.lost && parcel.n == 2)
        report_failure(EMFILE, parcel.fds[1]);
    mp_parcel_clear(&parcel);
}

static void drop(size_t i)
{
    mp_fd_close(&entry_at(i)->relay);
    *entry_at(i) = *entry_at(count() - 1);
    self.entries.len -= sizeof(struct entry);
}

/* True if the entry stays. */
static bool look_at(struct entry *entry)
{
    siginfo_t info = {.si_pid = 0};
    struct mp_death death;
    memset(&death, 0, sizeof death);
    int options = WEXITED | WNOHANG | (entry->hold ? WNOWAIT : 0);
    if (entry->ended)
        return true;
    if (mp_usage_waitid(P_PID, (id_t)entry->pid, &info, options, &death.usage) < 0)
        return errno == EINTR;
    if (info.si_pid == 0)
        return true;
    death.code = info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
    mp_relay_send_death(entry->relay, &death);
    entry->ended = true;
    return entry->hold;
}

static void look_at_all(void)
{
    char bells[64];
    while (read(self.bell[0], bells, sizeof bells) > 0)
        continue;
    for (size_t i = 0; i < count();)
        if (look_at(entry_at(i)))
            i++;
        else
            drop(i);
}

/* Those that the client does not hold any more. */
static void let_go(const struct pollfd *fds, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        if (!fds[k].revents)
            continue;
        for (size_t i = 0; i < count(); i++) {
            if (entry_at(i)->relay != fds[k].fd)
                continue;
            reap(entry_at(i)->pid, WNOHANG);
            drop(i);
            break;
        }
    }
}

/* What to poll: requests, the bell, and relays of held children that have ended. */
static struct pollfd *gather(size_t *n)
{
    self.fds.len = 0;
    *n = 2;
    for (size_t i = 0; i < count(); i++)
        *n += entry_at(i)->ended;
    if (mp_buffer_reserve(&self.fds, *n * sizeof(struct pollfd)) < 0)
        *n = 2; /* they are held a little longer */
    struct pollfd *fds = (struct pollfd *)(void *)self.fds.data;
    fds[0] = (struct pollfd){.fd = mproc_conn_handle(self.conn), .events = POLLIN};
    fds[1] = (struct pollfd){.fd = self.bell[0], .events = POLLIN};
    size_t at = 2;
    for (size_t i = 0; i < count() && at < *n; i++)
        if (entry_at(i)->ended)
            fds[at++] = (struct pollfd){.fd = entry_at(i)->relay, .events = POLLIN};
    return fds;
}

static _Noreturn void serve(void)
{
    for (;;) {
        size_t n;
        struct pollfd *fds = gather(&n);
        if (mp_poll(fds, n, MP_NEVER) < 0)
            end();
        let_go(fds + 2, n - 2);
        if (fds[1].revents)
            look_at_all();
        if (fds[0].revents)
            serve_next();
    }
}

static int open_bell(mproc_error *err)
{
    int rc = mp_fd_pipe(self.bell);
    for (int i = 0; rc == 0 && i < 2; i++)
        rc = mp_fd_set_nonblocking(self.bell[i], true);
    if (rc == 0)
        rc = mp_buffer_reserve(&self.fds, 16 * sizeof(struct pollfd));
    return rc < 0 ? mp_fail_errno(err, -rc, "fork server") : 0;
}

static int run_preload(const struct mp_note *note, mproc_error *err)
{
    mp_function preload;
    if (!note->has_target)
        return 0;
    int rc = mp_place_find(&note->target, &preload, err);
    if (rc == 0)
        preload();
    return rc;
}

_Noreturn void mp_forkserver_serve(mproc_conn *conn, const struct mp_note *note, int sentinel)
{
    mproc_error err = MPROC_ERROR_INIT;
    self.conn = conn;
    self.sentinel = sentinel;
    int rc = run_preload(note, &err);
    if (rc == 0)
        rc = open_bell(&err);
    if (rc < 0)
        mp_boot_fail(conn, rc, &err);
    handle_signals();
    /* It has a descriptor for each child that lives, and its client may raise its own limit. */
    limit_files(RLIM_INFINITY);
    if (mp_verdict_send(conn, 0, NULL) < 0)
        end();
    serve();
}
