/* SPDX-License-Identifier: MIT */
/* The way of a child that is no copy of its parent: from main() to its target. */
#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "connection/receive.h"
#include "connection/stream.h"
#include "process/boot.h"
#include "process/child.h"
#include "process/forkserver.h"
#include "process/own_key.h"
#include "process/peer.h"
#include "process/settings.h"
#include "process/stdio.h"
#include "value/connection.h"

static enum {
    NOT_ASKED, /* mproc_init() was not called yet */
    NO_CHILD,  /* an ordinary program, or on its way */
    BROKEN     /* the variable is there, but not for us */
} state;

static const char *variable(void)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): unsafe beside setenv(3) only, as any getenv */
    return getenv(MP_BOOT_VARIABLE);
}

static bool parse(const char *text, int *fd, long *parent)
{
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (end == text || *end != ':' || number <= STDERR_FILENO || number > INT32_MAX)
        return false;
    const char *second = end + 1;
    *fd = (int)number;
    *parent = strtol(second, &end, 10);
    return errno == 0 && end != second && *end == '\0' && *parent > 0;
}

/*
 * The variable may be somebody's own invention, or inherited by a program that a child executed
 * without having called mproc_init(): then the socket, if it is there, is not for us to read.
 */
static bool is_from_parent(int fd, long parent)
{
    /* Who executes a program with more privileges than his own must not say what it runs. */
    if (getuid() != geteuid() || getgid() != getegid())
        return false;
    return mp_peer_is_local_stream(fd) && mp_peer_is(fd, (pid_t)parent);
}

static bool is_childs(long parent)
{
    pid_t now = getppid(); /* 0 in a pid namespace of its own */
    return now == parent || now == 0;
}

_Noreturn void mp_boot_fail(mproc_conn *conn, int code, const mproc_error *err)
{
    mp_verdict_send(conn, code, err);
    _exit(EXIT_FAILURE);
}

static int receive_key(mproc_conn *conn)
{
    void *key;
    size_t len;
    int rc = mproc_conn_recv_bytes(conn, &key, &len);
    if (rc < 0)
        return rc;
    rc = mp_own_key_carry(key, len);
    sodium_memzero(key, len);
    free(key);
    return rc;
}

static int receive_settings(mproc_conn *conn, mproc_error *err)
{
    void *message;
    size_t len;
    int rc = mproc_conn_recv_bytes(conn, &message, &len);
    return rc < 0 ? rc : mp_settings_receive(message, len, err);
}

/* They are the target's to close. */
static bool give_away(void *user, struct mp_connection *c)
{
    (void)user;
    c->drop = NULL;
    return false;
}

static int receive_args(mproc_conn *conn, struct mp_task *task, mproc_error *err)
{
    static mproc_value *args; /* for the rest of the process's life */
    int rc = mproc_conn_recv(conn, &args, err);
    if (rc < 0)
        return rc;
    mp_value_any_connection(args, give_away, NULL);
    task->args = args;
    return 0;
}

/* What is left to come, in the order in which it does. */
static int receive_rest(mproc_conn *conn, const struct mp_note *note, struct mp_task *task,
                        mproc_error *err)
{
    mp_function target = NULL;
    int rc = receive_key(conn);
    if (rc == 0 && note->has_settings)
        rc = receive_settings(conn, err);
    if (rc == 0)
        rc = receive_args(conn, task, err);
    if (rc == 0)
        rc = mp_place_find(&note->target, &target, err);
    if (rc == 0)
        rc = mp_settings_limit(err);
    if (rc < 0)
        return mp_fail(err, rc, "what the parent sent: %s", mproc_strerror(rc));
    task->target = (mproc_target)target;
    return 0;
}

/* Of those that a fork server has; after an exec they are as they should be. */
static int take_stdio(int fds[MP_NOTE_FDS], mproc_error *err)
{
    int stdio[3];
    const char *what;
    for (int i = 0; i < 3; i++)
        stdio[i] = fds[MP_NOTE_STDIN + i] >= 0 ? fds[MP_NOTE_STDIN + i] : MP_STDIO_NULL;
    int rc = mp_stdio_set(stdio, &what);
    for (int i = 0; i < 3; i++)
        mp_fd_close(&fds[MP_NOTE_STDIN + i]);
    return rc < 0 ? mp_fail_errno(err, -rc, "the child's %s", what) : 0;
}

static int take_place(const struct mp_note *note, int fds[MP_NOTE_FDS], mproc_error *err)
{
    int rc = note->by_server ? take_stdio(fds, err) : 0;
    if (rc < 0)
        return rc;
    if (fds[MP_NOTE_DIRECTORY] >= 0 && fchdir(fds[MP_NOTE_DIRECTORY]) < 0)
        return mp_fail_errno(err, errno, "the child's directory");
    mp_fd_close(&fds[MP_NOTE_DIRECTORY]);
    return 0;
}

