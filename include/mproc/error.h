/* SPDX-License-Identifier: MIT */
/** @file
 * Error codes, their names and messages, and the detail that some calls can give.
 *
 * One rule for return values: 0 or a count on success; on failure a negative code, `-errno` for
 * what the system said or one of the codes below for what mproc itself found. Outputs are untouched
 * on failure unless a function says otherwise. NULL for a pointer that a function needs is -EINVAL,
 * or the code that a wrong object of that kind would get.
 */
#ifndef MPROC_ERROR_H
#define MPROC_ERROR_H

#include <mproc/common.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Every code of mproc's own: X(name, value, message). Values never change once released. */
#define MPROC_ERRORS(X)                                                                            \
    X(MPROC_EOF, -5001, "end of file: the peer closed the connection")                             \
    X(MPROC_EPROTO, -5002, "protocol error: cut or impossible frame")                              \
    X(MPROC_EBUFSIZE, -5003, "message longer than the buffer")                                     \
    X(MPROC_ETOOBIG, -5004, "message longer than the connection's limit")                          \
    X(MPROC_ETORN, -5005, "a send was cut off inside a message")                                   \
    X(MPROC_EDIRECTION, -5006, "connection does not go in this direction")                         \
    X(MPROC_ECANTPASS, -5007, "connections cannot be passed over this connection")                 \
    X(MPROC_ELOST, -5008, "a connection in the message did not arrive")                            \
    X(MPROC_EFOREIGN, -5009,                                                                       \
      "a pipe in shared memory came from another user or another build of mproc")                  \
    X(MPROC_EAUTH, -5020, "authentication failed")                                                 \
    X(MPROC_ENOCHALLENGE, -5021, "the listener did not ask for authentication")                    \
    X(MPROC_ENOKEY, -5022, "this address needs an authkey")                                        \
    X(MPROC_EADDRESS, -5023, "malformed address")                                                  \
    X(MPROC_ERESOLVE, -5024, "host name could not be resolved")                                    \
    X(MPROC_EBUSY, -5025, "turned away: too many handshakes under way")                            \
    X(MPROC_ENOTCHILD, -5040, "not a child of this process")                                       \
    X(MPROC_ERUNNING, -5041, "the process is still running")                                       \
    X(MPROC_EDAEMON, -5042, "a daemonic process may not have children")                            \
    X(MPROC_ETHREADS, -5043, "fork while other threads run")                                       \
    X(MPROC_ESTATUS, -5044, "the exit status was taken by somebody else")                          \
    X(MPROC_ESTART, -5045, "the child ended before its target ran")                                \
    X(MPROC_ECONTEXT, -5050, "the start method has been set already")                              \
    X(MPROC_ETARGET, -5051, "the target cannot be found in another process")                       \
    X(MPROC_EBOOTSTRAP, -5052, "mproc_init() must come first in main()")                           \
    X(MPROC_EINHERITED, -5053, "the waitset belongs to the process that this one was forked from") \
    X(MPROC_EPICKLE, -5060, "malformed or unsupported pickle")                                     \
    X(MPROC_EUNPICKLABLE, -5061, "value cannot be pickled")                                        \
    X(MPROC_ELIMIT, -5062, "value beyond a limit of depth, size or digits")                        \
    X(MPROC_EKIND, -5063, "value is of another kind")                                              \
    X(MPROC_EFORMAT, -5064, "malformed pack format")                                               \
    X(MPROC_ELITERAL, -5065, "malformed literal")                                                  \
    X(MPROC_EUNHASHABLE, -5066, "value cannot be a key or a member of a set")                      \
    X(MPROC_EUTF8, -5067, "text is not UTF-8")

#define MPROC_ERROR_ENUM_(name, value, message) name = (value),
/** mproc's own error codes; system errors are `-errno`. */
enum mproc_error_code { MPROC_ERRORS(MPROC_ERROR_ENUM_) MPROC_OK = 0 };
#undef MPROC_ERROR_ENUM_

/** Room for a detail text, its terminating NUL included, bytes. */
#define MPROC_ERROR_TEXT 256

/**
 * What went wrong and where, for calls that resolve names, open, connect or start something.
 *
 * Such a call takes it as last argument, NULL allowed. It is cleared when the call begins and
 * filled when the call fails. The text never contains a key or a payload.
 */
typedef struct mproc_error {
    int code;                    /**< what the call returned; 0: no failure */
    int sys_errno;               /**< errno behind it, 0 if none */
    char text[MPROC_ERROR_TEXT]; /**< such as "connect 10.0.0.1:6000: Connection refused" */
} mproc_error;

/** Initial value of an mproc_error. */
#define MPROC_ERROR_INIT                                                                           \
    {                                                                                              \
        0, 0,                                                                                      \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }

/**
 * Message of an error code, without detail.
 *
 * @param code  a negative return value of mproc, or 0
 * @return static text; never NULL, "unknown error" for a code that is none
 * @par Threads any thread
 */
MPROC_API const char *mproc_strerror(int code);

/**
 * Symbolic name of an error code, such as "MPROC_EOF" or "ECONNREFUSED".
 *
 * @param code  a negative return value of mproc, or 0
 * @return static text; never NULL, "UNKNOWN" for a code that is none
 * @par Threads any thread
 */
MPROC_API const char *mproc_error_name(int code);

#ifdef __cplusplus
}
#endif

#endif
