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
 * @retval -EINVAL           act: NaN, an item that names nothing, no item and no timeout, or, of
 * those that have to be waited for, more than RLIMIT_NOFILE (see poll(2))
 * @retval -EBADF            act: a handle that is not open
 * @retval MPROC_EDIRECTION  act: a connection that only sends
 * @retval MPROC_ENOTCHILD   act: a process that another process started
 * @retval -ENOMEM           act: out of memory
 * @par Threads  any thread; each item may be waited for by several threads, and of those that are
 * told "ready" one will get the message
 * @par Signals  EINTR resumes with the time left
 */
MPROC_API int mproc_wait(mproc_wait_item *items, size_t n, double timeout);

/**
 * Things to wait for again and again.
 *
 * A wait costs what is ready, not what is watched: with ten thousand idle connections and one that
 * speaks it takes as long as with ten. (In the portable build it costs what mproc_wait() costs.)
 */
typedef struct mproc_waitset mproc_waitset;

/** One thing in a waitset that is ready. */
typedef struct mproc_wait_event {
    mproc_wait_item item; /**< as it was added, `ready` set to 1 */
    void *tag;            /**< what was given along with it */
} mproc_wait_event;

/**
 * Make an empty waitset.
 *
 * @param[out] set  close it with mproc_waitset_close()
 * @return 0, or a negative code:
 * @retval -EMFILE,-ENFILE,-ENOMEM  act: no descriptors or no memory left
 * @retval -EINVAL                  act: `set` is NULL
 * @par Fork  A waitset belongs to the process that made it. In a forked child it can only be
 * closed, which changes nothing for the parent; every other call is MPROC_EINHERITED. The objects
 * in it can be used in the child, and be added to a waitset of its own.
 */
MPROC_API int mproc_waitset_new(mproc_waitset **set);

/**
 * Add something to wait for.
 *
 * The object stays the caller's. A connection, listener or process that is closed leaves the set by
 * itself. A plain handle must be removed before it is closed: the system might otherwise go on
 * reporting it, or mistake the next one with its number for it.
 *
 * @param set   open waitset
 * @param item  what to wait for; `ready` does not matter
 * @param tag   anything; comes back with each event
 * @return 0, or a negative code:
 * @retval -EINVAL           act: an item that names nothing
 * @retval -EEXIST           act: it is in the set already, or another thing with its descriptor is
 * @retval -EBUSY            act: it is in another waitset; an object can be in one
 * @retval -EBADF            act: a handle that is not open
 * @retval MPROC_EDIRECTION  act: a connection that only sends
 * @retval MPROC_ENOTCHILD   act: a process that another process started
 * @retval MPROC_EINHERITED  act: the set is the parent's
 * @retval -ENOMEM,-ENOSPC   act: no memory left, or the system's limit on watches
 * @par Threads  any thread, also while others wait on the set: they wait for the new one too
 */
MPROC_API int mproc_waitset_add(mproc_waitset *set, const mproc_wait_item *item, void *tag);

/**
 * Remove something.
 *
 * @param set   open waitset
 * @param item  as it was added
 * @return 0, or a negative code:
 * @retval -ENOENT           act: it is not in the set
 * @retval -EINVAL           act: NULL where something is needed
 * @retval MPROC_EINHERITED  act: the set is the parent's
 * @par Threads  any thread, also while others wait on the set; one that is just returning may
 * still report it
 */
MPROC_API int mproc_waitset_remove(mproc_waitset *set, const mproc_wait_item *item);

/**
 * Wait until something in the set is ready, and say what.
 *
 * What is ready is reported by every call until it is so no more, such as a connection until its
 * messages have been received, those included that were read ahead. If more are ready than there
 * is room for, the next calls go on with the others: everyone gets a turn.
 *
 * @param set          open waitset; an empty one waits for what other threads add
 * @param[out] events  room for what is ready; the first that were reported are written
 * @param room         number of events, at least one
 * @param timeout      seconds; 0 or negative polls, MPROC_FOREVER waits
 * @return how many events there are, 0 if there was none within the timeout, or a negative code:
 * @retval -EINVAL           act: NaN, or no room
 * @retval MPROC_EINHERITED  act: the set is the parent's
 * @retval -errno            act: the system's polling failed
 * @par Threads  any number may wait on one set; of those that are told of one connection, one will
 * get the message. They may receive from, send to, remove and close what is in the set, as each
 * object allows; only the set itself must not be closed meanwhile. A listener's on_reject runs
 * inside this call and must not call it, or close the listener.
 * @par Signals  EINTR resumes with the time left
 */
MPROC_API int mproc_waitset_wait(mproc_waitset *set, mproc_wait_event *events, size_t room,
                                 double timeout);

/**
 * The descriptor by which a foreign event loop can watch all of the set at once, for reading.
 *
 * The rule: whenever it is readable, call mproc_waitset_wait() with timeout 0 and handle what that
 * reports. Nothing else is needed: the descriptor is readable as long as something may be ready,
 * also a message that was read ahead, and time limits of handshakes are watched along. It may be
 * readable for nothing, in which case that call returns 0. From the first call of this function on
 * every wait takes a little longer.
 *
 * @param set  open waitset
 * @return descriptor, which belongs to the set: never close or read it; or a negative code:
 * @retval -EINVAL                  act: `set` is NULL
 * @retval -EMFILE,-ENFILE,-ENOMEM  act: no descriptors or no memory left
 * @retval -ENOTSUP                 act: not in the portable build
 * @retval MPROC_EINHERITED         act: the set is the parent's
 * @par Threads  any thread
 */
MPROC_API mproc_handle mproc_waitset_handle(mproc_waitset *set);

/**
 * Close a waitset. What is in it stays open.
 *
 * @param set  waitset, or NULL; no call on it may be under way, nor a receive from what is in it
 * @par Fork  a child that does not need its copy should close it, but need not
 */
MPROC_API void mproc_waitset_close(mproc_waitset *set);

#ifdef __cplusplus
}
#endif

#endif
