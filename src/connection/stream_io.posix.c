/* SPDX-License-Identifier: MIT */
/*
 * The descriptor's O_NONBLOCK is never touched: it belongs to the open file description, which
 * other processes may share, among them Python ones that expect it to block. Sockets are told not
 * to block call by call; pipes and terminals are polled first.
 */
#include "connection/stream_io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

#if !defined MSG_NOSIGNAL /* macOS: SO_NOSIGPIPE is set instead */
#define MSG_NOSIGNAL 0
#endif

static int init_socket(struct mp_stream_fd *io)
{
    int type;
    socklen_t len = sizeof type;
    if (getsockopt(io->fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
        return -errno;
    if (type != SOCK_STREAM)
        return -EPROTOTYPE;
    struct sockaddr_storage name = {0};
    len = sizeof name;
    if (getsockname(io->fd, (struct sockaddr *)&name, &len) < 0)
        return -errno;
    io->is_socket = true;
    io->is_local = name.ss_family == AF_UNIX;
    int on = 1;
    /* Messages leave whole in one write: waiting for more (Nagle) would only delay the last one. */
    if (name.ss_family == AF_INET || name.ss_family == AF_INET6)
        setsockopt(io->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
#if defined SO_NOSIGPIPE
    setsockopt(io->fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
    return 0;
}

int mp_stream_fd_init(struct mp_stream_fd *io, int fd, bool *readable, bool *writable)
{
    struct stat st;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fstat(fd, &st) < 0)
        return -errno;
    *io = (struct mp_stream_fd){.fd = fd};
    *readable = (flags & O_ACCMODE) != O_WRONLY;
    *writable = (flags & O_ACCMODE) != O_RDONLY;
    return S_ISSOCK(st.st_mode) ? init_socket(io) : 0;
}

/* Memory for the control message that holds a whole parcel. */
union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(MP_PARCEL_MAX * sizeof(int))];
};

#if !defined MSG_CMSG_CLOEXEC /* portable: a fork and exec may come between */
#define MSG_CMSG_CLOEXEC 0
#endif

/* Take the descriptors out of a received message. */
static void open_parcel(struct msghdr *message, struct mp_parcel *parcel)
{
    parcel->lost = message->msg_flags & MSG_CTRUNC;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        const unsigned char *data = CMSG_DATA(c);
        for (size_t i = 0; i < n; i++, data += sizeof(int)) {
            int fd;
            memcpy(&fd, data, sizeof fd);
            int own = mp_fd_own(fd);
            if (own >= 0 && parcel->n < MP_PARCEL_MAX)
                parcel->fds[parcel->n++] = own;
            else
                parcel->lost = true;
        }
    }
}

static ssize_t receive(const struct mp_stream_fd *io, void *buf, size_t len,
                       struct mp_parcel *parcel, int flags)
{
    if (!io->is_local)
        return recv(io->fd, buf, len, flags);
    union control control;
    struct iovec part = {.iov_base = buf, .iov_len = len};
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof control.bytes,
    };
    ssize_t n = recvmsg(io->fd, &message, flags | MSG_CMSG_CLOEXEC);
    if (n >= 0 && (message.msg_controllen > 0 || (message.msg_flags & MSG_CTRUNC)))
        open_parcel(&message, parcel);
    return n;
}

/* One attempt; a socket may block in it only if there is no deadline. */
static ssize_t read_once(const struct mp_stream_fd *io, void *buf, size_t len,
                         struct mp_parcel *parcel, mp_deadline deadline)
{
    if (io->is_socket)
        return receive(io, buf, len, parcel, deadline == MP_NEVER ? 0 : MSG_DONTWAIT);
    if (deadline != MP_NEVER) {
        int rc = mp_fd_wait(io->fd, POLLIN, deadline);
        if (rc < 0) {
            errno = -rc;
            return -1;
        }
    }
    return read(io->fd, buf, len);
}

ssize_t mp_stream_read(const struct mp_stream_fd *io, void *buf, size_t len,
                       struct mp_parcel *parcel, mp_deadline deadline)
{
    for (;;) {
        ssize_t n = read_once(io, buf, len, parcel, deadline);
        if (n >= 0)
            return n;
        if (errno == EINTR)
            continue;
        if (errno == ECONNRESET && io->is_local)
            return 0;
        if (!mp_would_block(errno))
            return -errno;
        if (deadline == MP_NOW)
            return -ETIMEDOUT;
        int rc = mp_fd_wait(io->fd, POLLIN, deadline);
        if (rc < 0)
            return rc;
    }
}

/* Cut the parts to at most `max` bytes in all. Returns how many parts are left. */
static size_t limit_parts(struct iovec *parts, size_t n, size_t max)
{
    for (size_t i = 0; i < n; i++) {
        if (parts[i].iov_len > max)
            parts[i].iov_len = max;
        max -= parts[i].iov_len;
        if (max == 0)
            return i + 1;
    }
    return n;
}

/*
 * A pipe in blocking mode: POLLOUT promises room for PIPE_BUF bytes and no more (pipe(7)), so that
 * is what a write under a deadline may offer.
 */
static ssize_t write_pipe(const struct mp_stream_fd *io, const struct iovec *parts, size_t n,
                          mp_deadline deadline)
{
    struct iovec some[2] = {parts[0], n > 1 ? parts[1] : (struct iovec){0}};
    n = n > 1 ? 2 : 1; /* of more, the rest would be a short write */
    if (deadline != MP_NEVER) {
        int rc = mp_fd_wait(io->fd, POLLOUT, deadline);
        if (rc < 0) {
            errno = -rc;
            return -1;
        }
        if (!(fcntl(io->fd, F_GETFL) & O_NONBLOCK))
            n = limit_parts(some, n, PIPE_BUF);
    }
    return mp_fd_writev(io->fd, some, n);
}

/* Put a parcel into the control part of a message that is to be sent. */
static void attach(struct msghdr *message, union control *control, const struct mp_parcel *parcel)
{
    size_t size = parcel->n * sizeof *parcel->fds;
    message->msg_control = control->bytes;
    message->msg_controllen = CMSG_SPACE(size);
    memset(control->bytes, 0, CMSG_SPACE(size)); /* the padding, too: it goes to the kernel */
    struct cmsghdr *c = CMSG_FIRSTHDR(message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(c), parcel->fds, size);
}

static ssize_t write_once(const struct mp_stream_fd *io, struct iovec *parts, size_t n,
                          const struct mp_parcel *parcel, mp_deadline deadline)
{
    if (!io->is_socket)
        return write_pipe(io, parts, n, deadline);
    union control control;
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = n};
    if (parcel && parcel->n > 0)
        attach(&message, &control, parcel);
    return sendmsg(io->fd, &message, MSG_NOSIGNAL | (deadline == MP_NEVER ? 0 : MSG_DONTWAIT));
}

ssize_t mp_stream_write(const struct mp_stream_fd *io, struct iovec *parts, size_t n,
                        const struct mp_parcel *parcel, mp_deadline deadline)
{
    for (;;) {
        ssize_t written = write_once(io, parts, n, parcel, deadline);
        if (written > 0)
            return written;
        int error = written == 0 ? EAGAIN : errno;
        if (error == EINTR)
            continue;
        if (error == ECONNRESET)
            return -EPIPE;
        if (!mp_would_block(error))
            return -error;
        int rc = mp_fd_wait(io->fd, POLLOUT, deadline);
        if (rc < 0)
            return rc;
    }
}
