/* SPDX-License-Identifier: MIT */
/* What a process object is, and the parts of this room that share it. */
#ifndef MP_PROCESS_PROCESS_H
#define MP_PROCESS_PROCESS_H

#include <mproc/process.h>

#include "base/log.h"
#include "process/status.h"

enum mp_process_kind {
    MP_CHILD, /* started by the process that holds the object, or by one it was forked from */
    MP_SELF,
    MP_PARENT
};

struct mproc_process {
    struct mp_status status; /* not used by MP_SELF */
    enum mp_process_kind kind;
    bool daemon;
    int lifeline; /* its end here tells a child that this process lives; or -1 */
    char name[MP_PROCESS_NAME];
    char identity[MP_PROCESS_NAME]; /* "2:1" for Process-2:1, also if it has another name */
    struct mproc_process *prev;     /* table of children, see table.h */
    struct mproc_process *next;
};

/* What to run. */
struct mp_task {
    mproc_target target;
    const mproc_value *args; /* a root, so that the connections in it can be found; NULL: None */
    const mproc_process_options *options; /* read and checked */
};

/*
 * A way to bring a child into being. prepare() may refuse, and may block. start() runs with the
 * table's lock held; it sets up process->status and lifeline, or leaves no child behind. In the
 * child, it does not return.
 */
struct mp_start_method {
    const char *name;
    int (*prepare)(const struct mp_task *task, mproc_error *err);
    int (*start)(struct mproc_process *process, const struct mp_task *task, mproc_error *err);
};

extern const struct mp_start_method mp_start_fork;

/* The wait module's view of a child or of the parent; NULL for the current process. */
struct mp_pollable *mp_process_pollable(mproc_process *process);

#endif
