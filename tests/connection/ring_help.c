/* SPDX-License-Identifier: MIT */
#include "ring_help.h"

#include <check.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

static void make(mproc_conn **first, mproc_conn **second, unsigned flags, size_t ring_bytes,
                 double spin_us)
{
    mproc_pipe_options options = MPROC_PIPE_OPTIONS_INIT;
    options.ring_bytes = ring_bytes;
    options.spin_us = spin_us;
    ck_assert_int_eq(mproc_pipe_with(first, second, flags, &options), 0);
}

void mp_make_pipe(mproc_conn **first, mproc_conn **second, unsigned flags, size_t ring_bytes)
{
    make(first, second, flags, ring_bytes, -1);
}

void mp_make_ring(mproc_conn **first, mproc_conn **second, unsigned flags, size_t ring_bytes,
                  double spin_us)
{
    make(first, second, flags | MPROC_PIPE_RING, ring_bytes, spin_us);
}

mproc_conn *mp_receive_conn(mproc_conn *from)
{
    mproc_value *value;
    mproc_conn *conn = NULL;
    if (mproc_conn_recv(from, &value, NULL) < 0)
        return NULL;
    if (mproc_unpack(value, "C", &conn) < 0 || mproc_value_take_conn(value, conn) < 0)
        conn = NULL;
    mproc_value_free(value);
    return conn;
}

void mp_expect_exit(pid_t child, int code)
{
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == code, "status %x", (unsigned)status);
}

void mp_expect_killed(pid_t child)
{
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "status %x",
                  (unsigned)status);
}

void mp_nap(long us)
{
    const struct timespec ts = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    nanosleep(&ts, NULL);
}

unsigned mp_next_random(unsigned *state)
{
    *state = *state * 1103515245u + 12345u;
    return *state >> 16;
}
