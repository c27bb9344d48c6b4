/* SPDX-License-Identifier: MIT */
/* The process-wide key, in guarded memory that is only readable while it is copied out. */
#include "process/authkey.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <string.h>

#include <mproc/process.h>

#define RANDOM_KEY 32

/* One pointer to all of it, so that a copy made by fork(2) has either the old or the new key. */
struct authkey {
    size_t len;
    unsigned char bytes[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct authkey *current;

void mp_authkey_after_fork(void)
{
    pthread_mutex_init(&lock, NULL);
}

/* A key of random bytes if `bytes` is NULL. */
static int make_key(struct authkey **out, const void *bytes, size_t len)
{
    struct authkey *key;
    if (sodium_init() < 0 || len > SIZE_MAX / 2)
        return -ENOMEM;
    /* sodium_malloc() ends an allocation at a page's end, so its size decides how it is aligned. */
    size_t padding = (sizeof key->len - len % sizeof key->len) % sizeof key->len;
    key = sodium_malloc(sizeof *key + len + padding);
    if (!key)
        return -ENOMEM;
    key->len = len;
    if (bytes)
        memcpy(key->bytes, bytes, len);
    else
        randombytes_buf(key->bytes, len);
    sodium_mprotect_noaccess(key);
    *out = key;
    return 0;
}

static int ensure_locked(void)
{
    return current ? 0 : make_key(&current, NULL, RANDOM_KEY);
}

int mp_authkey_ensure(void)
{
    pthread_mutex_lock(&lock);
    int rc = ensure_locked();
    pthread_mutex_unlock(&lock);
    return rc;
}

static ssize_t copy_locked(void *out, size_t cap)
{
    int rc = ensure_locked();
    if (rc < 0)
        return rc;
    sodium_mprotect_readonly(current);
    size_t len = current->len;
    if (len > 0 && len <= cap)
        memcpy(out, current->bytes, len);
    sodium_mprotect_noaccess(current);
    return len <= cap ? (ssize_t)len : MPROC_EBUFSIZE;
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
    struct authkey *fresh;
    int rc = make_key(&fresh, key ? key : "", len);
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&lock);
    struct authkey *former = current;
    current = fresh;
    pthread_mutex_unlock(&lock);
    sodium_free(former);
    return 0;
}
