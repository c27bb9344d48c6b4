/* SPDX-License-Identifier: MIT */
/** @file
 * Connections: whole messages between two processes, over a pipe, a socket, or an adopted
 * descriptor.
 *
 * The framing of stream connections is that of CPython's multiprocessing.connection, so that the
 * other end may be a Python `Connection`.
 *
 * @par Threads  One sender and one receiver may use a connection at the same time. Several senders,
 * or several receivers, are served one after the other; whole messages never mix. Closing while
 * another thread is inside a call is an error of the program.
 * @par Fork     A forked child has a copy of each connection. Several processes may receive from,
 * or send on, one pipe in shared memory: each message goes to one receiver, and a process killed
 * inside a call is in nobody's way. On a stream they may do so if they take turns by a lock of
 * their own, which covers a whole receive or send: each message goes to one receiver, those that
 * were read ahead before the fork included, and a poll takes nothing. While several processes hold
 * a stream it is not read ahead, which makes small messages slower: close what you do not need. A
 * child of mproc_process_start() does not count until it receives from or polls what is not in its
 * arguments; if another process has read ahead meanwhile, that is -EBUSY. So is receiving in a
 * child from a stream from which another thread was receiving during the fork, and sending on one
 * on which another thread was sending.
 */
#ifndef MPROC_CONNECTION_H
#define MPROC_CONNECTION_H

#include <mproc/common.h>
#include <mproc/error.h>
#include <mproc/value.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One end of a connection. Opaque; freed by mproc_conn_close(). */
typedef struct mproc_conn mproc_conn;

/** Flags of mproc_pipe(). */
enum mproc_pipe_flags {
    MPROC_DUPLEX = 0x1,      /**< both ends send and receive; the default */
    MPROC_SIMPLEX = 0x2,     /**< the first end only receives, the second only sends */
    MPROC_PIPE_STREAM = 0x4, /**< a byte stream whose handle a Python or foreign process can use */
    MPROC_PIPE_RING = 0x8    /**< through shared memory, or an error: never a stream instead */
};

/** Flags of mproc_conn_from_handle(). */
enum mproc_conn_flags {
    MPROC_CONN_READONLY = 0x1,  /**< receive only */
    MPROC_CONN_WRITEONLY = 0x2, /**< send only */
    MPROC_CONN_SHARED = 0x4 /**< other processes than forked copies of this one receive from this
                                 descriptor too: never read beyond the message asked for */
};

/**
 * Make two connected connections: for two threads, for a process and its child, or to be sent to
 * other processes of this machine.
 *
 * On Linux the messages go through shared memory, a ring for each direction, without a system call
 * while both sides are busy. Several processes may use one end, whole messages each. A ring comes
 * dearer than a stream in descriptors: each end has five (four if it is simplex), both ends in one
 * process nine (seven), against one and two. So the pipe is a stream
 *
 * - with MPROC_PIPE_STREAM, for a Python process, or one of another program, at the other end;
 * - when half of the descriptors that RLIMIT_NOFILE allows are in use;
 * - when a ring cannot be had: no memfd_create(2), no memory or address space, no descriptors;
 * - in the portable build;
 *
 * and with MPROC_PIPE_RING, in the last three cases, an error. What is said of connections holds
 * for both. Beyond that, a stream should have one receiver and one sender at each end.
 *
 * Death is noticed by pid where processes share a pid namespace. Of an end held by processes of
 * several, one that is killed inside a call can leave those of the others waiting until their
 * deadline.
 *
 * @param[out] first   one end; with MPROC_SIMPLEX the one that receives
 * @param[out] second  the other end; with MPROC_SIMPLEX the one that sends
 * @param flags        mproc_pipe_flags; 0 is MPROC_DUPLEX
 * @return 0, or a negative code:
 * @retval -EINVAL           act: unknown flags, or flags that exclude each other
 * @retval -EMFILE,-ENFILE   act: too many open descriptors
 * @retval -ENOMEM           act: out of memory
 * @retval -ENOTSUP,-ENOSYS  act: MPROC_PIPE_RING where there are no rings
 * @par Ownership  the caller closes both ends
 * @par Threads    any thread
 */
