/* SPDX-License-Identifier: MIT */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

int mp_fd_own(int fd)
{
    if (fd < 0)
        return fd;
    if (fd > STDERR_FILENO) {
        /* Mostly set already by the call that made it; F_SETFD is for the portable build. */
        int flags = fcntl(fd, F_GETFD);
        if (flags >= 0 && (flags & FD_CLOEXEC))
            return fd;
        if (flags >= 0 && fcntl(fd, F_SETFD, flags | FD_CLOEXEC) == 0)
            return fd;
        int error = errno;
        close(fd);
        return -error;
    }
    int higher = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int error = errno;
    close(fd);
    return higher < 0 ? -error : higher;
}

void mp_fd_close(int *fd)
{
    if (*fd < 0)
        return;
    int saved = errno;
    /* Not retried: on Linux the descriptor is gone even after EINTR, see close(2). */
    close(*fd);
    /* Written to seldom, it costs forked processes no page. */
    /* cppcheck-suppress duplicateConditionalAssign */
    if (errno != saved)
        errno = saved;
    *fd = -1;
}

static int own_pair(const int raw[2], int fds[2])
{
    int first = mp_fd_own(raw[0]);
    int second = mp_fd_own(raw[1]);
    if (first >= 0 && second >= 0) {
        fds[0] = first;
        fds[1] = second;
        return 0;
    }
    int rc = first < 0 ? first : second;
    mp_fd_close(&first);
    mp_fd_close(&second);
    return rc;
}

int mp_fd_socketpair(int fds[2])
{
    int raw[2];
#if defined SOCK_CLOEXEC
    int type = SOCK_STREAM | SOCK_CLOEXEC;
#else
    int type = SOCK_STREAM;
#endif
    if (socketpair(AF_UNIX, type, 0, raw) < 0)
        return -errno;
    return own_pair(raw, fds);
}

int mp_fd_pipe(int fds[2])
{
    int raw[2];
#if defined __linux__ && !defined MP_PORTABLE
    int rc = pipe2(raw, O_CLOEXEC);
#else
    int rc = pipe(raw);
#endif
    return rc < 0 ? -errno : own_pair(raw, fds);
}

int mp_fd_set_nonblocking(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0)
        return -errno;
    int wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    if (wanted != flags && fcntl(fd, F_SETFL, wanted) < 0)
        return -errno;
    return 0;
}

static bool is_sigpipe_pending(void)
{
    sigset_t pending;
    sigpending(&pending);
    return sigismember(&pending, SIGPIPE) == 1;
}

static size_t total_of(const struct iovec *parts, size_t n)
{
    size_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += parts[i].iov_len;
    return total;
}

/*
 * The signal, which is directed at this thread, is consumed while it is blocked, unless one was
 * pending before, which it can only be if it was blocked before. It also comes with a write that
 * was cut short by the last reader's leaving.
 */
static ssize_t write_behind_mask(int fd, const struct iovec *parts, size_t n)
{
    sigset_t pipe_only;
    sigset_t before;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
    bool was_blocked = sigismember(&before, SIGPIPE) == 1;
    bool was_pending = was_blocked && is_sigpipe_pending();
    ssize_t written = writev(fd, parts, (int)n);
    int error = errno;
    if (written != (ssize_t)total_of(parts, n) && !was_pending && is_sigpipe_pending()) {
        int number;
        sigwait(&pipe_only, &number);
    }
    if (!was_blocked)
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return written;
}

/* The thread sanitizer does not know pwritev2(2), by which one thread may tell another something.
 */
#if defined __linux__ && !defined MP_PORTABLE && !defined __SANITIZE_THREAD__

#ifndef RWF_NOSIGNAL /* linux/fs.h, since 6.18 */
#define RWF_NOSIGNAL 0x100
#endif

/* Three system calls in one, where the kernel has that. */
ssize_t mp_fd_writev(int fd, const struct iovec *parts, size_t n)
{
    static atomic_bool refused;
    if (!atomic_load_explicit(&refused, memory_order_relaxed)) {
        ssize_t written = pwritev2(fd, parts, (int)n, -1, RWF_NOSIGNAL);
        /* EPERM: from a sandbox that does not know the call. */
        if (written >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS && errno != EPERM))
            return written;
        atomic_store_explicit(&refused, true, memory_order_relaxed);
    }
    return write_behind_mask(fd, parts, n);
}

#else

ssize_t mp_fd_writev(int fd, const struct iovec *parts, size_t n)
{
    return write_behind_mask(fd, parts, n);
}

#endif

/* One poll(2) towards the deadline; where ppoll(2) exists, without rounding to milliseconds. */
static int poll_once(struct pollfd *fds, size_t n, mp_deadline deadline)
{
#if defined __linux__ && !defined MP_PORTABLE
    if (deadline != MP_NEVER) {
        int64_t left = mp_deadline_left(deadline);
        struct timespec ts = {.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
        return ppoll(fds, n, &ts, NULL);
    }
#endif
    return poll(fds, n, mp_deadline_poll_ms(deadline));
}

int mp_poll(struct pollfd *fds, size_t n, mp_deadline deadline)
{
    for (;;) {
        int ready = poll_once(fds, n, deadline);
        if (ready > 0)
            return ready;
        if (ready < 0 && errno != EINTR)
            return -errno;
        if (mp_deadline_passed(deadline))
            return 0;
    }
}

int mp_fd_wait(int fd, short events, mp_deadline deadline)
{
    struct pollfd one = {.fd = fd, .events = events};
    int ready = mp_poll(&one, 1, deadline);
    if (ready < 0)
        return ready;
    if (ready == 0)
        return -ETIMEDOUT;
    return (one.revents & POLLNVAL) ? -EBADF : 0;
}
