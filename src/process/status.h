/* SPDX-License-Identifier: MIT */
/* Has it ended, and how? Asked by any number of threads, reaped exactly once. */
#ifndef MP_PROCESS_STATUS_H
#define MP_PROCESS_STATUS_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>
#include <sys/wait.h>

#include "base/pollable.h"
#include "process/usage.h"

enum mp_life {
    MP_RUNNING,
    MP_ENDED, /* with a status of ours */
    MP_TAKEN  /* ended, its status is not to be had */
};

struct mp_status {
    struct mp_pollable pollable;
    pid_t pid;
    pid_t owner;  /* the process for which this holds; a forked copy of it must not ask */
    int sentinel; /* pidfd, or a pipe's read end which hangs up when the process ends */
    bool pidfd;
    bool is_parent;        /* not a child: can be watched, not reaped */
    bool distant;          /* a fork server is between us: the system sees neither as the other's */
    pthread_mutex_t lock;  /* one asks the kernel at a time */
    atomic_int life;       /* enum mp_life; leaves MP_RUNNING once, after `code` was written */
    int code;              /* exit code, or minus the signal */
    struct mp_usage usage; /* written with `code`; who reaps for us has to tell this too */
    int relay;             /* of a fork server's child: from there its end is told; or -1 */
    atomic_bool lost;      /* the fork server is dead, and the relay with it */
    bool hold; /* reaped only by mp_status_destroy(), so that until then the pid is its own */
    /* The sentinel spoke, but the process is not to be had yet: ask now and then instead. */
    atomic_bool hung_up;
    _Atomic mp_deadline look_at; /* when to ask although the sentinel is silent */
    int64_t pause;               /* nanoseconds between two such looks; under the lock */
};

/* Fill a status with nothing to watch yet. 0 or a negative code. */
int mp_status_init(struct mp_status *status);

/*
 * Begin to watch process `pid` of this process through `sentinel`, which is owned from now on. One
 * that is gone already, so that a pidfd for it cannot be had, is begun by mp_status_begin_gone().
 */
void mp_status_begin(struct mp_status *status, pid_t pid, int sentinel, bool pidfd);
int mp_status_begin_gone(struct mp_status *status, pid_t pid);

/* Free, without a word to the process. `mine` false: in a copy, where the lock may be held. */
void mp_status_destroy(struct mp_status *status, bool mine);

/* Ask without blocking, reap if there is something to reap; what is known from then on. */
enum mp_life mp_status_look(struct mp_status *status);

/* waitid(2) for one child without blocking; `code` and `usage` are set only for MP_ENDED. */
enum mp_life mp_status_reap(idtype_t type, id_t id, struct mp_status *status);

/* Send a signal unless it has ended. 0 or -errno. */
int mp_status_signal(struct mp_status *status, int number);

#endif