MPROC_API int mproc_pipe(mproc_conn **first, mproc_conn **second, unsigned flags);

/**
 * Options of mproc_pipe_with(). Start from MPROC_PIPE_OPTIONS_INIT. They are for rings; a byte
 * stream takes no notice of them.
 */
typedef struct mproc_pipe_options {
    size_t size;       /**< of this struct; set by MPROC_PIPE_OPTIONS_INIT */
    size_t ring_bytes; /**< room for messages on their way, each direction; rounded up to a power
                            of two between 4 KiB and 1 GiB. 0: 4 MiB. Longer messages pass in
                            pieces. Memory is taken only as messages queue up: where the receiver
                            keeps up, 256 KiB are used again and again. */
    double spin_us;    /**< a call that has to wait may look for this long, microseconds, before it
                            sleeps; it does so only where that was worth it before. 0: never.
                            Negative: what the environment's MPROC_SPIN_US says, or 100. Holds for
                            both ends, in whichever process they are. */
} mproc_pipe_options;

/** The defaults of mproc_pipe_options. */
#define MPROC_PIPE_OPTIONS_INIT                                                                    \
    {                                                                                              \
        sizeof(mproc_pipe_options), 0, -1                                                          \
    }

/**
 * mproc_pipe() with options.
 *
 * @param[out] first   one end; with MPROC_SIMPLEX the one that receives
 * @param[out] second  the other end; with MPROC_SIMPLEX the one that sends
 * @param flags        mproc_pipe_flags; 0 is MPROC_DUPLEX
 * @param options      NULL for the defaults
 * @return 0, or a negative code as of mproc_pipe(), and:
 * @retval -EINVAL  act: options without a size, or NaN
 * @retval -E2BIG   act: options of a newer version of the library are set
 * @par Ownership  the caller closes both ends
 * @par Threads    any thread
 */
MPROC_API int mproc_pipe_with(mproc_conn **first, mproc_conn **second, unsigned flags,
                              const mproc_pipe_options *options);

/**
 * Adopt a descriptor of a byte stream: a pipe end, a connected stream socket, a terminal.
 *
 * The descriptor is made close-on-exec; its blocking mode is left alone and either mode works.
 * Without MPROC_CONN_READONLY or MPROC_CONN_WRITEONLY the direction is the descriptor's own. Sends
 * to a pipe whose readers are gone do not raise SIGPIPE.
 *
 * @param[out] conn  the connection
 * @param handle     open descriptor
 * @param flags      mproc_conn_flags
 * @return 0, or a negative code, and then the descriptor is still the caller's:
 * @retval -EBADF       act: not an open descriptor
 * @retval -EINVAL      act: unknown or contradictory flags, or a direction the descriptor lacks
 * @retval -EPROTOTYPE  act: a socket that is not of type SOCK_STREAM
 * @retval -ENOMEM      act: out of memory
 * @par Ownership  on success the descriptor belongs to the connection, which closes it
 * @par Threads    any thread
 */
MPROC_API int mproc_conn_from_handle(mproc_conn **conn, mproc_handle handle, unsigned flags);

/**
 * Close a connection and free it. What was sent stays on its way to the peer.
 *
 * @param conn  connection, or NULL
 * @par Threads  no other thread may be using it
 */
MPROC_API void mproc_conn_close(mproc_conn *conn);

/**
 * Send one whole message.
 *
 * Part of a larger buffer is sent by pointing into it.
 *
 * @param conn  open, writable connection
 * @param buf   payload, `len` bytes; may be NULL if `len` is 0
 * @param len   bytes, 0 to SSIZE_MAX
 * @return 0, or a negative code:
 * @retval -EINVAL           act: NULL payload with a length, or a length beyond SSIZE_MAX
 * @retval MPROC_EDIRECTION  act: this end does not send
 * @retval -ETIMEDOUT        act: the send timeout passed; nothing of the message is gone, send
 * again
 * @retval MPROC_ETORN       fatal: the timeout passed with part of the message gone; close. In
 *                           shared memory not with messages up to half of the ring
 * @retval -EBUSY            fatal: another thread was sending when this process was forked, see
 * "Fork"
 * @retval -EPIPE            fatal: the peer closed or reset the connection
 * @retval -errno            fatal: another error of the descriptor
 * @par Threads   any number of senders, one after the other
 * @par Signals   EINTR resumes with the time left; SIGPIPE is never raised
 */
