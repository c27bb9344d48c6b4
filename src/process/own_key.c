/* SPDX-License-Identifier: MIT */
#include "process/own_key.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mproc/process.h>

#define RANDOM_KEY 32

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* One pointer to all of it, so that a copy made by fork(2) has either the old or the new key. */
static struct mp_authkey *current;

void mp_own_key_after_fork(void)
{
    pthread_mutex_init(&lock, NULL);
}

static void free_key(struct mp_authkey *key)
{
    if (key)
        mp_authkey_clear(key);
    free(key);
}

static int new_key(struct mp_authkey **out, const void *bytes, size_t len)
{
    struct mp_authkey *key = calloc(1, sizeof *key);
    int rc = key ? mp_authkey_copy(key, bytes, len) : -ENOMEM;
    if (rc < 0)
        free(key);
    else
        *out = key;
    return rc;
}

/* See mp_own_key_carry(). */
static struct {
    void *page; /* NULL: none */
    size_t room;
    size_t len;
} carried;

static void drop_carried(void)
{
    if (!carried.page)
        return;
    sodium_memzero(carried.page, carried.len);
    munmap(carried.page, carried.room);
    carried.page = NULL;
}

int mp_own_key_carry(const void *bytes, size_t len)
{
    size_t room = (size_t)sysconf(_SC_PAGESIZE);
    if (len > room)
        return mproc_set_authkey(bytes, len);
    void *page = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return -errno;
    /* As libsodium has it, a system that refuses these two keeps the key anyway. */
    mlock(page, room);
#if defined MADV_DONTDUMP
    madvise(page, room, MADV_DONTDUMP);
#endif
    memcpy(page, bytes, len);
    carried.page = page;
    carried.room = room;
    carried.len = len;
    return 0;
}

static int guard_carried(void)
{
    int rc = new_key(&current, carried.page, carried.len);
    if (rc == 0)
        drop_carried();
    return rc;
}

static int ensure_locked(void)
{
    if (current)
        return 0;
    if (carried.page)
        return guard_carried();
    if (sodium_init() < 0)
        return -ENOMEM;
    unsigned char bytes[RANDOM_KEY];
    randombytes_buf(bytes, sizeof bytes);
    int rc = new_key(&current, bytes, sizeof bytes);
    sodium_memzero(bytes, sizeof bytes);
    return rc;
}

int mp_own_key_ensure(void)
{
    pthread_mutex_lock(&lock);
    int rc = ensure_locked();
    pthread_mutex_unlock(&lock);
    return rc;
}

int mp_own_key_copy(struct mp_authkey *key)
{
    pthread_mutex_lock(&lock);
    int rc = ensure_locked();
    if (rc == 0)
        rc = mp_authkey_copy(key, current->bytes, current->len);
    pthread_mutex_unlock(&lock);
    return rc;
}

static ssize_t copy_locked(void *out, size_t cap)
{
    int rc = ensure_locked();
    if (rc < 0)
        return rc;
    if (current->len > cap)
        return MPROC_EBUFSIZE;
    if (current->len > 0)
        memcpy(out, current->bytes, current->len);
    return (ssize_t)current->len;
}

ssize_t mproc_authkey(void *key, size_t cap)
{
    pthread_mutex_lock(&lock);
    ssize_t n = copy_locked(key, cap);
    pthread_mutex_unlock(&lock);
    return n;
}

int mproc_set_authkey(const void *key, size_t len)
{
    if (!key && len > 0)
        return -EINVAL;
    struct mp_authkey *fresh;
    int rc = new_key(&fresh, key ? key : "", len);
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&lock);
    struct mp_authkey *former = current;
    current = fresh;
    drop_carried();
    pthread_mutex_unlock(&lock);
    free_key(former);
    return 0;
}
