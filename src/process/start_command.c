/* SPDX-License-Identifier: MIT */
/* The start of another program, with connections under numbers that its environment tells it. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/fd.h"
#include "connection/transport.h"
#include "process/command.h"
#include "process/environment.h"
#include "process/launch.h"
#include "process/redirect.h"
#include "process/stdio.h"

struct command {
    struct mp_bond bond;
    int *keep; /* descriptors that the program is to have; room for all of them */
    size_t n_keep;
    int moved[3]; /* copies of connections that are stdio here, where the program has its own */
    struct mp_buffer entries; /* MPROC_CONNECTIONS=… */
    char **envp;
};

int mp_command_check(const mproc_process_options *options, mproc_target target, mproc_error *err)
{
    if (target)
        return mp_fail(err, -EINVAL, "process start: a command has no target");
    if (options->start_method)
        return mp_fail(err, -EINVAL, "process start: a command has no start method");
    if (!options->command[0] || !options->command[0][0])
        return mp_fail(err, -EINVAL, "process start: an empty command");
    return 0;
}

void mp_command_name(const char *const *command, char name[MP_PROCESS_NAME])
{
    const char *slash = strrchr(command[0], '/');
    snprintf(name, MP_PROCESS_NAME, "%s", slash && slash[1] ? slash + 1 : command[0]);
}

bool mp_command_is_name(const char *name, size_t len)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    return len > 0 && strspn(name, letters) >= len;
}

static int prepare(struct mp_task *task, mproc_error *err)
{
    (void)task;
    (void)err;
    /* Nothing is copied, but what was written before the start appears before what the child
     * writes. */
    mp_stdio_flush(false);
    return 0;
}

/* The number under which the program finds a descriptor of ours. */
static int number_for_program(struct command *command, int fd)
{
    if (fd > STDERR_FILENO)
        return fd;
    command->moved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    return command->moved[fd] < 0 ? -errno : command->moved[fd];
}

static bool is_handed_over(const struct command *command, int fd)
{
    if (fd <= STDERR_FILENO)
        return command->moved[fd] >= 0;
    for (size_t i = 0; i < command->n_keep; i++)
        if (command->keep[i] == fd)
            return true;
    return false;
}

static int refuse(int rc, mproc_error *err)
{
    if (rc == MPROC_ECANTPASS)
        return mp_fail(err, rc,
                       "a command's connection is in shared memory: use MPROC_PIPE_STREAM");
    return mp_fail_errno(err, -rc, "a command's connection");
}

/* The one descriptor of a connection, and what may be done with it. */
static int descriptor_of(mproc_conn *conn, int *fd, unsigned *traits)
{
    struct mp_parcel parcel;
    mp_parcel_init(&parcel);
    if (!conn->transport->pass)
        return MPROC_ECANTPASS;
    int rc = conn->transport->pass(conn, &parcel, traits);
    if (rc < 0)
        return rc;
    if (parcel.n != 1)
        return MPROC_ECANTPASS;
    *fd = parcel.fds[0];
    return *fd < 0 ? -EBADF : 0;
}

static int add_entry(struct command *command, const char *name, size_t len, int number,
                     unsigned traits)
{
    char text[32];
    struct mp_buffer *entries = &command->entries;
    int n = snprintf(text, sizeof text, "%s%d:%s%s", name ? "=" : "", number,
                     traits & MP_PASS_READABLE ? "r" : "", traits & MP_PASS_WRITABLE ? "w" : "");
    int rc = command->n_keep > 0 ? mp_buffer_append(entries, ",", 1) : 0;
    if (rc == 0 && name)
        rc = mp_buffer_append(entries, name, len);
    return rc == 0 ? mp_buffer_append(entries, text, (size_t)n) : rc;
}

static int hand_over(struct command *command, const mproc_value *value, const char *name,
                     size_t len, mproc_error *err)
{
    mproc_conn *conn = mproc_value_conn(value);
    if (!conn)
        return mp_fail(err, -EINVAL, "args of a command: %s where a connection is expected",
                       mproc_kind_name(mproc_value_kind(value)));
    int fd = -1;
    unsigned traits = 0;
    int rc = descriptor_of(conn, &fd, &traits);
    if (rc == 0 && is_handed_over(command, fd))
        return mp_fail(err, -EINVAL, "args of a command: a connection twice");
    int number = rc == 0 ? number_for_program(command, fd) : rc;
    if (number < 0)
        return refuse(number, err);
    rc = add_entry(command, name, len, number, traits);
    if (rc < 0)
        return refuse(rc, err);
    command->keep[command->n_keep++] = number;
    return 0;
}

