/* SPDX-License-Identifier: MIT */
#include "support/fault.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#if defined __linux__
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#endif
#include <unistd.h>

static _Thread_local struct {
    bool armed;
    enum mp_fault_kind kind;
    unsigned left;
    int error;
    bool fired;
    bool interrupt;  /* half of the interruptible calls */
    unsigned random; /* state of the generator */
    unsigned long calls;
} fault;

void mp_fault_arm(enum mp_fault_kind kind, unsigned n, int error)
{
    fault.kind = kind;
    fault.left = n;
    fault.error = error;
    fault.fired = false;
    fault.armed = true;
}

void mp_fault_interrupt_all(void)
{
    fault.interrupt = true;
    fault.fired = false;
}

static _Thread_local void (*yield_hook)(void);

void mp_fault_on_yield(void (*hook)(void))
{
    yield_hook = hook;
}

bool mp_fault_disarm(void)
{
    fault.armed = false;
    fault.interrupt = false;
    return fault.fired;
}

unsigned long mp_fault_system_calls(void)
{
    return fault.calls;
}

static bool hits(enum mp_fault_kind kind)
{
    fault.calls += kind == MP_FAULT_SYSCALL;
    if (!fault.armed || fault.kind != kind || --fault.left > 0)
        return false;
    fault.armed = false;
    fault.fired = true;
    errno = kind == MP_FAULT_ALLOC ? ENOMEM : fault.error;
    return true;
}

static bool interrupts(void)
{
    if (!fault.interrupt)
        return false;
    /* By chance, so that no pattern of calls is interrupted for ever; the generator is that of C's
     * rand. */
    fault.random = fault.random * 1103515245u + 12345u;
    bool interrupted = fault.random >> 16 & 1;
    fault.fired = fault.fired || interrupted;
    errno = EINTR;
    return interrupted;
}

/* The linker's names are reserved ones. */
#define WRAP(result, name, parameters)                                                             \
    result __real_##name parameters;                                                               \
    result __wrap_##name parameters;                                                               \
    result __wrap_##name parameters

WRAP(void *, malloc, (size_t size))
{
    return hits(MP_FAULT_ALLOC) ? NULL : __real_malloc(size);
}

WRAP(void *, calloc, (size_t n, size_t size))
{
    return hits(MP_FAULT_ALLOC) ? NULL : __real_calloc(n, size);
}

WRAP(void *, realloc, (void *memory, size_t size))
{
    return hits(MP_FAULT_ALLOC) ? NULL : __real_realloc(memory, size);
}

WRAP(int, socketpair, (int domain, int type, int protocol, int fds[2]))
{
    return hits(MP_FAULT_SYSCALL) ? -1 : __real_socketpair(domain, type, protocol, fds);
}

WRAP(int, pipe2, (int fds[2], int flags))
{
    return hits(MP_FAULT_SYSCALL) ? -1 : __real_pipe2(fds, flags);
}

WRAP(int, pipe, (int fds[2]))
{
    return hits(MP_FAULT_SYSCALL) ? -1 : __real_pipe(fds);
}

WRAP(int, memfd_create, (const char *name, unsigned flags))
{
    return hits(MP_FAULT_SYSCALL) ? -1 : __real_memfd_create(name, flags);
}

WRAP(int, ftruncate, (int fd, off_t len))
{
    return hits(MP_FAULT_SYSCALL) ? -1 : __real_ftruncate(fd, len);
}

WRAP(void *, mmap, (void *at, size_t len, int protection, int flags, int fd, off_t offset))
{
    return hits(MP_FAULT_SYSCALL) ? MAP_FAILED
                                  : __real_mmap(at, len, protection, flags, fd, offset);
}

WRAP(int, madvise, (void *at, size_t len, int advice))
{
    return hits(MP_FAULT_SYSCALL) ? -1 : __real_madvise(at, len, advice);
}

WRAP(int, shutdown, (int fd, int how))
{
    return hits(MP_FAULT_SYSCALL) ? -1 : __real_shutdown(fd, how);
}

WRAP(int, fstat, (int fd, struct stat *st))
{
    return hits(MP_FAULT_SYSCALL) ? -1 : __real_fstat(fd, st);
}

WRAP(int, getsockname, (int fd, struct sockaddr *name, socklen_t *len))
{
    return hits(MP_FAULT_SYSCALL) ? -1 : __real_getsockname(fd, name, len);
}

WRAP(int, getsockopt, (int fd, int level, int option, void *value, socklen_t *len))
{
    return hits(MP_FAULT_SYSCALL) ? -1 : __real_getsockopt(fd, level, option, value, len);
}

WRAP(ssize_t, recv, (int fd, void *buf, size_t len, int flags))
{
    return interrupts() || hits(MP_FAULT_SYSCALL) ? -1 : __real_recv(fd, buf, len, flags);
}

WRAP(int, socket, (int domain, int type, int protocol))
{
    return hits(MP_FAULT_SYSCALL) ? -1 : __real_socket(domain, type, protocol);
}

WRAP(int, bind, (int fd, const struct sockaddr *name, socklen_t len))
{
    return hits(MP_FAULT_SYSCALL) ? -1 : __real_bind(fd, name, len);
}

WRAP(int, listen, (int fd, int backlog))
{
    return hits(MP_FAULT_SYSCALL) ? -1 : __real_listen(fd, backlog);
}

