/* SPDX-License-Identifier: MIT */
#include "process/own_key.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

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

static int ensure_locked(void)
{
    if (current)
        return 0;
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
    pthread_mutex_unlock(&lock);
    free_key(former);
    return 0;
}
