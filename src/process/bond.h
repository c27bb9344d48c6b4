/* SPDX-License-Identifier: MIT */
/*
 * What ties a forked child and its parent: how each learns of the other's end.
 *
 * With pidfds, the child gets one of the parent, opened before the fork so that it cannot name
 * another process, and the parent opens one of the child. Without, each holds the write end of a
 * pipe until it ends: the parent the lifeline's, the child the sentinel's. Copies made by fork(2)
 * close what they inherit of these.
 */
#ifndef MP_PROCESS_BOND_H
#define MP_PROCESS_BOND_H

#include "process/process.h"

struct mp_bond {
    bool pidfd;
    bool by_server;   /* a fork server is between the two */
    bool by_lifeline; /* a daemonic child watches its lifeline, not its parent itself */
    bool group;       /* it takes its process group along */
    pid_t parent;
    int parent_pidfd;
    int lifeline[2];
    int sentinel[2];
};

/* Before the fork. */
int mp_bond_open(struct mp_bond *bond, bool daemon, mproc_error *err);
/* For a child that leads a process group. */
int mp_bond_open_group(struct mp_bond *bond, bool daemon, mproc_error *err);
void mp_bond_close(struct mp_bond *bond);

/*
 * The same for a child that a fork server forks: it cannot be told of its parent's end by the
 * system. What the child needs has been sent to it when keep_distant() keeps the rest.
 */
int mp_bond_open_distant(struct mp_bond *bond, bool daemon, bool group, mproc_error *err);
void mp_bond_keep_distant(struct mp_bond *bond, struct mproc_process *process);

/*
 * In the parent: begin to watch `child` as `process`. If that fails, the child is killed and
 * reaped, and the bond closed.
 */
int mp_bond_keep_parent(struct mp_bond *bond, struct mproc_process *process, pid_t child,
                        mproc_error *err);

/* In the child: begin to watch the parent; what the parent keeps is closed. */
void mp_bond_keep_child(struct mp_bond *bond, struct mp_status *parent);

/*
 * In every copy made by fork(2), ours or not: close the ends by which this process's end would have
 * been told to the parent of the one that was copied.
 */
void mp_bond_after_fork(void);

/* tie.linux.c, tie.posix.c */

/* Before the fork: does a daemonic child started by this thread need a lifeline? */
bool mp_tie_wants_lifeline(void);

/*
 * In a daemonic child: from now on SIGKILL comes with the parent's end, however it ends, to the
 * whole process group if it leads one. Negative if that is impossible or the parent is dead
 * already.
 */
int mp_tie_to_parent(const struct mp_bond *bond, struct mp_status *parent);

/*
 * The same for a child that is about to execute another program, with calls that are allowed after
 * vfork(2). Where that goes by the lifeline, its read end must stay open in the program, which
 * undoes the tie by closing it; otherwise only a set-user-id or set-group-id program is free of it.
 * -ENOTSUP: impossible here.
 */
int mp_tie_before_exec(const struct mp_bond *bond);

#endif
