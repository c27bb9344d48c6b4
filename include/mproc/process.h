/* SPDX-License-Identifier: MIT */
/** @file
 * Processes: start one that runs a function, wait for it, signal it, learn how it ended.
 *
 * A process object belongs to the process that started it. What a forked copy of the program does
 * with an object it inherited fails with MPROC_ENOTCHILD, except reading its name, pid and daemon
 * flag, and closing it. The library installs no signal handler and never waits for a child that it
 * did not start.
 *
 * When a process that started others ends by exit(3) or by returning from main, its daemonic
 * children get SIGTERM, and then all its children are waited for. A child ends in the same way.
 * Nothing of that happens after _exit(2) or death by a signal; daemonic children die even then.
 */
#ifndef MPROC_PROCESS_H
#define MPROC_PROCESS_H

#include <stdbool.h>

#include <mproc/common.h>
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

/** How to start a process. Begin with MPROC_PROCESS_OPTIONS_INIT. */
typedef struct mproc_process_options {
    size_t size;      /**< set by the _INIT macro */
    const char *name; /**< at most 63 bytes; NULL: "Process-1", "Process-2:1"… */
    bool daemon;      /**< dies with this process, and may not start processes itself */
    unsigned char reserved[sizeof(void *) - 1]; /**< zero */
} mproc_process_options;

