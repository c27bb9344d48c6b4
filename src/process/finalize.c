/* SPDX-License-Identifier: MIT */
#include "process/finalize.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

struct finalizer {
    mproc_finalizer id;
    mproc_finalizer_fn fn;
    void *arg;
    int priority;
    struct finalizer *next; /* runs after this one */
};

static struct {
    pthread_mutex_t lock;
    _Atomic pid_t
        owner; /* who registered these; read without the lock to find that none are ours */
    struct finalizer *first;
    struct finalizer *inherited; /* of those that this process is a copy of; never run, never freed:
                                    the list may have been copied while a thread was at it */
    mproc_finalizer last_id;     /* goes on in copies, so that a name from before means nothing */
} list = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* The list itself is left alone: a child that has no finalizers of its own has nothing to write. */
void mp_finalizers_after_fork(void)
{
    pthread_mutex_init(&list.lock, NULL);
}

static int prepare_rc;

static void prepare(void)
{
    prepare_rc = -pthread_atfork(NULL, NULL, mp_finalizers_after_fork);
    if (prepare_rc == 0)
        prepare_rc = mp_exit_prepare();
}

static bool mine(void)
{
    return atomic_load(&list.owner) == getpid();
}

static void own_locked(void)
{
    if (mine())
        return;
    list.inherited = list.first;
    list.first = NULL;
    atomic_store(&list.owner, getpid());
}

static void insert_locked(struct finalizer *fresh)
{
    struct finalizer **at = &list.first;
    while (*at && (*at)->priority > fresh->priority)
        at = &(*at)->next;
    fresh->next = *at;
    *at = fresh;
}

int mproc_finalizer_register(mproc_finalizer *finalizer, mproc_finalizer_fn fn, void *arg,
                             int priority)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (!fn)
        return -EINVAL;
    pthread_once(&once, prepare);
    if (prepare_rc < 0)
        return prepare_rc;
    struct finalizer *fresh = malloc(sizeof *fresh);
    if (!fresh)
        return -ENOMEM;
    *fresh = (struct finalizer){.fn = fn, .arg = arg, .priority = priority};
    pthread_mutex_lock(&list.lock);
    own_locked();
    mproc_finalizer id = ++list.last_id;
    fresh->id = id;
    insert_locked(fresh);
    pthread_mutex_unlock(&list.lock);
    if (finalizer)
        *finalizer = id;
    return 0;
}

static struct finalizer *take(mproc_finalizer id)
{
    if (!mine())
        return NULL;
    pthread_mutex_lock(&list.lock);
    struct finalizer **at = &list.first;
    while (*at && (*at)->id != id)
        at = &(*at)->next;
    struct finalizer *found = *at;
    if (found)
        *at = found->next;
    pthread_mutex_unlock(&list.lock);
    return found;
}

static struct finalizer *take_first(int least)
{
    if (!mine())
        return NULL;
    pthread_mutex_lock(&list.lock);
    struct finalizer *first = list.first;
    if (first && first->priority < least)
        first = NULL;
    if (first)
        list.first = first->next;
    pthread_mutex_unlock(&list.lock);
    return first;
}

/* What it needs is taken out first: it may call exit(3), and then this does not return. */
static void run(struct finalizer *taken)
{
    mproc_finalizer_fn fn = taken->fn;
    void *arg = taken->arg;
    free(taken);
    fn(arg);
}

int mproc_finalizer_call(mproc_finalizer finalizer)
{
    struct finalizer *found = take(finalizer);
    if (!found)
        return -ENOENT;
    run(found);
    return 0;
}

int mproc_finalizer_cancel(mproc_finalizer finalizer)
{
    struct finalizer *found = take(finalizer);
    free(found);
    return found ? 0 : -ENOENT;
}

void mp_finalizers_run(int least)
{
    struct finalizer *first;
    while ((first = take_first(least)) != NULL)
        run(first);
}

bool mp_finalizers_pending(void)
{
    if (!mine())
        return false;
    pthread_mutex_lock(&list.lock);
    bool pending = list.first != NULL;
    pthread_mutex_unlock(&list.lock);
    return pending;
}
