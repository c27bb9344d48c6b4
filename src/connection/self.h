/* SPDX-License-Identifier: MIT */
/*
 * Who is calling, told apart across threads, processes and forks without a system call.
 */
#ifndef MP_CONNECTION_SELF_H
#define MP_CONNECTION_SELF_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* What every process has once. It lies in memory that a forked child finds zeroed
 * (MADV_WIPEONFORK), and so a child can tell that it is not its parent. */
struct mp_process_mark {
    _Atomic uint64_t token; /* random; 0 in a process that has not asked yet */
    _Atomic uint64_t name;
    atomic_bool barrier; /* membarrier(2) reaches this process */
};

/*
 * A process's name for others that want to learn of its death: its pid, and above that the pid
 * namespace in which it has it. Never 0.
 */
#define MP_PID_BITS 22 /* PID_MAX_LIMIT of Linux */
#define MP_NAME_BITS (MP_PID_BITS + 32)

/* Tokens are multiples of this, and not 0: below is room for a number, or for what is no token. */
#define MP_TOKEN_STEP 4

struct mp_thread_mark {
    uint64_t token;   /* random; no other thread of any process has it */
    uint64_t process; /* the process in which it was drawn */
};

extern struct mp_process_mark *mp_process_mark;
extern _Thread_local struct mp_thread_mark mp_thread_mark
    __attribute__((tls_model("initial-exec")));

/* Before any other call here; once is enough, more do no harm. 0 or -errno. */
int mp_self_init(void);

/* Draw the calling thread's token, and its process's if need be. */
uint64_t mp_self_renew(void);

/* Token of the calling thread. */
static inline uint64_t mp_self_thread(void)
{
    uint64_t process = atomic_load_explicit(&mp_process_mark->token, memory_order_relaxed);
    return mp_thread_mark.process == process ? mp_thread_mark.token : mp_self_renew();
}

/* Token of the calling process. */
static inline uint64_t mp_self_process(void)
{
    mp_self_thread();
    return atomic_load_explicit(&mp_process_mark->token, memory_order_relaxed);
}

/* Name of the calling process. */
static inline uint64_t mp_self_name(void)
{
    mp_self_thread();
    return atomic_load_explicit(&mp_process_mark->name, memory_order_relaxed);
}

/* Are both of one pid namespace, so that one can judge whether the other is alive? */
static inline bool mp_self_can_judge(uint64_t name)
{
    return name >> MP_PID_BITS == mp_self_name() >> MP_PID_BITS;
}

/*
 * Has the process ended? One that nobody has reaped has. False for a process of another pid
 * namespace, of which nothing is known here.
 */
bool mp_self_is_gone(uint64_t name);

/* The same of one thread of it. */
bool mp_self_is_thread_gone(uint64_t name, int32_t tid);

/* Can mp_self_barrier_all() of others reach this process? */
static inline bool mp_self_has_barrier(void)
{
    return atomic_load_explicit(&mp_process_mark->barrier, memory_order_relaxed);
}

/*
 * A full memory barrier in every running thread of every process that has one: what such a thread
 * did before is visible here, what it does after sees what was done here. Takes some 15 us while
 * one runs, and spares it a barrier in each of its own steps.
 */
void mp_self_barrier_all(void);

#endif
