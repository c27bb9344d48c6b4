/* SPDX-License-Identifier: MIT */
#include "connection/ring_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mproc/error.h>

#include "base/fd.h"

/* Both directions' controls lie before the records. */
#define CONTROLS ((size_t)4096)

_Static_assert(2 * sizeof(struct mp_ring_control) <= CONTROLS, "controls fit into their page");

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* Memory of a size that nobody can change under us: no SIGBUS for a peer's truncation. */
static int sealed_memory(const char *name, size_t len)
{
    int fd = mp_fd_own(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (fd < 0)
        return fd == -1 ? -errno : fd;
    if (ftruncate(fd, (off_t)len) < 0 || fcntl(fd, F_ADD_SEALS, SEALS) < 0) {
        int rc = -errno;
        mp_fd_close(&fd);
        return rc;
    }
    return fd;
}

static int map_sealed(void **base, int *fd, const char *name, size_t len)
{
    int memory = sealed_memory(name, len);
    if (memory < 0)
        return memory;
    void *mapped = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    if (mapped == MAP_FAILED) {
        int rc = -errno;
        mp_fd_close(&memory);
        return rc;
    }
    *base = mapped;
    *fd = memory;
    return 0;
}

/* Is this sealed memory of just that size? Only memfds have all of these seals. */
static bool is_sealed(int fd, size_t len)
{
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS);
    return seals >= 0 && (seals & SEALS) == SEALS && fstat(fd, &st) == 0 &&
           st.st_size == (off_t)len;
}

static int map_foreign(void **base, int fd, size_t len)
{
    if (!is_sealed(fd, len))
        return MPROC_EPICKLE;
    void *mapped = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED)
        return errno == ENOMEM ? -ENOMEM : MPROC_EPICKLE;
    *base = mapped;
    return 0;
}

/* What it takes besides the memory itself. */
static struct mp_ring_memory *new_memory(size_t ring_size, unsigned rings)
{
    struct mp_ring_memory *memory = calloc(1, sizeof *memory);
    if (!memory)
        return NULL;
    memory->ring_size = ring_size;
    memory->len = CONTROLS + rings * ring_size;
    atomic_init(&memory->users, 1);
    return memory;
}

int mp_ring_memory_new(struct mp_ring_memory **out, size_t ring_size, unsigned rings)
{
    struct mp_ring_memory *memory = new_memory(ring_size, rings);
    if (!memory)
        return -ENOMEM;
    void *base = NULL;
    int rc = map_sealed(&base, &memory->fd, "mproc-ring", memory->len);
    if (rc < 0) {
        free(memory);
        return rc;
    }
    memory->base = base;
    *out = memory;
    return 0;
}

int mp_ring_memory_adopt(struct mp_ring_memory **out, int fd, size_t ring_size, unsigned rings)
{
    struct mp_ring_memory *memory = new_memory(ring_size, rings);
    if (!memory)
        return -ENOMEM;
    void *base = NULL;
    int rc = map_foreign(&base, fd, memory->len);
    if (rc < 0) {
        free(memory);
        return rc;
    }
    memory->base = base;
    memory->fd = fd;
    *out = memory;
    return 0;
}

struct mp_ring_memory *mp_ring_memory_ref(struct mp_ring_memory *memory)
{
    atomic_fetch_add(&memory->users, 1);
    return memory;
}

void mp_ring_memory_unref(struct mp_ring_memory *memory)
{
    if (atomic_fetch_sub(&memory->users, 1) > 1)
        return;
    munmap(memory->base, memory->len);
    mp_fd_close(&memory->fd);
    free(memory);
}

struct mp_ring_control *mp_ring_memory_control(const struct mp_ring_memory *memory, unsigned ring)
{
    return (struct mp_ring_control *)(void *)memory->base + ring;
}

unsigned char *mp_ring_memory_data(const struct mp_ring_memory *memory, unsigned ring)
{
    return memory->base + CONTROLS + ring * memory->ring_size;
}

int mp_end_state_new(struct mp_end_state **out, int *fd)
{
    void *base = NULL;
    int memory = -1;
    int rc = map_sealed(&base, &memory, "mproc-end", sizeof **out);
    if (rc < 0)
        return rc;
    struct mp_end_state *state = base;
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): mapped, or there was an error */
    state->magic = MP_END_MAGIC;
    state->layout = MP_END_LAYOUT;
    rc = mp_end_lock_init(&state->tx.lock);
    if (rc == 0)
        rc = mp_end_lock_init(&state->rx.lock);
    if (rc < 0) {
        mp_end_state_unmap(state);
        mp_fd_close(&memory);
        return rc;
    }
    *out = state;
    *fd = memory;
    return 0;
}

/* The layout is looked at first, where every build has it: another one's size may differ. */
static int check_state(int fd)
{
    uint64_t words[2];
    /* First, because reading from whatever else it may be could block. */
    if (fcntl(fd, F_GET_SEALS) < 0)
        return MPROC_EPICKLE;
    if (pread(fd, words, sizeof words, 0) != sizeof words || words[0] != MP_END_MAGIC)
        return MPROC_EPICKLE;
    return words[1] == MP_END_LAYOUT ? 0 : MPROC_EFOREIGN;
}

int mp_end_state_adopt(struct mp_end_state **out, int fd)
{
    void *base = NULL;
    int rc = check_state(fd);
    if (rc == 0)
        rc = map_foreign(&base, fd, sizeof **out);
    if (rc < 0)
        return rc;
    *out = base;
    return 0;
}

void mp_end_state_unmap(struct mp_end_state *state)
{
    munmap(state, sizeof *state);
}