MPROC_API int mproc_conn_send_bytes(mproc_conn *conn, const void *buf, size_t len);

/**
 * Receive one whole message into memory that the library allocates.
 *
 * Memory grows with the bytes that arrive, not with the length the peer claims.
 *
 * @param conn      open, readable connection
 * @param[out] buf  the payload; never NULL on success, also for an empty message
 * @param[out] len  its length, bytes
 * @return 0, or a negative code:
 * @retval MPROC_EOF         act: the peer closed between messages
 * @retval MPROC_ETOOBIG     act: longer than mproc_conn_set_max_message(); it stays queued
 * @retval MPROC_EDIRECTION  act: this end does not receive
 * @retval -ETIMEDOUT        act: the receive timeout passed; nothing is lost, call again
 * @retval -ENOMEM           act: out of memory; the message stays queued
 * @retval MPROC_EPROTO      fatal: a cut or impossible frame; only close is valid
 * @retval -EBUSY            fatal: inherited from a process that has read ahead since, see "Fork"
 * @retval -errno            fatal: another error of the descriptor, such as -ECONNRESET over TCP
 * @par Ownership the caller frees `*buf` with mproc_free()
 * @par Threads   any number of receivers, one after the other; may run beside a sender
 * @par Signals   EINTR resumes with the time left
 */
MPROC_API int mproc_conn_recv_bytes(mproc_conn *conn, void **buf, size_t *len);

/**
 * Receive one whole message into a caller's buffer.
 *
 * Messages are never split or joined. A return of 0 is an empty message, not the end of the stream.
 *
 * @param conn      open, readable connection
 * @param[out] buf  where the payload goes; `cap` bytes, caller-owned. After a failure its contents
 * are undefined. May be NULL if `cap` is 0.
 * @param cap       room in `buf`, bytes
 * @return bytes in the message (0..cap), or a negative code:
 * @retval MPROC_EOF         act: the peer closed between messages
 * @retval MPROC_EBUFSIZE    act: longer than `cap`; it stays queued, see mproc_conn_next_size()
 * @retval MPROC_ETOOBIG     act: longer than mproc_conn_set_max_message(); it stays queued
 * @retval MPROC_EDIRECTION  act: this end does not receive
 * @retval -EINVAL           act: NULL buffer with a capacity
 * @retval -ETIMEDOUT        act: the receive timeout passed; nothing is lost, call again
 * @retval -ENOMEM           act: out of memory; the message stays queued
 * @retval MPROC_EPROTO      fatal: a cut or impossible frame; only close is valid
 * @retval -EBUSY            fatal: inherited from a process that has read ahead since, see "Fork"
 * @retval -errno            fatal: another error of the descriptor, such as -ECONNRESET over TCP
 * @par Threads   any number of receivers, one after the other; may run beside a sender
 * @par Signals   EINTR resumes with the time left
 */
MPROC_API ssize_t mproc_conn_recv_bytes_into(mproc_conn *conn, void *buf, size_t cap);

/** One of several messages to send. */
typedef struct mproc_bytes {
    const void *data; /**< payload; may be NULL if `len` is 0 */
    size_t len;       /**< bytes, 0 to SSIZE_MAX */
} mproc_bytes;

/** Room for one of several messages to receive. */
typedef struct mproc_buffer {
    void *data; /**< where the payload goes; may be NULL if `cap` is 0 */
    size_t cap; /**< room, bytes */
    size_t len; /**< out: length of the message received here */
} mproc_buffer;

