/* SPDX-License-Identifier: MIT */
/* The options in, out and err of a start: from what the caller asked for to a child's 0, 1 and 2.
 */
#ifndef MP_PROCESS_REDIRECT_H
#define MP_PROCESS_REDIRECT_H

#include <stdbool.h>

#include <mproc/start.h>

#include "process/stdio.h"

struct mp_redirect {
    int stdio[3];         /* for the child, as mp_stdio_set() takes them */
    int owned[3];         /* those of them that were opened for it, else -1 */
    mproc_conn *conns[3]; /* this process's ends of pipes, or NULL */
};

#define MP_REDIRECT_NONE                                                                           \
    {                                                                                              \
        {MP_STDIO_OWN, MP_STDIO_OWN, MP_STDIO_OWN}, {-1, -1, -1},                                  \
        {                                                                                          \
            NULL, NULL, NULL                                                                       \
        }                                                                                          \
    }

/* Are the options in themselves sound? 0 or -EINVAL. Touches no descriptor. */
int mp_redirect_check(const mproc_process_options *options, mproc_error *err);

/*
 * Open what there is to open; never waits. With the table's lock held, so that no other child
 * inherits it. 0 or a negative code, with nothing open.
 */
int mp_redirect_open(struct mp_redirect *redirect, const mproc_process_options *options,
                     mproc_error *err);

/* The start succeeded: give the caller its ends of pipes. */
void mp_redirect_hand_over(struct mp_redirect *redirect, const mproc_process_options *options);

/* Close what this still owns. */
void mp_redirect_close(struct mp_redirect *redirect);

/* Can mp_redirect_apply() fail in a way that the caller must know of? */
bool mp_redirect_is_default(const struct mp_redirect *redirect);

/*
 * In a forked child: stdio becomes what was asked for, and the parent's ends of pipes are closed. 0
 * or -errno; *what is then a stream's name.
 */
int mp_redirect_apply(struct mp_redirect *redirect, const char **what);

#endif