#define MPROC_PROCESS_OPTIONS_INIT                                                                 \
    {                                                                                              \
        sizeof(mproc_process_options), NULL, false,                                                \
        {                                                                                          \
            0                                                                                      \
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

/**
 * Wait until a process has ended. Says nothing about how: see mproc_process_exitcode().
 *
 * @param process  a child of this process, or mproc_parent_process()
 * @param timeout  seconds; MPROC_FOREVER; zero and negative return at once
 * @return 0 when it has ended, or a negative code:
 * @retval -ETIMEDOUT       act: it still runs
 * @retval -EINVAL          act: `process` is NULL or `timeout` is NaN
 * @retval MPROC_ENOTCHILD  act: it was started by another process, or is this one
 * @par Threads   any number of threads may wait for one process; all get 0
 * @par Signals   EINTR resumes with the time left
 */
MPROC_API int mproc_process_join(mproc_process *process, double timeout);

/**
 * Does a process still run?
 *
 * @param process  a child of this process, mproc_parent_process() or mproc_current_process()
 * @return 1 while it runs, 0 when it has ended, or a negative code:
 * @retval -EINVAL          act: `process` is NULL
 * @retval MPROC_ENOTCHILD  act: it was started by another process
 * @par Threads   any thread
 */
MPROC_API int mproc_process_is_alive(mproc_process *process);

/**
 * How a child ended.
 *
 * @param process    a child of this process
 * @param[out] code  0..255 as its target returned or as given to exit(3); -N if signal N killed it
 * @return 0, or a negative code:
 * @retval MPROC_ERUNNING   act: it still runs
 * @retval MPROC_ESTATUS    act: it has ended, but its status went elsewhere, for good: this program
 *                          ignores SIGCHLD (or set SA_NOCLDWAIT), or waited for it on its own
 * @retval -EINVAL          act: `process` or `code` is NULL
 * @retval MPROC_ENOTCHILD  act: no child of this process
 * @par Threads   any thread; the answer, once not MPROC_ERUNNING, never changes
 */
MPROC_API int mproc_process_exitcode(mproc_process *process, int *code);

/**
 * Process id.
 *
 * @param process  any process object
 * @return its pid, -EINVAL for NULL. Once the process was seen to have ended, the system may have
 *         given the number to another one: send signals through the functions below
 * @par Threads   any thread
 */
MPROC_API pid_t mproc_process_pid(const mproc_process *process);

/**
 * Name of a process.
 *
 * @param process  any process object
 * @return text that lives as long as the object; never NULL, "" for NULL
 * @par Threads   any thread
 */
MPROC_API const char *mproc_process_name(const mproc_process *process);

/**
 * Is a process daemonic?
 *
 * @param process  any process object
 * @return whether it was started with the daemon option; false for NULL, the main process, and the
 *         parent, which having children is never daemonic
 * @par Threads   any thread
 */
MPROC_API bool mproc_process_daemon(const mproc_process *process);

/**
 * A handle that becomes readable, and stays so, when the process ends.
 *
 * On Linux it is a pidfd. Elsewhere, and on kernels and tools without them, it is the read end of a
 * pipe whose write end the child holds: it may then tell too late if a foreign program inherited
 * that end, and too early if the child closes descriptors it does not know, where join and
 * mproc_wait() know better.
 *
 * @param process  a child of this process, or mproc_parent_process()
 * @return the handle, which belongs to the object: never close or read it. Or a negative code:
 * @retval -EINVAL          act: `process` is NULL
 * @retval MPROC_ENOTCHILD  act: it was started by another process, or is this one
 * @par Threads   any thread
 */
MPROC_API mproc_handle mproc_process_sentinel(const mproc_process *process);

/**
 * Send SIGINT to a child.
 *
 * Its own children are not touched. A child that has ended is no error, and no other process that
 * got its pid is ever hit.
 *
 * @param process  a child of this process
 * @return 0, or a negative code:
 * @retval -EINVAL          act: `process` is NULL
 * @retval MPROC_ENOTCHILD  act: no child of this process
 * @retval -EPERM           act: it changed to another user
 * @par Threads   any thread
 */
MPROC_API int mproc_process_interrupt(mproc_process *process);

/** As mproc_process_interrupt(), with SIGTERM. */
MPROC_API int mproc_process_terminate(mproc_process *process);

/** As mproc_process_interrupt(), with SIGKILL. */
MPROC_API int mproc_process_kill(mproc_process *process);

/**
 * Free a process object. The process must have ended.
 *
 * In another process than the one that started it, this frees that process's copy only.
 *
 * @param process  what mproc_process_start() gave, or NULL
 * @return 0, or a negative code, and then nothing happened:
 * @retval MPROC_ERUNNING   act: it still runs
 * @retval MPROC_ENOTCHILD  act: it is this process or its parent, whose objects are the library's
 * @par Threads   no other call may use the object at the same time or later
 */
MPROC_API int mproc_process_close(mproc_process *process);

/**
 * This process.
 *
 * @return an object that is never NULL and belongs to the library; "MainProcess" in a process that
 *         mproc did not start
 * @par Threads   any thread
 */
MPROC_API mproc_process *mproc_current_process(void);

/**
 * The process that started this one.
 *
 * @return an object that belongs to the library; NULL in a process that mproc did not start. It can
 *         be joined, asked whether it is alive, and waited for like a child; it has no exit code
 *         and takes no signals
 * @par Threads   any thread
 */
MPROC_API mproc_process *mproc_parent_process(void);

/**
 * The children of this process that still run. Those that have ended are reaped by the way.
 *
 * @param[out] children  filled with at most `room` of them, oldest first; they stay with whoever
 *                       started them. May be NULL if `room` is 0
 * @param room           entries in `children`
 * @return how many run, which may be more than `room`
 * @par Threads   any thread, while no other thread closes what it gets
 */
MPROC_API size_t mproc_active_children(mproc_process **children, size_t room);

/**
 * How many CPUs this process can keep busy: those it may run on, and not more than its control
 * groups' CPU quota, rounded up.
 *
 * @return at least 1
 * @par Threads   any thread; asks the system anew each time
 */
MPROC_API int mproc_cpu_count(void);

/**
 * Copy out this process's authkey: one secret for a family of processes, to be given to listeners
 * and clients.
 *
 * It is 32 random bytes unless mproc_set_authkey() said otherwise, and children inherit it. The
 * library keeps it in guarded memory; wipe your copy when done with it.
 *
 * @param[out] key  where the key goes, caller-owned; may be NULL if `cap` is 0
 * @param cap       room in `key`, bytes
 * @return bytes in the key (0 or more), or a negative code:
 * @retval MPROC_EBUFSIZE  act: the key is longer than `cap`
 * @retval -ENOMEM         act: no guarded memory
 * @par Threads   any thread
 */
MPROC_API ssize_t mproc_authkey(void *key, size_t cap);

/**
 * Set this process's authkey. Children started from now on inherit it.
 *
 * @param key  the new key, any bytes; copied, caller-owned. May be NULL if `len` is 0
 * @param len  bytes in `key`; an empty key is a valid one
 * @return 0, or a negative code, and then the former key stays:
 * @retval -EINVAL  act: `key` is NULL and `len` is not 0
 * @retval -ENOMEM  act: no guarded memory
 * @par Threads   any thread
 */
MPROC_API int mproc_set_authkey(const void *key, size_t len);

#ifdef __cplusplus
}
#endif

#endif