/* From here on this process is the child, and dies with its parent if it is daemonic. */
static int become(const struct mp_note *note, const int fds[MP_NOTE_FDS], mproc_error *err)
{
    struct mproc_process *process = calloc(1, sizeof *process);
    if (!process || mp_status_init(&process->status) < 0)
        return mp_fail_errno(err, ENOMEM, "new process");
    process->daemon = note->daemon;
    process->clan = note->clan;
    memcpy(process->name, note->name, sizeof process->name);
    memcpy(process->identity, note->identity, sizeof process->identity);
    struct mp_bond bond = {
        .pidfd = note->pidfd,
        .by_lifeline = note->by_lifeline,
        .by_server = note->by_server,
        .group = note->clan.group,
        .parent = note->parent,
        .parent_pidfd = fds[MP_NOTE_PARENT],
        .lifeline = {fds[MP_NOTE_LIFELINE], -1},
        .sentinel = {-1, fds[MP_NOTE_SENTINEL]},
    };
    mp_child_descend_from(note->parent_name, note->parent_identity);
    mp_child_become(process, &bond);
    return 0;
}

static void inherit(const struct mp_note *note)
{
    mp_image_set_title(note->title);
    mp_context_inherit(note->method);
    if (note->log_level < MPROC_LOG_OFF)
        mproc_log_to_stderr(note->log_level);
}

_Noreturn void mp_boot_become(mproc_conn *conn, struct mp_note *note, int fds[MP_NOTE_FDS])
{
    static const mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    struct mp_task task = {.options = &options};
    mproc_error err = MPROC_ERROR_INIT;
    sigset_t mask = note->mask;
    inherit(note);
    int rc = take_place(note, fds, &err);
    if (rc == 0)
        rc = become(note, fds, &err);
    if (rc == 0)
        rc = receive_rest(conn, note, &task, &err);
    if (rc < 0)
        mp_boot_fail(conn, rc, &err);
    /* A parent that is dead by now has nobody run anything. */
    if (mp_verdict_send(conn, 0, NULL) < 0)
        _exit(EXIT_FAILURE);
    mproc_conn_close(conn);
    mp_child_work(&task, &mask);
}

static _Noreturn void begin(int fd)
{
    struct mp_note note;
    int fds[MP_NOTE_FDS];
    mproc_conn *conn;
    mproc_error err = MPROC_ERROR_INIT;
    /* Without read-ahead, so that the authkey goes nowhere but where it is wiped. */
    if (mp_stream_new(&conn, fd, MPROC_CONN_SHARED) < 0)
        _exit(EXIT_FAILURE);
    int rc = mp_note_receive(conn, &note, fds, &err);
    if (rc < 0)
        mp_boot_fail(conn, rc, &err);
    pthread_sigmask(SIG_SETMASK, NULL, &note.mask);
    if (note.kind == MP_NOTE_SERVER) {
        mp_fd_close(&fds[MP_NOTE_PARENT]);
        mp_fd_close(&fds[MP_NOTE_LIFELINE]);
        inherit(&note);
        mp_forkserver_serve(conn, &note, fds[MP_NOTE_SENTINEL]);
    }
    mp_boot_become(conn, &note, fds);
}

static int take_variable(const char *text)
{
    int fd;
    long parent;
    bool ours = parse(text, &fd, &parent) && is_from_parent(fd, parent);
    if (ours && !is_childs(parent)) {
        if (mp_peer_has_hung_up(fd)) /* the parent is dead, and nothing is left to be done */
            _exit(EXIT_FAILURE);
        ours = false;
    }
    unsetenv(MP_BOOT_VARIABLE); /* NOLINT(concurrency-mt-unsafe): first in main() */
    if (!ours) {
        state = BROKEN;
        mp_log(MPROC_LOG_WARNING, MP_BOOT_VARIABLE " is set, but not by the parent process");
        return MPROC_EBOOTSTRAP;
    }
    state = NO_CHILD;
    fd = mp_fd_own(fd);
    if (fd < 0)
        _exit(EXIT_FAILURE);
    begin(fd);
}

int mproc_init(void)
{
    mp_place_note_program(__builtin_return_address(0));
    mp_image_note();
    if (state != NOT_ASKED)
        return state == BROKEN ? MPROC_EBOOTSTRAP : 0;
    const char *text = variable();
    if (text)
        return take_variable(text);
    state = NO_CHILD;
    return 0;
}

/* Spare the parent its deadline. The variable stays, so that every start fails alike. */
static void tell_parent(const char *text, const mproc_error *err)
{
    int fd;
    long parent;
    mproc_conn *conn;
    static bool told;
    if (told || !parse(text, &fd, &parent) || !is_from_parent(fd, parent) || !is_childs(parent) ||
        mp_stream_new(&conn, fd, 0) < 0)
        return;
    told = true;
    mproc_error there = MPROC_ERROR_INIT;
    mp_fail(&there, MPROC_ESTART, "the child: %.200s", err->text);
    mp_verdict_send(conn, MPROC_ESTART, &there);
    mproc_conn_close(conn);
}

int mp_boot_check_self(mproc_error *err)
{
    const char *text = state == NOT_ASKED ? variable() : NULL;
    if (state != BROKEN && !text)
        return 0;
    mproc_error detail = MPROC_ERROR_INIT;
    if (state == BROKEN)
        mp_fail(&detail, MPROC_EBOOTSTRAP,
                MP_BOOT_VARIABLE " was set in the environment, but not by the parent process");
    else
        mp_fail(&detail, MPROC_EBOOTSTRAP,
                "this process was started to run a target, and main() did not begin with "
                "mproc_init()");
    if (text)
        tell_parent(text, &detail);
    return mp_fail(err, MPROC_EBOOTSTRAP, "%s", detail.text);
}
