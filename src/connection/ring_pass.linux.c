/* SPDX-License-Identifier: MIT */
/*
 * An end of a ring on its way to another process: memory, state, side socket, then the bell that
 * wakes it and the bell that it rings, as far as it has them.
 *
 * Everything that arrives is checked as from a stranger: that the memory is sealed and of the size
 * that the state speaks of, that the bells are bells. Where the end stands, too, is believed only
 * as far as positions inside the ring go. But the state holds locks of the C library, which
 * scribbled on could lead to any address, so that it is taken only from processes of the same user,
 * or of root; they could do worse with ptrace(2).
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mproc/error.h>

#include "base/fd.h"
#include "connection/ring.h"

enum { PASS_MEMORY, PASS_STATE, PASS_SIDE, PASS_BELLS, PASS_MOST = PASS_BELLS + 2 };

int mp_ring_pass(mproc_conn *conn, struct mp_parcel *parcel, unsigned *traits)
{
    struct mp_ring *r = mp_ring_of(conn);
    if (!conn->readable && !conn->writable)
        return -EBADF;
    if (atomic_load(&conn->reading.owner) || atomic_load(&conn->writing.owner) ||
        (conn->readable && mp_ring_holds_part(r)))
        return -EBUSY;
    if (MP_PARCEL_MAX - parcel->n < PASS_MOST)
        return -E2BIG;
    parcel->fds[parcel->n++] = r->memory->fd;
    parcel->fds[parcel->n++] = r->state_fd;
    parcel->fds[parcel->n++] = r->side;
    if (conn->readable)
        parcel->fds[parcel->n++] = r->bell_in;
    if (conn->writable)
        parcel->fds[parcel->n++] = r->bell_out;
    *traits = MP_PASS_RING | (conn->readable ? MP_PASS_READABLE : 0U) |
              (conn->writable ? MP_PASS_WRITABLE : 0U);
    return 0;
}

/* See SO_PEERCRED in unix(7): who connected, or made the pair. */
static bool is_from_other_user(int carrier)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    if (carrier < 0)
        return false;
    if (getsockopt(carrier, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
        return true;
    return peer.uid != geteuid() && peer.uid != 0;
}

/* The end of a pipe that was made as a bell. */
static bool is_bell(int fd, int access)
{
    struct stat st;
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && (flags & O_ACCMODE) == access && (flags & O_NONBLOCK) &&
           fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) &&
           fcntl(fd, F_GETPIPE_SZ) <= (int)sysconf(_SC_PAGESIZE);
}

static bool is_side(int fd)
{
    int domain;
    int type;
    socklen_t domain_len = sizeof domain;
    socklen_t type_len = sizeof type;
    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_len) == 0 && domain == AF_UNIX &&
           getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) == 0 && type == SOCK_STREAM;
}

/* What the state says of its pipe, read once. */
struct shape {
    uint64_t ring_size;
    bool first;
    bool readable;
    bool writable;
    unsigned rings;
};

static int read_shape(struct shape *shape, const struct mp_end_state *state)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): adopted, or there was an error */
    uint64_t size = state->ring_size;
    uint32_t first = state->first;
    uint32_t duplex = state->duplex;
    if (size < MP_RING_SIZE_MIN || size > MP_RING_SIZE_MAX || (size & (size - 1)) != 0 ||
        first > 1 || duplex > 1)
        return MPROC_EPICKLE;
    *shape = (struct shape){
        .ring_size = size,
        .first = first,
        .readable = duplex || first,
        .writable = duplex || !first,
        .rings = duplex ? 2 : 1,
    };
    return 0;
}

/* The end's bells among the descriptors behind PASS_BELLS. */
static int find_bells(const struct shape *shape, const int *fds, size_t n, int bells[2])
{
    size_t at = PASS_BELLS;
    bells[0] = -1;
    bells[1] = -1;
    if (n < at + shape->readable + shape->writable)
        return MPROC_EPICKLE;
    if (shape->readable)
        bells[0] = fds[at++];
    if (shape->writable)
        bells[1] = fds[at];
    bool good = (!shape->readable || is_bell(bells[0], O_RDONLY)) &&
                (!shape->writable || is_bell(bells[1], O_WRONLY));
    return good ? 0 : MPROC_EPICKLE;
}

/* With the state mapped: all the rest. */
static int adopt_parts(mproc_conn **conn, struct mp_ring_parts *parts, const int *fds, size_t n,
                       unsigned traits)
{
    struct shape shape;
    int rc = read_shape(&shape, parts->state);
    if (rc == 0 && (shape.readable != !!(traits & MP_PASS_READABLE) ||
                    shape.writable != !!(traits & MP_PASS_WRITABLE)))
        rc = MPROC_EPICKLE;
    if (rc == 0)
        rc = find_bells(&shape, fds, n, parts->bells);
    if (rc == 0 && !is_side(parts->side))
        rc = MPROC_EPICKLE;
    if (rc == 0)
        rc = mp_ring_memory_adopt(&parts->memory, fds[PASS_MEMORY], shape.ring_size, shape.rings);
    if (rc < 0)
        return rc;
    parts->first = shape.first;
    rc = mp_ring_new(conn, parts);
    if (rc < 0) {
        parts->memory->fd = -1; /* stays in the parcel */
        mp_ring_memory_unref(parts->memory);
    }
    return rc;
}

int mp_ring_adopt(mproc_conn **conn, struct mp_parcel *parcel, size_t place, unsigned traits)
{
    int *fds = parcel->fds + place;
    size_t n = PASS_BELLS;
    n += traits & MP_PASS_READABLE ? 1 : 0;
    n += traits & MP_PASS_WRITABLE ? 1 : 0;
    if (is_from_other_user(parcel->carrier))
        return MPROC_EFOREIGN;
    if (parcel->n - place < n)
        return parcel->lost ? MPROC_ELOST : MPROC_EPICKLE;
    for (size_t i = 0; i < n; i++)
        if (fds[i] < 0)
            return MPROC_EPICKLE;
    struct mp_ring_parts parts = {.state_fd = fds[PASS_STATE], .side = fds[PASS_SIDE]};
    int rc = mp_self_init();
    if (rc == 0)
        rc = mp_end_state_adopt(&parts.state, parts.state_fd);
    if (rc < 0)
        return rc;
    rc = adopt_parts(conn, &parts, fds, n, traits);
    if (rc < 0) {
        mp_end_state_unmap(parts.state);
        return rc;
    }
    for (size_t i = 0; i < n; i++)
        fds[i] = -1;
    return 0;
}