WRAP(int, accept, (int fd, struct sockaddr *peer, socklen_t *len))
{
    return hits(MP_FAULT_SYSCALL) ? -1 : __real_accept(fd, peer, len);
}

WRAP(int, connect, (int fd, const struct sockaddr *name, socklen_t len))
{
    return hits(MP_FAULT_SYSCALL) ? -1 : __real_connect(fd, name, len);
}

WRAP(int, setsockopt, (int fd, int level, int option, const void *value, socklen_t len))
{
    return hits(MP_FAULT_SYSCALL) ? -1 : __real_setsockopt(fd, level, option, value, len);
}

WRAP(int, getpeername, (int fd, struct sockaddr *name, socklen_t *len))
{
    return hits(MP_FAULT_SYSCALL) ? -1 : __real_getpeername(fd, name, len);
}

WRAP(int, lstat, (const char *path, struct stat *st))
{
    return hits(MP_FAULT_SYSCALL) ? -1 : __real_lstat(path, st);
}

WRAP(char *, mkdtemp, (char *name))
{
    return hits(MP_FAULT_SYSCALL) ? NULL : __real_mkdtemp(name);
}

WRAP(void *, sodium_malloc, (size_t size))
{
    return hits(MP_FAULT_ALLOC) ? NULL : __real_sodium_malloc(size);
}

#if defined __linux__
WRAP(int, accept4, (int fd, struct sockaddr *peer, socklen_t *len, int flags))
{
    return hits(MP_FAULT_SYSCALL) ? -1 : __real_accept4(fd, peer, len, flags);
}

WRAP(int, epoll_create1, (int flags))
{
    return hits(MP_FAULT_SYSCALL) ? -1 : __real_epoll_create1(flags);
}

WRAP(int, epoll_ctl, (int epoll, int op, int fd, struct epoll_event *event))
{
    return hits(MP_FAULT_SYSCALL) ? -1 : __real_epoll_ctl(epoll, op, fd, event);
}

WRAP(int, epoll_wait, (int epoll, struct epoll_event *events, int n, int timeout))
{
    return interrupts() || hits(MP_FAULT_SYSCALL) ? -1
                                                  : __real_epoll_wait(epoll, events, n, timeout);
}

WRAP(int, eventfd, (unsigned count, int flags))
{
    return hits(MP_FAULT_SYSCALL) ? -1 : __real_eventfd(count, flags);
}

WRAP(int, timerfd_create, (int clock, int flags))
{
    return hits(MP_FAULT_SYSCALL) ? -1 : __real_timerfd_create(clock, flags);
}
#endif

WRAP(ssize_t, send, (int fd, const void *buf, size_t len, int flags))
{
    return interrupts() || hits(MP_FAULT_SYSCALL) ? -1 : __real_send(fd, buf, len, flags);
}

WRAP(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags))
{
    return interrupts() || hits(MP_FAULT_SYSCALL) ? -1 : __real_sendmsg(fd, message, flags);
}

WRAP(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags))
{
    return interrupts() || hits(MP_FAULT_SYSCALL) ? -1 : __real_recvmsg(fd, message, flags);
}

WRAP(ssize_t, read, (int fd, void *buf, size_t len))
{
    return interrupts() || hits(MP_FAULT_SYSCALL) ? -1 : __real_read(fd, buf, len);
}

WRAP(ssize_t, pwritev2, (int fd, const struct iovec *parts, int n, off_t at, int flags))
{
    return interrupts() || hits(MP_FAULT_SYSCALL) ? -1 : __real_pwritev2(fd, parts, n, at, flags);
}

WRAP(ssize_t, writev, (int fd, const struct iovec *parts, int n))
{
    return interrupts() || hits(MP_FAULT_SYSCALL) ? -1 : __real_writev(fd, parts, n);
}

WRAP(int, poll, (struct pollfd * fds, nfds_t n, int timeout))
{
    return interrupts() || hits(MP_FAULT_SYSCALL) ? -1 : __real_poll(fds, n, timeout);
}

WRAP(int, ppoll,
     (struct pollfd * fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask))
{
    return interrupts() || hits(MP_FAULT_SYSCALL) ? -1 : __real_ppoll(fds, n, timeout, mask);
}

/* Every command that mproc uses takes an int or nothing. */
int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...)
{
    va_list args;
    va_start(args, command);
    int argument = va_arg(args, int);
    va_end(args);
    return hits(MP_FAULT_SYSCALL) ? -1 : __real_fcntl(fd, command, argument);
}

WRAP(pid_t, fork, (void))
{
    return hits(MP_FAULT_SYSCALL) ? -1 : __real_fork();
}

/* Ours, since the C library has no function for it: syscall(2) itself cannot be passed through. */
WRAP(int, mp_pidfd_open, (pid_t pid))
{
    return hits(MP_FAULT_SYSCALL) ? -fault.error : __real_mp_pidfd_open(pid);
}

/* vfork(2) cannot be passed through either. */
struct mp_attempt;
WRAP(pid_t, mp_launch_begin, (struct mp_attempt * attempt))
{
    return hits(MP_FAULT_SYSCALL) ? -fault.error : __real_mp_launch_begin(attempt);
}

WRAP(int, sched_yield, (void))
{
    if (!yield_hook)
        return __real_sched_yield();
    yield_hook();
    return 0;
}
