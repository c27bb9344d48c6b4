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
    MPROC_STDIO_INHERIT, /**< this process's own; /dev/null if that is closed */
    MPROC_STDIO_NULL,    /**< /dev/null */
    MPROC_STDIO_FILE,    /**< `path` */
    MPROC_STDIO_APPEND,  /**< `path`, created if there is none, written to at its end */
    MPROC_STDIO_HANDLE,  /**< `handle`, which stays the caller's */
    MPROC_STDIO_PIPE,    /**< a pipe whose other end goes to `*conn` */
    MPROC_STDIO_STDOUT   /**< where stdout goes; for stderr only */
} mproc_stdio_kind;

/**
 * One standard stream of a child.
 *
 * Files are opened by the parent, relative to its own directory, with mode 0666 less the umask, and
 * without waiting: for a FIFO that nobody reads, output fails with -ENXIO. A forked child whose
 * stdin is another one than its parent's has forgotten what its parent's `stdin` had read ahead.
 *
 * The connection of a pipe goes one way: it sends to the child's stdin, or receives what the child
 * writes, as messages. mproc_conn_from_handle() makes a connection of 0 or 1 in the child. To talk
 * to a program that knows no messages, leave the connection alone, and use read(2) or write(2) on
 * its mproc_conn_handle(): nothing is ever read ahead there. Its owner waits for it as for any
 * connection, and closes it. A child that writes to a pipe whose connection is closed gets SIGPIPE.
 */
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
    const char *const *command;     /**< a program and its arguments, NULL at the end; no target,
                                         see below */
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
    bool group;           /**< the child leads a process group of its own, so that it and its
                               descendants can be ended together: mproc_process_kill_tree() */
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
 * First line of main(), before threads and before a look at the arguments.
 *
 * The start methods "spawn" and "forkserver" run the program anew. In such a child this call takes
 * over: it gets what the parent has sent, runs the target, and does not return. In an ordinary
 * process it does next to nothing. A child whose main() does not call it cannot start processes
 * (MPROC_EBOOTSTRAP), and the start that brought it about fails with MPROC_ESTART.
 *
 * @return 0, or a negative code:
 * @retval MPROC_EBOOTSTRAP  act: MPROC_BOOTSTRAP is in the environment, but was not put there by
 *                           this process's parent, or this is a set-user-id or set-group-id
 *                           program. It is removed; nothing can be started here
 * @par Threads   before there are any; more calls do no harm
 */
MPROC_API int mproc_init(void);

/**
 * Set the start method of those who do not name one in their options: "fork" (the default),
 * "spawn" or "forkserver". Children inherit it.
 *
 * @param name      a method's name; copied. With `force`, NULL goes back to the default
 * @param force     also if it has been set before
 * @param[out] err  detail of a failure, which lists the known names; may be NULL
 * @return 0, or a negative code, and then nothing has changed:
 * @retval -EINVAL         act: NULL or an unknown name
 * @retval MPROC_ECONTEXT  act: it has been set before
 * @par Threads   any thread
 */
MPROC_API int mproc_set_start_method(const char *name, bool force, mproc_error *err);

/**
 * The start method of those who do not name one.
 *
 * @return its name, static text; never NULL
 * @par Threads   any thread
 */
MPROC_API const char *mproc_get_start_method(void);

/**
 * Names of all start methods here, the default first.
 *
 * @param[out] names  filled with at most `room` static texts; may be NULL if `room` is 0
 * @param room        entries in `names`
 * @return how many there are
 * @par Threads   any thread
 */
MPROC_API size_t mproc_start_methods(const char **names, size_t room);

/**
 * Say which file "spawn" and "forkserver" execute, in place of the one that this process runs.
 *
 * It must be the same program, in which the target is found at the same place. On Linux the library
 * knows by itself, also when the file was deleted or replaced meanwhile (/proc/self/exe); the
 * portable build knows where the C library keeps the name by which the program was called.
 *
 * @param path  an absolute path, copied; NULL to let the library find out again
 * @return 0, or a negative code:
 * @retval -EINVAL  act: not an absolute path
 * @retval -ENOMEM  act: no memory
 * @par Threads   before any other thread starts processes
 */
MPROC_API int mproc_set_executable(const char *path);

/**
 * Have the fork server run a function before it serves, once, so that its children find done what
 * each would have to do otherwise: libraries loaded, tables computed.
 *
 * The server is started by the first start with the method "forkserver", and again if it died. This
 * concerns servers that are started from now on. What the function leaves open is open in the
 * children; threads that it starts are not in them, and make forks unsafe.
 *
 * @param preload  a function of this program or of a library, as for targets; NULL for none
 * @return 0
 * @par Threads    any thread
 */