/**
 * Send several messages in order, at less cost than one by one: a stream sends small ones together
 * in one system call.
 *
 * @param conn      open, writable connection
 * @param messages  `n` of them
 * @param n         how many; 0 does nothing
 * @return how many were sent, whole and in order, at least 1 if n > 0; fewer than `n` if then
 * something came in the way, which the next call reports. Or a negative code with none sent, as of
 * mproc_conn_send_bytes().
 * @par Threads   as mproc_conn_send_bytes(); no other sender's message comes in between
 * @par Signals   EINTR resumes with the time left; SIGPIPE is never raised
 */
MPROC_API ssize_t mproc_conn_send_many(mproc_conn *conn, const mproc_bytes *messages, size_t n);

/**
 * Receive the next message, and with it those that have arrived already, without waiting for more.
 *
 * @param conn            open, readable connection
 * @param[in,out] buffers `n` of them; `len` is set in those that got a message
 * @param n               how many; 0 does nothing
 * @return how many messages were received, at least 1 if n > 0. It stops before a message that
 * cannot be received, such as one longer than its buffer, which the next call reports. Or a
 * negative code with none received, as of mproc_conn_recv_bytes_into().
 * @par Threads   as mproc_conn_recv_bytes_into()
 * @par Signals   EINTR resumes with the time left
 */
MPROC_API ssize_t mproc_conn_recv_many(mproc_conn *conn, mproc_buffer *buffers, size_t n);

/**
 * Get memory to write the next message into, which mproc_conn_commit() then sends.
 *
 * In a pipe in shared memory it is the memory that the receiver reads, as long as the message is
 * shorter than half of the ring; elsewhere the library allocates it. The calling thread is the one
 * sender until mproc_conn_commit() or mproc_conn_abort(): others wait, and a further send or
 * reservation of its own is -EDEADLK.
 *
 * @param conn       open, writable connection
 * @param len        the longest that the message may become, bytes, 0 to SSIZE_MAX
 * @param[out] room  at least `len` bytes, aligned to 8, contents undefined
 * @return 0, or a negative code:
 * @retval -EINVAL           act: NULL, or a length beyond SSIZE_MAX
 * @retval MPROC_EDIRECTION  act: this end does not send
 * @retval -ETIMEDOUT        act: there was no room within the send timeout
 * @retval -EDEADLK          act: the calling thread has a reservation already
 * @retval -ENOMEM           act: out of memory
 * @retval MPROC_ETORN       fatal: an earlier message was cut off
 * @retval -EPIPE            fatal: the peer closed or reset the connection
 * @retval MPROC_EPROTO      fatal: the peer broke the rules
 * @par Ownership  the connection's; valid until the call that ends the reservation
 * @par Threads    as mproc_conn_send_bytes()
 * @par Signals    EINTR resumes with the time left; SIGPIPE is never raised
 */
MPROC_API int mproc_conn_reserve(mproc_conn *conn, size_t len, void **room);

/**
 * Send what was written into the memory of mproc_conn_reserve(), and end the reservation, also on
 * failure.
 *
 * @param conn  connection with a reservation of the calling thread
 * @param len   length of the message, at most what was reserved
 * @return 0, or a negative code as of mproc_conn_send_bytes(), and:
 * @retval -EINVAL  act: no reservation of this thread, or longer than that; nothing is changed
 * @par Threads  the one that reserved
 */
MPROC_API int mproc_conn_commit(mproc_conn *conn, size_t len);

/**
 * End a reservation without sending anything.
 *
 * @param conn  connection with a reservation of the calling thread
 * @return 0, or -EINVAL if there is none
 * @par Threads  the one that reserved
 */
MPROC_API int mproc_conn_abort(mproc_conn *conn);

/**
 * Look at the next message where it lies, until mproc_conn_release().
 *
 * In a pipe in shared memory that is where the sender wrote it, if it came in one piece; a peer
 * that is not trusted can change it meanwhile. Elsewhere the library allocates memory for it. The
 * calling thread is the one receiver until mproc_conn_release(): others wait, a further receive of
 * its own is -EDEADLK, and mproc_conn_poll() says 0.
 *
 * @param conn          open, readable connection
 * @param[out] message  its payload, aligned to 8; not to be written to
 * @return its length (0..SSIZE_MAX), or a negative code as of mproc_conn_recv_bytes(), and:
 * @retval -EDEADLK  act: the calling thread looks at one already
 * @par Ownership  the connection's; valid until mproc_conn_release()
 * @par Threads    as mproc_conn_recv_bytes_into()
 * @par Signals    EINTR resumes with the time left
 */
