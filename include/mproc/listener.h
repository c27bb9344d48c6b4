/* SPDX-License-Identifier: MIT */
/** @file
 * Listeners and clients: connections over TCP, AF_UNIX and vsock, authenticated with a shared key
 * by the handshake of CPython's multiprocessing.connection.
 *
 * An address is a string, and its form says the family:
 *
 * - `host:port`, `[v6]:port` (a `%scope` allowed), `:port` - TCP. Port 0 lets a listener have a
 * free one. Without a host a listener takes all interfaces, both families where it can, and a
 * client dials localhost. `[::]` alone is IPv6 only.
 * - `/path`, `unix:path` - an AF_UNIX socket file; behind `unix:` the path may be relative.
 * - `\@name` - a name in Linux's abstract AF_UNIX space, exactly the bytes behind the `@`.
 * - `vsock:cid:port` - between a virtual machine and its host; `cid` is a number or, for a
 * listener, `any`. Port 0 lets a listener have a free one.
 *
 * The key authenticates both sides when the connection opens. It does not encrypt, and what is sent
 * later is not signed: over a network that is not trusted, run it inside a tunnel.
 */
#ifndef MPROC_LISTENER_H
#define MPROC_LISTENER_H

#include <mproc/common.h>
#include <mproc/connection.h>
#include <mproc/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Flags of listener and client options. */
enum mproc_auth_flags {
    MPROC_NO_AUTH = 0x1,        /**< no key is needed, whatever the address */
    MPROC_AUTH_LEGACY_MD5 = 0x2 /**< also accept and give MD5, for peers up to Python 3.11 */
};

/** A listening socket and the handshakes under way on it. Opaque. */
typedef struct mproc_listener mproc_listener;

/**
 * Told of each client that was turned away, and why.
 *
 * Called from inside mproc_listener_accept(), or a wait on the listener, in the thread that made
 * the call. It may call mproc_listener_stats() and mproc_listener_address(), but not accept from,
 * wait for, or close the listener.
 *
 * @param user    mproc_listener_options.user
 * @param peer    the client's address, "" for AF_UNIX; valid during the call
 * @param reason  MPROC_EAUTH: wrong key or digest; -ETIMEDOUT: too slow; MPROC_EOF: hung up;
 *                MPROC_EPROTO: garbage; MPROC_EBUSY: pushed out by newer clients; -EACCES: another
 *                user; any other negative code: an error of its socket
 */
typedef void (*mproc_reject_fn)(void *user, const char *peer, int reason);

/** Options of mproc_listener_open(); begin with MPROC_LISTENER_OPTIONS_INIT. */
typedef struct mproc_listener_options {
    size_t size;         /**< sizeof this struct, set by the initializer */
    const void *authkey; /**< the key, copied; NULL is none, "" with length 0 is the empty key */
    size_t authkey_len;  /**< bytes in the key */
    unsigned flags;      /**< mproc_auth_flags */
    int backlog;         /**< clients the system may keep waiting; 0: as many as it allows */
    size_t max_pending;  /**< handshakes under way at once; 0: 256 */
    mproc_reject_fn on_reject; /**< told of clients turned away; may be NULL */
    void *user;                /**< for on_reject */
    double handshake_timeout;  /**< seconds for each handshake; default 20 */
} mproc_listener_options;

#define MPROC_LISTENER_OPTIONS_INIT                                                                \
    {                                                                                              \
        sizeof(mproc_listener_options), NULL, 0, 0, 0, 0, NULL, NULL, 20.0                         \
    }

/** Options of mproc_client_connect(); begin with MPROC_CLIENT_OPTIONS_INIT. */
typedef struct mproc_client_options {
    size_t size;         /**< sizeof this struct, set by the initializer */
    const void *authkey; /**< the key; NULL is none, "" with length 0 is the empty key */
    size_t authkey_len;  /**< bytes in the key */
    unsigned flags;      /**< mproc_auth_flags */
    double timeout;      /**< seconds for connecting and the handshake together; default 20 */
} mproc_client_options;

