/* SPDX-License-Identifier: MIT */
#include "process/own_key.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mproc/process.h>

#define RANDOM_KEY 32

struct shared_key {
    struct mp_authkey key; /* the first member */
    unsigned users;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* One pointer to all of it, so that a copy made by fork(2) has either the old or the new key. */
static struct shared_key *current;

void mp_own_key_after_fork(void)
{
    pthread_mutex_init(&lock, NULL);
}

static void leave_locked(struct shared_key *shared)
{
    if (!shared || --shared->users > 0)
        return;
    mp_authkey_clear(&shared->key);
    free(shared);
}

static int new_key(struct shared_key **out, const void *bytes, size_t len)
{
    struct shared_key *shared = calloc(1, sizeof *shared);
    int rc = shared ? mp_authkey_copy(&shared->key, bytes, len) : -ENOMEM;
    if (rc < 0) {
        free(shared);
        return rc;
    }
    shared->users = 1;
    *out = shared;
    return 0;
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

int mp_own_key_borrow(const struct mp_authkey **key)
{
    pthread_mutex_lock(&lock);
    int rc = ensure_locked();
    if (rc == 0) {
        current->users++;
        *key = &current->key;
    }
    pthread_mutex_unlock(&lock);
    return rc;
}

void mp_own_key_give_back(const struct mp_authkey *key)
{
    pthread_mutex_lock(&lock);
    leave_locked((struct shared_key *)(uintptr_t)key);
    pthread_mutex_unlock(&lock);
}

static ssize_t copy_locked(void *out, size_t cap)
{
    int rc = ensure_locked();
    if (rc < 0)
        return rc;
    const struct mp_authkey *key = &current->key;
    if (key->len > cap)
        return MPROC_EBUFSIZE;
    if (key->len > 0)
        memcpy(out, key->bytes, key->len);
    return (ssize_t)key->len;
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
    struct shared_key *fresh;
    int rc = new_key(&fresh, key ? key : "", len);
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&lock);
    struct shared_key *former = current;
    current = fresh;
    leave_locked(former);
    drop_carried();
    pthread_mutex_unlock(&lock);
    return 0;
}
