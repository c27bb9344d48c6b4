/* SPDX-License-Identifier: MIT */
/*
 * Which processes hold a descriptor that fork(2) has copied, so that one of them alone knows that
 * it is alone, and may take more from it than it was asked for.
 *
 * A few words for each descriptor lie in memory that forked children share. What holds of them:
 *
 *   Never do they count fewer holders, or fewer active ones, than there are. Too low a count would
 *   lose messages; too high a one costs read-ahead.
 *
 * So a fork counts the child in before there is one, in a handler, and what takes several steps
 * takes them in an order in which a process may be killed after each of them. A fork that fails
 * has counted, too, and nobody can tell: what is open at that moment counts as shared until it is
 * closed. The same goes for a child that is killed before it has left its pid.
 *
 * For many a child never closes its copies, but ends or executes another program. So the holders
 * leave their pids, as far as there is room, and now and then one who is not alone looks whether
 * they still have the descriptor, and counts down in their place. Whoever takes a pid away has to
 * count down, once: the holder that closes, or one who thinks it gone.
 *
 * A child may rest its copies: it has them, but does not mean to use them. They hinder nobody. When
 * it uses one nevertheless, it may do so unless another process has read ahead meanwhile.
 */
#ifndef MP_CONNECTION_HOLDERS_H
#define MP_CONNECTION_HOLDERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define MP_HOLDERS_NAMED 8

/* In shared memory. */
struct mp_holders {
    _Atomic uint32_t all;                   /* processes that have a copy */
    _Atomic uint32_t active;                /* those that do not rest it */
    _Atomic uint32_t ahead;                 /* reads ahead beside resting copies */
    _Atomic uint32_t dealt;                 /* for the user: see mp_hold_deal() */
    struct mp_holders *next;                /* the allocator's */
    _Atomic int32_t pids[MP_HOLDERS_NAMED]; /* negative: rests its copy; 0: nobody */
};

struct mp_hold;

/* What the owner has to do around each fork, in the thread that forks. */
struct mp_hold_ops {
    void (*before_fork)(struct mp_hold *hold);
    void (*after_fork)(struct mp_hold *hold); /* in the child */
};

/*
 * One process's copy. Embedded in what owns the descriptor. A forked child leaves it as it is:
 * who has thousands would pay for every page with them. So things are dated by generation.
 */
struct mp_hold {
    const struct mp_hold_ops *ops;
    struct mp_holders *holders; /* NULL: not open */
    struct mp_hold *prev;
    struct mp_hold *next;
    int fd;
    unsigned made;     /* the generation in which it was opened, */
    unsigned awake;    /* was used or meant to be used, */
    unsigned nameless; /* and in which there was no room for our pid */
    bool is_late;      /* it has rested: others that rest may do as it did */
    unsigned calm;     /* so many looks at the count until the next look for the others */
    unsigned calmer;   /* and so many after that */
    uint32_t ahead;    /* reads ahead when this process was forked */
};

/* Be the one holder of `fd`, until the hold is closed, before the descriptor. 0 or -errno. */
int mp_hold_open(struct mp_hold *hold, int fd, const struct mp_hold_ops *ops);

/* Cease to hold; also if it never was open. */
void mp_hold_close(struct mp_hold *hold);

/* In a forked child: rest everything that came through the fork and is not in use yet. */
void mp_hold_rest_others(void);

/* How many forks lie between this process and the first of its family. */
extern unsigned mp_hold_generation;

/* Has this come through a fork, and is not in use yet? */
static inline bool mp_hold_is_inherited(const struct mp_hold *hold)
{
    return hold->awake != mp_hold_generation;
}

/* Begin to use what has come through a fork. False: it was at rest, somebody has read ahead since,
 * and the place is lost for good. */
bool mp_hold_use(struct mp_hold *hold);

/*
 * Has another process lost what is `fd` here and was so there? `fd` may be -1: has it ended? False
 * if that cannot be found out.
 */
bool mp_hold_is_gone(pid_t pid, int fd);

bool mp_hold_may_read_ahead_beside_others(struct mp_hold *hold);

/* Is nobody else there to miss what this process reads ahead? If so, it counts as done. */
static inline bool mp_hold_may_read_ahead(struct mp_hold *hold)
{
    return atomic_load_explicit(&hold->holders->all, memory_order_acquire) == 1 ||
           mp_hold_may_read_ahead_beside_others(hold);
}

/* What processes have copies of is dealt out among them: this is the number of the next thing. */
static inline uint32_t mp_hold_dealt(const struct mp_hold *hold)
{
    return atomic_load(&hold->holders->dealt);
}

/* Get the thing of that number. False: another process was faster. */
static inline bool mp_hold_deal(struct mp_hold *hold, uint32_t number)
{
    return atomic_compare_exchange_strong(&hold->holders->dealt, &number, number + 1);
}

#endif