#define MPROC_CLIENT_OPTIONS_INIT                                                                  \
    {                                                                                              \
        sizeof(mproc_client_options), NULL, 0, 0, 20.0                                             \
    }

/** What became of a listener's clients so far; begin with MPROC_LISTENER_COUNTS_INIT. */
typedef struct mproc_listener_counts {
    size_t size;           /**< sizeof this struct, set by the initializer */
    size_t pending;        /**< handshakes under way now */
    uint64_t accepted;     /**< handed out by mproc_listener_accept() */
    uint64_t rejected;     /**< turned away: the sum of all below */
    uint64_t failed_auth;  /**< wrong key or digest */
    uint64_t timed_out;    /**< silent or slow */
    uint64_t hung_up;      /**< closed during the handshake */
    uint64_t bad_protocol; /**< sent something that is no handshake */
    uint64_t pushed_out;   /**< the oldest pending when there were too many */
    uint64_t foreign_user; /**< an abstract name's client that is another user */
    uint64_t failed;       /**< an error of the client's socket */
} mproc_listener_counts;

#define MPROC_LISTENER_COUNTS_INIT                                                                 \
    {                                                                                              \
        sizeof(mproc_listener_counts), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0                                \
    }

/**
 * Listen on an address.
 *
 * Over TCP and vsock a key is required, unless MPROC_NO_AUTH says that everybody may connect. An
 * AF_UNIX path is protected by its directory's and its own permissions. A client of an abstract
 * name without a key must be of the same user or root.
 *
 * @param[out] listener  the listener
 * @param address        see the top of this file; NULL: a socket in a fresh directory that only
 * this user may enter, under $TMPDIR or /tmp
 * @param options        NULL for defaults
 * @param[out] err       detail of a failure; may be NULL
 * @return 0, or a negative code:
 * @retval MPROC_EADDRESS  act: the address is malformed; the text says where
 * @retval MPROC_ERESOLVE  act: the host name is unknown
 * @retval MPROC_ENOKEY    act: this address needs a key
 * @retval -EADDRINUSE     act: somebody listens there, or a socket file was left behind
 * @retval -ENAMETOOLONG   act: the AF_UNIX path cannot be used at this length
 * @retval -EAFNOSUPPORT   act: this system does not have the address's family
 * @retval -ENOTSUP        act: MPROC_AUTH_LEGACY_MD5, but the library was built without MD5
 * @retval -EINVAL         act: impossible options
 * @retval -errno          act: another error of the system; -EACCES, -EADDRNOTAVAIL, -EMFILE …
 * @par Ownership  close with mproc_listener_close()
 * @par Threads    any thread
 */
MPROC_API int mproc_listener_open(mproc_listener **listener, const char *address,
                                  const mproc_listener_options *options, mproc_error *err);

/**
 * The next client that is connected and authenticated.
 *
 * Handshakes run side by side, so a silent, slow or wrong client delays nobody; it is counted,
 * logged and reported to on_reject. Handshakes only make progress inside this call or a wait on the
 * listener. Clients that are ready but not yet fetched stay ready.
 *
 * @param listener   open listener
 * @param[out] conn  the connection
 * @param timeout    seconds; 0 or negative polls, MPROC_FOREVER waits
 * @param[out] err   detail of a failure; may be NULL
 * @return 0, or a negative code:
 * @retval -ETIMEDOUT       act: nobody came
 * @retval -EMFILE,-ENFILE  act: too many open descriptors; the client waits, call again
 * @retval -ENOMEM          act: out of memory; the client waits, call again
 * @retval -EINVAL          act: the timeout is NaN
 * @retval -errno           fatal: another error of the listening socket
 * @par Ownership  the caller closes the connection
 * @par Threads    any number; each waits no longer than its own timeout
 * @par Signals    EINTR resumes with the time left
 * @par Fork       a forked child may accept from its copy, so that several processes share one
 *                 socket; handshakes that were under way stay with the parent. The first call on a
 *                 copy must come from one thread alone.
 */
MPROC_API int mproc_listener_accept(mproc_listener *listener, mproc_conn **conn, double timeout,
                                    mproc_error *err);

