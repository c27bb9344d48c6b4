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
 * children get SIGTERM, and then all its children are waited for (finalize.h tells what runs before
 * and after). A child ends in the same way. Nothing of that happens after _exit(2) or death by a
 * signal; daemonic children die even then.
 */
#ifndef MPROC_PROCESS_H
#define MPROC_PROCESS_H

#include <stdbool.h>

#include <mproc/common.h>
#include <mproc/error.h>
#include <mproc/start.h>

#ifdef __cplusplus
extern "C" {
#endif

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
 * Wait until several processes have ended.
 *
 * @param processes  `n` of them, each as for mproc_process_join(); NULL entries count as ended
 * @param n          entries in `processes`
 * @param timeout    seconds for all together; MPROC_FOREVER; zero and negative return at once
 * @return 0 when all have ended, or a negative code:
 * @retval -ETIMEDOUT       act: some still run; those that have ended are reaped
 * @retval -EINVAL          act: `processes` is NULL and `n` is not 0, or `timeout` is NaN
 * @retval MPROC_ENOTCHILD  act: one was started by another process, or is this one; none was
 *                          waited for
 * @par Threads   any number of threads may wait for the same processes
 * @par Signals   EINTR resumes with the time left
 */
MPROC_API int mproc_process_join_all(mproc_process *const *processes, size_t n, double timeout);

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
 *                          ignores SIGCHLD (or set SA_NOCLDWAIT), or waited for it on its own;
 *                          or the fork server that was to tell was killed
 * @retval -EINVAL          act: `process` or `code` is NULL
 * @retval MPROC_ENOTCHILD  act: no child of this process
 * @par Threads   any thread; the answer, once not MPROC_ERUNNING, never changes
 */
MPROC_API int mproc_process_exitcode(mproc_process *process, int *code);

/** What a process and those of its children that it waited for have used. */
typedef struct mproc_rusage {
    size_t size;                   /**< sizeof this struct, set by the initializer */
    double user;                   /**< seconds of CPU time in its own code */
    double system;                 /**< seconds of CPU time in the kernel */
    uint64_t max_rss;              /**< most memory in use at one time, bytes */
    uint64_t minor_faults;         /**< page faults without I/O */
    uint64_t major_faults;         /**< page faults with I/O */
    uint64_t blocks_in;            /**< of 512 bytes, read from file systems */
    uint64_t blocks_out;           /**< of 512 bytes, written to file systems */
    uint64_t voluntary_switches;   /**< times it gave up the CPU to wait */
    uint64_t involuntary_switches; /**< times the CPU was taken away from it */
} mproc_rusage;

#define MPROC_RUSAGE_INIT                                                                          \
    {                                                                                              \
        sizeof(mproc_rusage), 0, 0, 0, 0, 0, 0, 0, 0, 0                                            \
    }

/**
 * What a child has used, as getrusage(2) counts it.
 *
 * @param process     a child of this process
 * @param[out] usage  begun with MPROC_RUSAGE_INIT
 * @return 0, or a negative code:
 * @retval MPROC_ERUNNING   act: it still runs
 * @retval MPROC_ESTATUS    act: it has ended, but see mproc_process_exitcode()
 * @retval -ENOTSUP         act: the system does not tell, as in the portable build
 * @retval -EINVAL          act: `process` or `usage` is NULL, or the size field is not set
 * @retval MPROC_ENOTCHILD  act: no child of this process
 * @par Threads   any thread
 */
MPROC_API int mproc_process_rusage(mproc_process *process, mproc_rusage *usage);

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
 * Send SIGTERM to a child that was started with the `group` option, and to all its descendants.
 *
 * On Linux with pidfds and /proc, these are found and signalled once each, however they were
 * started and whatever became of the processes between: those in the child's process group, those
 * that descend from it through living parents, and those that carry the mark that the child was
 * given, which setsid(2), double forks, exec, closing all descriptors and emptying the environment
 * do not take away. The mark is a random number as the limit RLIMIT_LOCKS, which limits nothing.
 * Beyond reach are only: processes that others start for the child (cron, systemd-run, a container
 * engine); those that may not be signalled, such as another user's; and those that left the process
 * group, lost their parent, and also had the limit set anew: by themselves, or as part of a group
 * inside of a group inside of this one. In the portable build, on kernels before 5.4, and without
 * /proc, it is the process group alone, which setsid(2) and setpgid(2) leave.
 *
 * No other process is ever signalled, whatever became of pids: each is opened as a pidfd and then
 * looked at again; the child itself is not reaped before it is closed, so that the number of its
 * process group stays its own. (If this program ignores SIGCHLD, reaps the child itself, or had
 * it started by a fork server, then once it is dead the group is known by its pidfd on Linux 6.9
 * and later, else by the mark, and not at all in the portable build.)
 *
 * It may take as long as it takes to read /proc a few times; two seconds at most if descendants
 * keep starting new ones faster than that.
 *
 * @param process  a child of this process; also if it has ended, but its descendants run
 * @return 0 when all that were there have been signalled, or a negative code:
 * @retval -EINVAL          act: `process` is NULL, or was not started as a group
 * @retval MPROC_ENOTCHILD  act: no child of this process
 * @retval -EPERM           act: some changed to another user; all others were signalled
 * @retval -ETIMEDOUT       act: new ones kept turning up to the last; call again
 * @retval -EMFILE, -ENFILE, -ENOMEM  act: no descriptor or memory left; some were signalled
 * @par Threads   any thread, but not beside mproc_process_close() of the same process
 */
MPROC_API int mproc_process_terminate_tree(mproc_process *process);

/**
 * As mproc_process_terminate_tree(), with SIGKILL: the process group is stopped, then killed with
 * all that descend from it, then whatever else is found, until nothing more turns up.
 */
MPROC_API int mproc_process_kill_tree(mproc_process *process);

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