MPROC_API int mproc_set_forkserver_preload(void (*preload)(void));

/**
 * Start a child process that runs `target`.
 *
 * Its stdin is /dev/null by default, its table of children is empty, its signal mask is the
 * caller's, and it has this process's authkey. Children of this process that have ended by now are
 * reaped first.
 *
 * How it comes into being is the start method, of the options or else mproc_set_start_method():
 *
 * | method     | the child                                                                       |
 * |------------|---------------------------------------------------------------------------------|
 * | fork       | a copy of this process, with all its memory and descriptors                     |
 * | spawn      | this program executed anew; it inherits stdio and what is in `args`             |
 * | forkserver | the same, forked by a process that was spawned once, has one thread, and is     |
 * |            | small however large this one is; not a child of this process for the system     |
 *
 * The latter two need mproc_init() in main(). They take any function of this program or of a
 * library, loaded by the program or with dlopen(3), which the child finds by the file that it is in
 * and its place there (the portable build: libraries' exported functions). The file must be the
 * same one there: it is known by its build id, or by device, inode, size and time. `args` are
 * pickled, so raw pointers cannot be in it, and connections only of kinds that can be passed. This
 * call returns when the child is about to run its target; a child that has not come that far after
 * `start_timeout` is killed. Until then it ends by itself when this process does. Working
 * directory, environment and streams are those of this call; of a fork server's child, other
 * attributes (umask, limits, priority) are those that this process had when the server started, but
 * for the soft limit of descriptors, which is that of this call. Beside what it inherits, a child
 * has a close-on-exec descriptor or two of the library's own, which tell it of its parent's end.
 * Of this process, each child takes one to three descriptors until it is closed.
 *
 * The fork server is started by the first start that needs it, ignores SIGINT, and ends with this
 * process. If it is killed, its children live on and can be waited for, but how they end is not
 * known (MPROC_ESTATUS); the next start makes another one.
 *
 * Before a fork, what stdio holds is written out, so that it appears once: all streams while this
 * process has a single thread, only stdout and stderr otherwise (another thread may hold any other
 * stream's lock) and with other methods. A fork beside other threads is logged as a warning: locks
 * held by those threads stay locked in the child for ever. With MPROC_STRICT_FORK set and not empty
 * in the environment it is an error instead. Threads are counted where /proc/self/task exists.
 *
 * A daemonic child is killed when this process ends in whatever way, not when the thread that
 * started it does; only the end of the main thread by pthread_exit(3) counts as the end of the
 * process. A child started from another thread, or as a group, or by a fork server, and every one
 * in the portable build, learns of the end by a pipe: a copy of this process made by _Fork(3) or
 * clone(2) keeps it open, copies made by fork(2) do not. A target that closes descriptors it does
 * not know, such as with closefrom(3), closes this pipe too, and then nobody but a fork server, if
 * it has one, kills the child. In the portable build the child has a thread that watches the pipe.
 * A daemonic child that finds its parent dead before its target ran, or cannot watch it, ends with
 * exit code -SIGKILL.
 *
 * A child with the `group` option leads a process group: it is not in this program's, so a
 * terminal's Ctrl-C does not reach it, and setsid(2) fails in it. If it is daemonic too, its
 * process group is killed with it when this process ends in whatever way while it runs; at a normal
 * exit, its descendants get SIGTERM as it does, and SIGKILL once it has ended. Descendants of a
 * group that is not daemonic are left alone at exit. It stays a zombie until it is closed.
 *
 * Limits (`nice`, `rlimits`, `cpus`) are set right before the target runs; one that the system
 * refuses is an error of this call.
 *
 * With `options->command` the child runs another program instead. A name without a slash is looked
 * for in the PATH of the child's environment, or in /bin:/usr/bin; a relative path begins in the
 * child's directory. It is executed as it is: what has no known format is -ENOEXEC, not a shell's.
 * It inherits its streams and the connections in `args`, and no other descriptor. Signals that this
 * process handles have their default action there, those that it ignores stay ignored, but for
 * SIGPIPE and SIGXFSZ, which programs rely on; the signal mask is the caller's. Its name is the
 * last part of its path unless the options give one. On Linux it is started by vfork(2), so that
 * the size of this process does not matter; the calling thread, and other starts, wait until it has
 * been executed, whatever the start timeout says. If it is killed before that, the start has
 * succeeded, and its exit code tells.
 *
 * For a command, `args` is a connection, a list or a tuple of them, or a dict of them by names made
 * of A-Z a-z 0-9 _ - and dots; they must be streams (MPROC_PIPE_STREAM), with nothing read ahead.
 * The program finds them under the numbers that MPROC_CONNECTIONS in its environment tells:
 * "5:rw,7:r" in the order of `args`, or "jobs=5:r,results=7:w" in that of the dict. In C,
 * mproc_inherited_conn() takes them over; in Python `multiprocessing.connection.Connection(5)`
 * does.
 *
 * A daemonic command that leads a group, or was started by another thread than the main one, is
 * killed at this process's end by way of a descriptor that it must leave open; one that executes a
 * set-user-id program is not killed. Without pidfds, as in the portable build, the program has a
 * descriptor more, whose end tells this process of its own. In the portable build a command cannot
 * be daemonic.
 *
 * @param[out] process  the new process; let go of with mproc_process_close()
 * @param target        function to run in the child; NULL for a command
 * @param args          any value, NULL for None; still the caller's afterwards. Of a pipe of which
 *                      one end is in it, the child closes the inherited other end, unless that is
 *                      in it too; the caller closes what it gave away.
 * @param options       NULL for defaults; read during the call only
 * @param[out] err      detail of a failure, may be NULL
 * @return 0, or a negative code:
 * @retval -EINVAL         act: `process` is NULL; neither a target nor a command, or both; the
 *                         options contradict themselves, a limit is impossible, or one of the CPUs
 *                         is not there; args that a command cannot be given
 * @retval -ENAMETOOLONG   act: the name has more than 63 bytes
 * @retval -EINVAL         act: an unknown start method; the text lists the known ones
 * @retval MPROC_EDAEMON   act: this process is daemonic
 * @retval MPROC_EBOOTSTRAP  act: this process was itself started to run a target, and main() has
 *                         not called mproc_init(), or that failed
 * @retval MPROC_ETARGET   act: the target is in no file, or the child found another one there
 * @retval MPROC_EUNPICKLABLE, MPROC_ECANTPASS, MPROC_ELIMIT  act: `args` cannot be sent to the
 *                         child; also -E2BIG and -EBUSY, for connections as of mproc_conn_send()
 * @retval MPROC_ETHREADS  act: other threads run and MPROC_STRICT_FORK is set
 * @retval -EAGAIN         act: the system's limit on processes
 * @retval -ENOENT, -EACCES, -ENOTDIR, -ENOEXEC, -E2BIG  act: the text says which of them could not
 *                         be executed, opened, or entered: the command, a file, the directory
 * @retval -ENXIO          act: nobody reads the FIFO that a stream should go to
 * @retval -EBADF          act: a handle for a standard stream is not open
 * @retval MPROC_ECANTPASS act: a command's connection is not a stream
 * @retval -EBUSY          act: a command's connection has messages read ahead
 * @retval -EPERM, -EACCES act: the child may not be that little nice, or have limits that high
 * @retval -ENOTSUP        act: in the portable build, `cpus`, and a daemonic command
 * @retval -ETIMEDOUT      act: the child did not come to its target within `start_timeout`; it was
 *                         killed
 * @retval MPROC_ESTART    act: the child ended, or hung up, before it came to its target; does
 *                         main() begin with mproc_init()?
 * @retval -EMFILE, -ENFILE, -ENOMEM  act: no descriptor or memory left; no child stays behind, yet
 *                         if the last descriptor went between fork and failure it may have run
 * @par Threads   any number of threads may start processes at the same time
 * @par Signals   all are blocked around the fork, and the mask is restored in both processes
 */
