/* SPDX-License-Identifier: MIT */
#include "connection/twin.h"

#include <pthread.h>

#include "connection/holders.h"
#include "connection/transport.h"
#include "value/connection.h"

/* Guards every connection's `twin`; taken to make or close a pipe, never to use one. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void register_once(void)
{
    pthread_atfork(NULL, NULL, mp_twin_after_fork);
}

void mp_twin_join(mproc_conn *first, mproc_conn *second)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, register_once);
    pthread_mutex_lock(&lock);
    first->twin = second;
    second->twin = first;
    pthread_mutex_unlock(&lock);
}

void mp_twin_part(mproc_conn *conn)
{
    pthread_mutex_lock(&lock);
    if (conn->twin)
        conn->twin->twin = NULL;
    conn->twin = NULL;
    pthread_mutex_unlock(&lock);
}

void mp_twin_after_fork(void)
{
    pthread_mutex_init(&lock, NULL);
}

/* cppcheck-suppress constParameter ; the type is mp_connection_fn */
static bool is_same(void *conn, struct mp_connection *c)
{
    return c->connection == conn;
}

static bool shut_twin(void *args, struct mp_connection *c)
{
    mproc_conn *twin = ((mproc_conn *)c->connection)->twin;
    if (twin && !mp_value_any_connection(args, is_same, twin))
        twin->transport->shut(twin);
    return false;
}

/* cppcheck-suppress constParameter ; the type is mp_connection_fn */
static bool claim(void *unused, struct mp_connection *c)
{
    (void)unused;
    mproc_conn *conn = c->connection;
    if (conn->transport->claim)
        conn->transport->claim(conn);
    return false;
}

void mp_twin_keep_only(const mproc_value *args)
{
    if (args)
        mp_value_any_connection(args, claim, NULL);
    mp_hold_rest_others();
    if (args)
        mp_value_any_connection(args, shut_twin, (void *)(uintptr_t)args);
}
