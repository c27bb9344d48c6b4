/* SPDX-License-Identifier: MIT */
/** @file
 * How a process comes into being: start methods, options, and the start itself.
 */
#ifndef MPROC_START_H
#define MPROC_START_H

#include <stdbool.h>
#include <stdint.h>

#include <mproc/common.h>
#include <mproc/connection.h>
#include <mproc/error.h>
#include <mproc/value.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A process: a child of this one, this one itself, or its parent. */
typedef struct mproc_process mproc_process;

/**
 * What a process runs.
 *
 * @param args  what mproc_process_start() was given, the child's own copy; None if that was NULL.
 *              Connections in it are the child's to use and to close.
 * @return the exit code, of which the system keeps the low 8 bits (0..255)
 *
 * On return, atexit(3) handlers that the child itself registered run, its children are dealt with
 * as at any normal exit, stdio is flushed, and the child ends by _exit(2): atexit handlers that it
 * inherited from its parent do not run. A child that calls exit(3) itself is treated by the C
 * library like any forked process: inherited handlers run too.
 */
typedef int (*mproc_target)(const mproc_value *args);

/** Where one of a child's standard streams comes from or goes to. */
typedef enum mproc_stdio_kind {
    MPROC_STDIO_DEFAULT, /**< /dev/null for stdin; this process's own for stdout and stderr */
    MPROC_STDIO_INHERIT, /**< this process's own */
    MPROC_STDIO_NULL,    /**< /dev/null */
    MPROC_STDIO_FILE,    /**< `path`, opened by the parent */
    MPROC_STDIO_APPEND,  /**< `path`, created if there is none, written to at its end */
    MPROC_STDIO_HANDLE,  /**< `handle`, which stays the caller's */
    MPROC_STDIO_PIPE,    /**< a stream connection: its other end goes to `*conn` */
    MPROC_STDIO_STDOUT   /**< where stdout goes; for stderr only */
} mproc_stdio_kind;

/** One standard stream of a child. */
typedef struct mproc_stdio {
    mproc_stdio_kind kind;
    mproc_handle handle; /**< for MPROC_STDIO_HANDLE: an open descriptor */
    const char *path;    /**< for MPROC_STDIO_FILE (truncated for output) and MPROC_STDIO_APPEND */
    mproc_conn *
        *conn; /**< for MPROC_STDIO_PIPE: set when the start succeeds; the caller's to close */
} mproc_stdio;

/** A limit on a resource, as setrlimit(2) takes it. */
typedef struct mproc_rlimit {
    int resource;  /**< RLIMIT_NOFILE, … */
    uint64_t soft; /**< UINT64_MAX: unlimited */
    uint64_t hard; /**< UINT64_MAX: unlimited */
} mproc_rlimit;

/**
 * How to start a process. Begin with MPROC_PROCESS_OPTIONS_INIT. What a start method cannot do is
 * an error, never ignored.
 */
typedef struct mproc_process_options {
    size_t size;                    /**< set by the _INIT macro */
    const char *name;               /**< at most 63 bytes; NULL: "Process-1", "Process-2:1"… */
    const char *start_method;       /**< "fork", "spawn", "forkserver"; NULL: the default one */
    const char *const *command;     /**< a program and its arguments, NULL at the end; no target */
    const char *const *environment; /**< all of it, "NAME=value", NULL at the end; NULL: as here */
    const char *directory;          /**< the child's working directory; NULL: as here */
    const mproc_stdio *in;          /**< stdin; NULL: default */
    const mproc_stdio *out;         /**< stdout; NULL: default */
    const mproc_stdio *err;         /**< stderr; NULL: default */
    const mproc_rlimit *rlimits;    /**< limits to set in the child */
    size_t n_rlimits;               /**< entries in `rlimits` */
    const int *cpus;                /**< the CPUs that the child may run on; NULL: as here */
    size_t n_cpus;                  /**< entries in `cpus` */
    double start_timeout; /**< seconds until the child runs its target or program; default 60 */
    int nice;             /**< added to the child's nice value, see nice(2) */
    bool daemon;          /**< dies with this process, and may not start processes itself */
    bool group;           /**< the child and its descendants can be ended together, see
                               mproc_process_kill_tree() */
    unsigned char reserved[2]; /**< zero */
} mproc_process_options;

#define MPROC_PROCESS_OPTIONS_INIT                                                                 \
    {                                                                                              \
        sizeof(mproc_process_options), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0,    \
            NULL, 0, 60.0, 0, false, false,                                                        \
        {                                                                                          \
            0, 0                                                                                   \
        }                                                                                          \
    }

/**
 * Start a child process that runs `target`.
 *
 * The child is a fork(2) of this process. Its stdin is /dev/null, its table of children is empty,
 * its signal mask is the caller's, and it has this process's authkey. Children of this process that
 * have ended by now are reaped first.
 *
 * Before the fork, what stdio holds is written out, so that it appears once: all streams while this
 * process has a single thread, only stdout and stderr otherwise (another thread may hold any other
 * stream's lock). A fork beside other threads is logged as a warning: locks held by those threads
 * stay locked in the child for ever. With MPROC_STRICT_FORK set and not empty in the environment it
 * is an error instead. Threads are counted where /proc/self/task exists.
 *
 * A daemonic child is killed when this process ends in whatever way, not when the thread that
 * started it does; only the end of the main thread by pthread_exit(3) counts as the end of the
 * process. A child started from another thread, and every one in the portable build, learns of the
 * end by a pipe: a copy of this process made by _Fork(3) or clone(2) keeps it open, copies made by
 * fork(2) do not. In the portable build the child has a thread that watches it. A daemonic child
 * that finds its parent dead before its target ran, or cannot watch it, ends with exit code
 * -SIGKILL.
 *
 * @param[out] process  the new process; let go of with mproc_process_close()
 * @param target        function to run in the child
 * @param args          any value, NULL for None; still the caller's afterwards. Of a pipe of which
 *                      one end is in it, the child closes the inherited other end, unless that is
 *                      in it too; the caller closes what it gave away.
 * @param options       NULL for defaults; read during the call only
 * @param[out] err      detail of a failure, may be NULL
 * @return 0, or a negative code:
 * @retval -EINVAL         act: `process` or `target` is NULL
 * @retval -ENAMETOOLONG   act: the name has more than 63 bytes
 * @retval MPROC_EDAEMON   act: this process is daemonic
 * @retval MPROC_ETHREADS  act: other threads run and MPROC_STRICT_FORK is set
 * @retval -EAGAIN         act: the system's limit on processes
 * @retval -EMFILE, -ENFILE, -ENOMEM  act: no descriptor or memory left; no child stays behind, yet
 *                         if the last descriptor went between fork and failure it may have run
 * @par Threads   any number of threads may start processes at the same time
 * @par Signals   all are blocked around the fork, and the mask is restored in both processes
 */
MPROC_API int mproc_process_start(mproc_process **process, mproc_target target,
                                  const mproc_value *args, const mproc_process_options *options,
                                  mproc_error *err);

#ifdef __cplusplus
}
#endif

#endif
