/* SPDX-License-Identifier: MIT */
/** @file
 * Waiting for connections, listeners, processes, sockets and bare handles in one call.
 */
#ifndef MPROC_WAIT_H
#define MPROC_WAIT_H

#include <mproc/common.h>
#include <mproc/connection.h>
#include <mproc/listener.h>
#include <mproc/process.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What an mproc_wait_item names. */
enum mproc_wait_kind {
    MPROC_WAIT_HANDLE,   /**< a descriptor: ready when readable, at its end, or in error */
    MPROC_WAIT_CONN,     /**< a readable connection: ready when a receive would not block */
    MPROC_WAIT_LISTENER, /**< a listener: ready when an accept would not block */
    MPROC_WAIT_PROCESS   /**< a process, child or parent: ready when it has ended */
};

/** One thing to wait for, as made by the functions below. */
typedef struct mproc_wait_item {
    int kind;  /**< an mproc_wait_kind */
    int ready; /**< set by mproc_wait(): 1 ready, 0 not */
    union {
        mproc_handle handle;
        mproc_conn *conn;
        mproc_listener *listener;
        mproc_process *process;
    } object; /**< not owned */
} mproc_wait_item;

/** Item for a descriptor: a socket, a pipe end, a timerfd, anything poll(2) takes. */
static inline mproc_wait_item mproc_wait_handle(mproc_handle handle)
{
    mproc_wait_item item;
    item.kind = MPROC_WAIT_HANDLE;
    item.ready = 0;
    item.object.handle = handle;
    return item;
}

/** Item for a connection that can be received from. */
static inline mproc_wait_item mproc_wait_conn(mproc_conn *conn)
{
    mproc_wait_item item;
    item.kind = MPROC_WAIT_CONN;
    item.ready = 0;
    item.object.conn = conn;
    return item;
}

/** Item for a listener. */
static inline mproc_wait_item mproc_wait_listener(mproc_listener *listener)
{
    mproc_wait_item item;
    item.kind = MPROC_WAIT_LISTENER;
    item.ready = 0;
    item.object.listener = listener;
    return item;
}

/** Item for a process: a child, or mproc_parent_process(). */
static inline mproc_wait_item mproc_wait_process(mproc_process *process)
{
    mproc_wait_item item;
    item.kind = MPROC_WAIT_PROCESS;
    item.ready = 0;
    item.object.process = process;
    return item;
}

/**
 * Wait until at least one of the items is ready, and mark all that are.
 *
 * Messages that a connection has read ahead count, also those of which the descriptor no longer
 * knows. There is no limit on the number of items or the value of a descriptor but the system's
 * own.
 *
 * @param items    what to wait for; `ready` of each is set on success
 * @param n        number of items
 * @param timeout  seconds; 0 or negative polls, MPROC_FOREVER waits
 * @return how many are ready, 0 if none was within the timeout, or a negative code:
 * @retval -EINVAL           act: NaN, an item that names nothing, or no item and no timeout
 * @retval -EBADF            act: a handle that is not open
 * @retval MPROC_EDIRECTION  act: a connection that only sends
 * @retval MPROC_ENOTCHILD   act: a process that another process started
 * @retval -ENOMEM           act: out of memory
 * @par Threads  any thread; each item may be waited for by several threads, and of those that are
 * told "ready" one will get the message
 * @par Signals  EINTR resumes with the time left
 */
MPROC_API int mproc_wait(mproc_wait_item *items, size_t n, double timeout);

#ifdef __cplusplus
}
#endif

#endif
