/* SPDX-License-Identifier: MIT */
#include "process/bond.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

bool mp_tie_wants_lifeline(void)
{
    return true;
}

/* 0: with its process group, which it leads. */
static pid_t victim;

/* POSIX has nothing that ends a process with its parent, so a thread waits for that to happen. */
static void *die_with_parent(void *parent)
{
    struct mp_status *status = parent;
    char byte;
    ssize_t n = 0;
    /* Under a limit of no descriptors poll(2) refuses to wait, where read(2) does not. */
    if (mp_pollable_wait_one(&status->pollable, MP_NEVER) < 0)
        do
            n = read(status->sentinel, &byte, 1);
        while (n < 0 && errno == EINTR);
    /* A program that closes what it does not know unties itself, but is not killed for that. */
    if (n >= 0 || errno != EBADF)
        kill(victim, SIGKILL);
    return NULL;
}

int mp_tie_to_parent(const struct mp_bond *bond, struct mp_status *parent)
{
    victim = bond->group ? 0 : getpid();
    if (mp_status_look(parent) != MP_RUNNING)
        return -ESRCH;
    /* Signals are blocked since before the fork, and stay so in the thread. */
    pthread_t watcher;
    int rc = pthread_create(&watcher, NULL, die_with_parent, parent);
    if (rc == 0)
        pthread_detach(watcher);
    return -rc;
}

int mp_tie_before_exec(const struct mp_bond *bond)
{
    (void)bond;
    return -ENOTSUP;
}