static int hand_over_entry(struct command *command, const mproc_value *dict, size_t index,
                           mproc_error *err)
{
    const mproc_value *key;
    const mproc_value *value;
    size_t len;
    mproc_value_entry(dict, index, &key, &value);
    const char *name = mproc_value_str(key, &len);
    if (!name || !mp_command_is_name(name, len))
        return mp_fail(err, -EINVAL, "args of a command: a name is made of A-Z a-z 0-9 _ - .");
    return hand_over(command, value, name, len, err);
}

static int hand_over_all(struct command *command, const mproc_value *args, mproc_error *err)
{
    mproc_kind kind = args ? mproc_value_kind(args) : MPROC_KIND_NONE;
    bool many = kind == MPROC_KIND_LIST || kind == MPROC_KIND_TUPLE || kind == MPROC_KIND_DICT;
    size_t n = many ? mproc_value_length(args) : 1;
    command->keep = calloc(n + 1, sizeof *command->keep); /* and the sentinel */
    if (!command->keep)
        return mp_fail_errno(err, ENOMEM, "args of a command");
    if (kind == MPROC_KIND_NONE)
        return 0;
    if (!many)
        return hand_over(command, args, NULL, 0, err);
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = kind == MPROC_KIND_DICT ? hand_over_entry(command, args, i, err)
                                     : hand_over(command, mproc_value_item(args, i), NULL, 0, err);
    return rc;
}

/* A variable that this process was given itself says nothing to its children. */
static int make_environment(struct command *command, const struct mp_task *task, mproc_error *err)
{
    static const char variable[] = MP_CONNECTIONS_VARIABLE;
    int rc = mp_buffer_append(&command->entries, variable, sizeof variable - 1);
    if (rc == 0)
        rc = mp_buffer_append(&command->entries, "=", 1);
    if (rc == 0)
        rc = hand_over_all(command, task->args, err);
    if (rc == 0)
        rc = mp_buffer_append(&command->entries, "", 1);
    if (rc == 0) {
        char *entry = command->n_keep > 0 ? (char *)command->entries.data : NULL;
        command->envp = mp_environment_with(task->options->environment, variable, entry);
        rc = command->envp ? 0 : -ENOMEM;
    }
    return rc == 0 ? 0 : mp_fail_errno(err, -rc, "environment of a command");
}

static int launch(struct command *command, struct mproc_process *process,
                  const struct mp_task *task, const sigset_t *mask, mproc_error *err)
{
    const mproc_process_options *options = task->options;
    const struct mp_limits limits = mp_limits_of(options);
    pid_t pid;
    struct mp_launch launch = {
        .path = options->command[0],
        .argv = (char *const *)(uintptr_t)options->command,
        .envp = command->envp,
        .directory = options->directory,
        .keep = command->keep,
        .n_keep = command->n_keep,
        .limits = &limits,
        .tie = process->daemon ? &command->bond : NULL,
        .clan = &process->clan,
        .restore_sigpipe = true,
        .mask = *mask,
    };
    memcpy(launch.stdio, task->redirect->stdio, sizeof launch.stdio);
    mp_deadline_in(options->start_timeout, &launch.deadline);
    int rc = mp_launch(&launch, &pid, err);
    if (rc == 0)
        return mp_bond_keep_parent(&command->bond, process, pid, err);
    mp_bond_close(&command->bond);
    return rc;
}

/* A handler for SIGCHLD must not reap the child before there is a pidfd of it. */
static int launch_blocked(struct command *command, struct mproc_process *process,
                          const struct mp_task *task, mproc_error *err)
{
    sigset_t all;
    sigset_t mask;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &mask);
    int rc = launch(command, process, task, &mask, err);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    return rc;
}

static int start_bonded(struct command *command, struct mproc_process *process,
                        const struct mp_task *task, mproc_error *err)
{
    int rc = process->clan.group ? mp_bond_open_group(&command->bond, process->daemon, err)
                                 : mp_bond_open(&command->bond, process->daemon, err);
    if (rc < 0)
        return rc;
    int sentinel = command->bond.sentinel[1];
    if (sentinel >= 0)
        command->keep[command->n_keep++] = sentinel; /* its end tells that the program has ended */
    return launch_blocked(command, process, task, err);
}

static int start(struct mproc_process *process, const struct mp_task *task, mproc_error *err)
{
    struct command command = {.moved = {-1, -1, -1}};
    int rc = make_environment(&command, task, err);
    if (rc == 0)
        rc = start_bonded(&command, process, task, err);
    for (int i = 0; i < 3; i++)
        mp_fd_close(&command.moved[i]);
    free(command.keep);
    free(command.envp);
    mp_buffer_clear(&command.entries);
    return rc;
}

const struct mp_start_method mp_start_command = {
    .name = "command",
    .prepare = prepare,
    .start = start,
};