MPROC_API ssize_t mproc_conn_peek(mproc_conn *conn, const void **message);

/**
 * Be done with the message of mproc_conn_peek(): the next receive gets the next one.
 *
 * @param conn  connection with a message that the calling thread looks at
 * @return 0, or -EINVAL if there is none
 * @par Threads  the one that called mproc_conn_peek()
 */
MPROC_API int mproc_conn_release(mproc_conn *conn);

/**
 * Send a value, as a Python `Connection.send()` sends an object: one pickle, one message.
 *
 * Connections in the value (letter `C`) travel along as duplicates; the sender keeps and closes its
 * own. That works over pipes and AF_UNIX, between C processes. A connection that has read ahead
 * messages which nobody received yet is refused, as they would be lost. Ends of rings are accepted
 * only from processes of the receiver's user, or of root: they share locks. One message has room
 * for 253 descriptors, see mproc_pipe() for how many a connection has. Many messages with
 * connections that nobody has received yet, some hundreds, hold up the next one as a full pipe
 * does.
 *
 * @param conn   open, writable connection
 * @param value  any value; NULL is None
 * @param err    what could not be sent; may be NULL
 * @return 0, or a negative code as of mproc_conn_send_bytes(), or
 * @retval MPROC_EUNPICKLABLE  act: the value holds something that cannot leave the address space
 * @retval MPROC_ECANTPASS     act: it holds a connection, and those cannot be passed here
 * @retval -EBUSY              act: it holds a connection that has messages read ahead, or is in use
 *                             by mproc_conn_reserve() or mproc_conn_peek()
 * @retval -E2BIG              act: too many connections for one message
 * @retval -ETOOMANYREFS       act: too many descriptors are on their way to processes, unix(7)
 * @retval -ENOMEM             act: out of memory; nothing was sent
 * @par Threads  counts as a sender
 * @par Signals  EINTR resumes with the time left; SIGPIPE is never raised
 */
MPROC_API int mproc_conn_send(mproc_conn *conn, const mproc_value *value, mproc_error *err);

/**
 * Build a value as mproc_pack() does, and send it.
 *
 * @param conn    open, writable connection
 * @param format  letters of mproc_pack(), then their arguments
 * @return 0, or a negative code as of mproc_pack() or mproc_conn_send()
 * @par Ownership  values given with `O` are taken over as by mproc_pack() and freed
 * @par Threads    counts as a sender
 */
MPROC_API int mproc_conn_sendf(mproc_conn *conn, const char *format, ...);

/**
 * Receive a value: an object that a Python `Connection.send()`, or mproc_conn_send(), sent.
 *
 * Nothing is ever called: what Python code would execute becomes inert nodes, see value.h.
 *
 * @param conn        open, readable connection
 * @param[out] value  new root; mproc_value_free() it
 * @param err         what is wrong with the message and at which offset; may be NULL
 * @return 0, or a negative code as of mproc_conn_recv_bytes(), or
 * @retval MPROC_EPICKLE  act: the message is no pickle; it is gone, and the connection is good
 * @retval MPROC_ELIMIT,MPROC_EUTF8,MPROC_EUNHASHABLE  act: likewise, see mproc_value_unpickle()
 * @retval MPROC_ELOST    act: likewise; a connection in it found no room in the descriptor table,
 *                        or went down with a receiver that was killed
 * @retval MPROC_EFOREIGN act: likewise; the end of a ring in it came from another user, or from
 *                        another build of mproc
 * @par Ownership  connections in the value belong to it and are closed with it, unless they are
 *                 taken out with mproc_value_take_conn()
 * @par Threads    counts as a receiver
 * @par Signals    EINTR resumes with the time left
 */
MPROC_API int mproc_conn_recv(mproc_conn *conn, mproc_value **value, mproc_error *err);

