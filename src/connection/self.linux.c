/* SPDX-License-Identifier: MIT */
#include "connection/self.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

/* Same number everywhere; glibc knows it from 2.32 on, the kernel's headers from 5.3. */
#if !defined SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

/* No token, since it is odd: a thread that starts with it has to draw its own. */
#define NO_PROCESS UINT64_MAX

struct mp_process_mark *mp_process_mark;
_Thread_local struct mp_thread_mark mp_thread_mark = {.process = NO_PROCESS};

static pthread_mutex_t init_lock = PTHREAD_MUTEX_INITIALIZER;

static int make_mark(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *mark = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mark == MAP_FAILED)
        return -errno;
    if (madvise(mark, page, MADV_WIPEONFORK) < 0) {
        int rc = -errno;
        munmap(mark, page);
        return rc;
    }
    mp_process_mark = mark;
    return 0;
}

int mp_self_init(void)
{
    pthread_mutex_lock(&init_lock);
    int rc = mp_process_mark ? 0 : make_mark();
    pthread_mutex_unlock(&init_lock);
    if (rc == 0)
        mp_self_thread();
    return rc;
}

static uint64_t draw(void)
{
    uint64_t token;
    if (getrandom(&token, sizeof token, GRND_NONBLOCK) != sizeof token)
        token = (uint64_t)mp_clock_now() << 22 ^ (uint64_t)gettid() * MP_TOKEN_STEP;
    token -= token % MP_TOKEN_STEP;
    return token > 0 ? token : MP_TOKEN_STEP;
}

/* See namespaces(7): the number of this one tells two of them apart. Without proc(5) there is none,
 * and all processes count as of one. */
static uint64_t draw_name(void)
{
    struct stat st;
    uint32_t space = stat("/proc/self/ns/pid", &st) == 0 ? (uint32_t)st.st_ino : 0;
    return (uint64_t)space << MP_PID_BITS | (uint64_t)getpid();
}

/* In a process that is new, by start or by fork. A forked child inherits the registration, but
 * whether its parent ever got that far is not known. */
static uint64_t renew_process(void)
{
    bool reached = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0) == 0;
    atomic_store_explicit(&mp_process_mark->barrier, reached, memory_order_relaxed);
    atomic_store_explicit(&mp_process_mark->name, draw_name(), memory_order_relaxed);
    uint64_t token = 0;
    uint64_t fresh = draw();
    bool first = atomic_compare_exchange_strong(&mp_process_mark->token, &token, fresh);
    return first ? fresh : token;
}

uint64_t mp_self_renew(void)
{
    uint64_t process = atomic_load(&mp_process_mark->token);
    if (process == 0)
        process = renew_process();
    mp_thread_mark = (struct mp_thread_mark){.token = draw(), .process = process};
    return mp_thread_mark.token;
}

void mp_self_barrier_all(void)
{
    syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0);
}

static pid_t pid_of(uint64_t name)
{
    return (pid_t)(name & ((UINT64_C(1) << MP_PID_BITS) - 1));
}

/*
 * By the state letter in proc(5), where there are no pidfds (before Linux 5.3, or none is free). It
 * is that of the first thread, which can have ended before the others; that must do here.
 */
static bool is_zombie(pid_t pid)
{
    char path[32];
    char stat[256];
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    int fd = mp_fd_own(open(path, O_RDONLY | O_CLOEXEC));
    if (fd < 0)
        return false;
    ssize_t len = read(fd, stat, sizeof stat - 1);
    mp_fd_close(&fd);
    stat[len > 0 ? len : 0] = 0;
    /* The name before it can hold anything, parentheses included. */
    const char *name_end = strrchr(stat, ')');
    return name_end && name_end[1] == ' ' && (name_end[2] == 'Z' || name_end[2] == 'X');
}

/* A pidfd is readable as soon as all threads of the process have ended, see pidfd_open(2). */
static bool has_ended(pid_t pid)
{
    if (kill(pid, 0) < 0 && errno == ESRCH)
        return true;
    int fd = mp_fd_own((int)syscall(SYS_pidfd_open, pid, 0));
    if (fd < 0)
        return is_zombie(pid);
    struct pollfd one = {.fd = fd, .events = POLLIN};
    bool ended = mp_poll(&one, 1, MP_NOW) > 0;
    mp_fd_close(&fd);
    return ended;
}

bool mp_self_is_gone(uint64_t name)
{
    return mp_self_can_judge(name) && has_ended(pid_of(name));
}

bool mp_self_is_thread_gone(uint64_t name, int32_t tid)
{
    if (!mp_self_can_judge(name))
        return false;
    pid_t pid = pid_of(name);
    return (syscall(SYS_tgkill, pid, tid, 0) < 0 && errno == ESRCH) || has_ended(pid);
}