/**
 * An address at which mproc_client_connect() reaches the listener: with the real port, and with the
 * loopback address in place of "all interfaces".
 *
 * @param listener  open listener
 * @return text owned by the listener; NULL for NULL
 * @par Threads  any thread
 */
MPROC_API const char *mproc_listener_address(const mproc_listener *listener);

/**
 * Address of the client that mproc_listener_accept() last returned.
 *
 * @param listener  open listener
 * @return text owned by the listener, valid until the next accept; "" for AF_UNIX, or if there was
 *         none yet; NULL for NULL
 * @par Threads  not while another thread accepts
 */
MPROC_API const char *mproc_listener_last_accepted(const mproc_listener *listener);

/**
 * Counts of clients accepted and turned away.
 *
 * @param listener     open listener
 * @param[out] counts  begun with MPROC_LISTENER_COUNTS_INIT
 * @return 0, or -EINVAL: NULL, or the size field is not set
 * @par Threads  any thread, also from on_reject
 */
MPROC_API int mproc_listener_stats(const mproc_listener *listener, mproc_listener_counts *counts);

/**
 * The descriptor to watch in a foreign event loop, for reading: when it is readable, call
 * mproc_listener_accept() with timeout 0.
 *
 * On Linux it covers the socket, the handshakes under way and their time limits. In the portable
 * build it is the listening socket alone, so a loop should then also call every now and then.
 *
 * @param listener  open listener
 * @return descriptor, owned by the listener; MPROC_INVALID_HANDLE for NULL
 * @par Fork  in a forked child, call mproc_listener_accept() once before
 */
MPROC_API mproc_handle mproc_listener_handle(const mproc_listener *listener);

/**
 * Stop listening, turn away who is still waiting, and remove what opening created: the socket file,
 * and the directory of an arbitrary address.
 *
 * In a forked copy only that copy goes: files and handshakes of the process that opened the
 * listener stay. A socket file that is no longer this listener's is not removed.
 *
 * @param listener  listener, or NULL
 * @par Threads  no other thread may be using it
 */
MPROC_API void mproc_listener_close(mproc_listener *listener);

/**
 * Connect to a listener, and authenticate if there is a key.
 *
 * Each address that a host name has is tried in turn. One time limit covers all of it except the
 * name's resolution, which is the system's.
 *
 * @param[out] conn  the connection
 * @param address    see the top of this file
 * @param options    NULL for defaults
 * @param[out] err   detail of a failure; may be NULL
 * @return 0, or a negative code:
 * @retval MPROC_EADDRESS      act: the address is malformed; the text says where
 * @retval MPROC_ERESOLVE      act: the host name is unknown
 * @retval MPROC_ENOKEY        act: this address needs a key
 * @retval MPROC_EAUTH         act: the keys differ, or the listener wants a digest not spoken here
 * @retval MPROC_ENOCHALLENGE  act: the listener has no key: it was silent until the timeout, or
 *                             sent something else first
 * @retval MPROC_EOF           act: the listener hung up during the handshake
 * @retval MPROC_EPROTO        act: the listener does not speak this protocol
 * @retval -ECONNREFUSED       act: nobody listens there
 * @retval -ENOENT             act: no such AF_UNIX path
 * @retval -ETIMEDOUT          act: not within the timeout
 * @retval -EACCES             act: no permission, or an abstract name that another user has taken
 * @retval -ENAMETOOLONG       act: the AF_UNIX path cannot be used at this length
 * @retval -EAFNOSUPPORT       act: this system does not have the address's family
 * @retval -ENOTSUP            act: MPROC_AUTH_LEGACY_MD5, but the library was built without MD5
 * @retval -EINVAL             act: impossible options
 * @retval -errno              act: another error of the system, such as -EHOSTUNREACH
 * @par Ownership  the caller closes the connection; the key is not kept
 * @par Threads    any thread
 * @par Signals    EINTR resumes with the time left
 */
MPROC_API int mproc_client_connect(mproc_conn **conn, const char *address,
                                   const mproc_client_options *options, mproc_error *err);

#ifdef __cplusplus
}
#endif

#endif
