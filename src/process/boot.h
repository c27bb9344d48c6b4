/* SPDX-License-Identifier: MIT */
/*
 * A child that is no copy of its parent, on its way to its target: the parent's side.
 *
 * It is born with one end of a socket. Through that it gets all it is to know (note.h), and answers
 * when it is about to run its target. Either sees the other's death by the end of the stream.
 */
#ifndef MP_PROCESS_BOOT_H
#define MP_PROCESS_BOOT_H

#include "base/buffer.h"
#include "process/bond.h"
#include "process/launch.h"
#include "process/note.h"

/* In the environment of a program that was executed: "FD:PID", its end of the socket and its
 * parent. */
#define MP_BOOT_VARIABLE "MPROC_BOOTSTRAP"

struct mp_boot {
    mproc_conn *conn; /* our end */
    int theirs;       /* the child's end until it has it, or -1 */
    int relay;        /* what a fork server needs beside it, or -1 */
    pid_t server;     /* the fork server that was asked */
    mp_deadline deadline;
    double timeout; /* seconds, as they were given */
    struct mp_note note;
    struct mp_buffer args;
    struct mp_parcel parcel; /* descriptors of the connections among the arguments, borrowed */
    struct mp_buffer settings;
};

/* What can be done before there is a child: find the target, pickle the arguments. */
int mp_boot_new(struct mp_boot **out, const struct mp_task *task, mproc_error *err);
void mp_boot_free(struct mp_boot *boot);

/* Make the socket. 0 or a negative code. */
int mp_boot_connect(struct mp_boot *boot, mproc_error *err);

/* Tell the child who it is; `fds` are those that the bond does not have. */
int mp_boot_introduce(struct mp_boot *boot, const struct mproc_process *process,
                      const struct mp_bond *bond, int fds[MP_NOTE_FDS], mproc_error *err);

/*
 * Execute this program, which gets its end of the socket, with what `launch` says beside that. All
 * signals are blocked, so that no handler for SIGCHLD reaps it before it is watched.
 */
int mp_boot_exec(struct mp_boot *boot, struct mp_launch *launch,
                 const mproc_process_options *options, pid_t *pid, mproc_error *err);

/* Without the table's lock: send the rest. 0 or a negative code, which is for mp_boot_finish(). */
int mp_boot_deliver(struct mp_boot *boot);

/*
 * Wait until the child, whose status is `status`, runs its target. 0, MPROC_ESTART, -ETIMEDOUT, or
 * what the child says.
 */
int mp_boot_finish(struct mp_boot *boot, int delivered, struct mp_status *status, mproc_error *err);

/* The same if nothing had to be delivered. */
int mp_boot_await(struct mp_boot *boot, struct mp_status *status, mproc_error *err);

/* In a copy of this process that is none of ours to speak to. */
void mp_boot_after_fork(struct mp_boot *boot);

/* init.c */

/* 0, or MPROC_EBOOTSTRAP in a process that was started to run a target and does not get to it. */
int mp_boot_check_self(mproc_error *err);

/* The child's side, from the note on: become what it says, run the target, end. */
_Noreturn void mp_boot_become(mproc_conn *conn, struct mp_note *note, int fds[MP_NOTE_FDS]);

/* Tell the parent that this went wrong, and end. */
_Noreturn void mp_boot_fail(mproc_conn *conn, int code, const mproc_error *err);

#endif