/**
 * The connection in a value of kind MPROC_KIND_CONNECTION, as letter `C` of mproc_unpack() gives
 * it.
 *
 * @param value  any value, or NULL
 * @return the connection, still owned as before; NULL for other kinds
 */
MPROC_API mproc_conn *mproc_value_conn(const mproc_value *value);

/**
 * Take a connection out of the value that owns it: the caller closes it from now on. The value
 * still shows it.
 *
 * @param root  what mproc_conn_recv() gave
 * @param conn  a connection in it
 * @return 0, or -ENOENT if the value does not own it
 */
MPROC_API int mproc_value_take_conn(mproc_value *root, mproc_conn *conn);

/**
 * Length of the next message, which stays queued: what a buffer for mproc_conn_recv_bytes_into()
 * needs.
 *
 * Waits, at most the receive timeout, until the message begins. The length is the peer's claim: do
 * not allocate it for a peer that is not trusted; mproc_conn_recv_bytes() grows as bytes arrive.
 *
 * @param conn  open, readable connection
 * @return bytes (0..SSIZE_MAX), or a negative code as of mproc_conn_recv_bytes_into()
 * @par Threads  counts as a receiver
 */
MPROC_API ssize_t mproc_conn_next_size(mproc_conn *conn);

/**
 * Is there something to receive: a whole message, the end of the stream, or an error to report?
 *
 * A message that has begun to arrive is gathered meanwhile, so that a receive after a return of 1
 * does not block. (While other processes hold a stream, and with MPROC_CONN_SHARED, nothing may be
 * read ahead, and 1 means that it has begun.)
 *
 * @param conn     open, readable connection
 * @param timeout  seconds to wait; 0 or negative polls, MPROC_FOREVER waits
 * @return 1 yes, 0 not within the timeout, or a negative code:
 * @retval MPROC_EDIRECTION  act: this end does not receive
 * @retval -EINVAL           act: the timeout is NaN
 * @par Threads  counts as a receiver
 * @par Signals  EINTR resumes with the time left
 */
MPROC_API int mproc_conn_poll(mproc_conn *conn, double timeout);

/**
 * The descriptor to watch in a foreign event loop, for reading. To hand it to another program, it
 * must be that of a stream.
 *
 * Before it is watched, and each time after it became readable, receive until
 * mproc_conn_poll(conn, 0) says 0: only then will the next message, or the peer's leaving, make it
 * readable. Messages that were read ahead do not, and a pipe in shared memory rings its bell only
 * for one who was told that there is nothing. It may become readable for nothing. One thread alone
 * should receive then. Do not read or write it, and do not close it.
 *
 * @param conn  open connection
 * @return descriptor, owned by the connection; MPROC_INVALID_HANDLE for NULL
 */
MPROC_API mproc_handle mproc_conn_handle(const mproc_conn *conn);

/** Whether this end receives. @param conn open connection @return 1 or 0; 0 for NULL */
MPROC_API int mproc_conn_readable(const mproc_conn *conn);

/** Whether this end sends. @param conn open connection @return 1 or 0; 0 for NULL */
MPROC_API int mproc_conn_writable(const mproc_conn *conn);

/**
 * Set how long a send or a receive may take. Both are MPROC_FOREVER at first.
 *
 * @param conn  open connection
 * @param send  seconds for each send; 0 or negative: only what does not block
 * @param recv  seconds for each receive, likewise
 * @return 0, or -EINVAL for NaN, changing nothing
 * @par Threads  before other threads use the connection
 */
MPROC_API int mproc_conn_set_timeout(mproc_conn *conn, double send, double recv);

/**
 * Refuse to receive messages longer than this: MPROC_ETOOBIG. At first there is no limit but
 * SSIZE_MAX.
 *
 * A refused message stays queued; it can be received after the limit was raised.
 *
 * @param conn   open connection
 * @param bytes  longest payload accepted
 * @return 0, or -EINVAL for NULL
 * @par Threads  before other threads use the connection
 */
MPROC_API int mproc_conn_set_max_message(mproc_conn *conn, size_t bytes);

#ifdef __cplusplus
}
#endif

#endif