MPROC_API int mproc_process_start(mproc_process **process, mproc_target target,
                                  const mproc_value *args, const mproc_process_options *options,
                                  mproc_error *err);

/**
 * Take over a connection that this program was started with, as a command of another one.
 *
 * The first call reads the environment's MPROC_CONNECTIONS and removes it, and makes all
 * descriptors named there close-on-exec: call it before other threads look at the environment, and
 * before this program starts others. Whoever starts a program can name any descriptors that it
 * hands over; accepted are open sockets and pipes beyond stderr. A program with a set-user-id or
 * set-group-id bit takes no notice of the variable.
 *
 * @param[out] conn  the connection, which the caller closes
 * @param name       its key, if the command's args were a dict; NULL: the first that is left
 * @param[out] err   detail of a failure, may be NULL
 * @return 0, or a negative code:
 * @retval -ENOENT  act: there is none, none of that name, or it has been taken
 * @retval -EINVAL  act: the variable is malformed, or names what is no stream; none can be taken
 * @retval -EBADF   act: it names a descriptor that is not open; none can be taken
 * @retval -ENOMEM  act: out of memory
 * @par Threads   any thread, but see above
 */
MPROC_API int mproc_inherited_conn(mproc_conn **conn, const char *name, mproc_error *err);

#ifdef __cplusplus
}
#endif

#endif
