/* SPDX-License-Identifier: MIT */
/* What a process object is, and the parts of this room that share it. */
#ifndef MP_PROCESS_PROCESS_H
#define MP_PROCESS_PROCESS_H

#include <mproc/process.h>

#include "base/log.h"
#include "process/clan.h"
#include "process/status.h"

enum mp_process_kind {
    MP_CHILD, /* started by the process that holds the object, or by one it was forked from */
    MP_SELF,
    MP_PARENT
};

struct mp_boot;

/* Only started ones are shown to the program. */
enum mp_stage {
    MP_STARTED,
    MP_STARTING, /* waited for without the table's lock */
    MP_ABANDONED /* it did not start in time, was killed, and waits for its end */
};

struct mproc_process {
    struct mp_status status; /* not used by MP_SELF */
    enum mp_process_kind kind;
    enum mp_stage stage; /* of a child; guarded by the table's lock */
    bool daemon;
    struct mp_clan clan;
    struct mp_boot *boot; /* while it starts, if it is no copy of this process */
    int lifeline;         /* its end here tells a child that this process lives; or -1 */
    unsigned long number; /* among this process's children, from 1 */
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
    struct mp_boot *boot;                 /* made by prepare(), freed by forget() */
    struct mp_redirect *redirect;         /* what its stdio shall be, open; see redirect.h */
};

/*
 * A way to bring a child into being. prepare() may refuse, and may block. start() runs with the
 * table's lock held; it sets up process->status and lifeline, or leaves no child behind. In the
 * child, it does not return. finish(), if there is one, waits without the lock until the child runs
 * its target; if it fails, the child is killed. forget() undoes prepare(), also if that failed.
 *
 * MP_AGAIN from finish(): it was the method's own fault, and another attempt may do better.
 */
#define MP_AGAIN (-5992)

struct mp_start_method {
    const char *name;
    int (*prepare)(struct mp_task *task, mproc_error *err);
    int (*start)(struct mproc_process *process, const struct mp_task *task, mproc_error *err);
    int (*finish)(struct mproc_process *process, const struct mp_task *task, mproc_error *err);
    void (*forget)(struct mp_task *task);
};

extern const struct mp_start_method mp_start_fork;
extern const struct mp_start_method mp_start_spawn;
extern const struct mp_start_method mp_start_forkserver;

/* Close and free. `mine` false: in a copy of the process that started it. */
void mp_process_free(struct mproc_process *process, bool mine);
extern const struct mp_start_method mp_start_command; /* the options have a command, no target */

/* May this process watch it, or treat it as its child? 0, -EINVAL for NULL, or MPROC_ENOTCHILD. */
int mp_process_check_watchable(const mproc_process *process);
int mp_process_check_child(const mproc_process *process);

/* Has a child ended, and is it known how? 0, MPROC_ERUNNING, MPROC_ESTATUS, or as above. */
int mp_process_check_ended(mproc_process *process);

/* The wait module's view of a child or of the parent; NULL for the current process. */
struct mp_pollable *mp_process_pollable(mproc_process *process);

#endif
