/* SPDX-License-Identifier: MIT */
/** @file
 * Finalizers: what a process still has to do when it ends, as multiprocessing.util.Finalize.
 *
 * When a process ends by exit(3), by returning from main, or as a child by returning from its
 * target, then in this order: finalizers of priority 0 and above run; daemonic children get SIGTERM
 * and all children are waited for; the remaining finalizers run. Higher priorities come first, and
 * of equal ones the one registered last. This happens where atexit(3) handlers run: before those
 * that were registered before the first finalizer or child, and in a child after its own.
 *
 * A finalizer belongs to the process that registered it: in forked copies, mproc's own children
 * among them, it does not exist. Nothing runs after _exit(2), exec or death by a signal.
 */
#ifndef MPROC_FINALIZE_H
#define MPROC_FINALIZE_H

#include <mproc/common.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Names a finalizer; a number that is never used again. 0 names none. */
typedef uint64_t mproc_finalizer;

/** What a finalizer does. It may register, call and cancel finalizers, and call exit(3). */
typedef void (*mproc_finalizer_fn)(void *arg);

/**
 * Register a finalizer.
 *
 * One that is registered while finalizers run at the process's end runs there too.
 *
 * @param[out] finalizer  its name, for calling or cancelling it; may be NULL
 * @param fn              what to call, once, in this process
 * @param arg             handed to `fn`; must live until then
 * @param priority        higher ones run first; negative ones after the children have ended
 * @return 0, or a negative code:
 * @retval -EINVAL  act: `fn` is NULL
 * @retval -ENOMEM  act: no memory, or no room for an exit handler
 * @par Threads   any thread; the cost grows with the number of finalizers of higher priority
 */
MPROC_API int mproc_finalizer_register(mproc_finalizer *finalizer, mproc_finalizer_fn fn, void *arg,
                                       int priority);

/**
 * Run a finalizer now instead of at the end.
 *
 * @param finalizer  what mproc_finalizer_register() gave
 * @return 0 when it has run in this call, or a negative code:
 * @retval -ENOENT  act: it has run, runs in another thread, was cancelled, or is another process's
 * @par Threads   any thread; of several that call it, one runs it
 */
MPROC_API int mproc_finalizer_call(mproc_finalizer finalizer);

/**
 * Forget a finalizer without running it.
 *
 * @param finalizer  what mproc_finalizer_register() gave
 * @return 0, or a negative code:
 * @retval -ENOENT  act: it has run, runs in another thread, was cancelled, or is another process's
 * @par Threads   any thread
 */
MPROC_API int mproc_finalizer_cancel(mproc_finalizer finalizer);

#ifdef __cplusplus
}
#endif

#endif
