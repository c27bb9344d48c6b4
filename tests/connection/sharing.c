/* SPDX-License-Identifier: MIT */
#include "connection/sharing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mproc/listener.h>

#include "support/fault.h"
#include "support/pairs.h"
#include "support/suite.h"

mproc_conn *in;
mproc_conn *out;

void close_pair(void)
{
    mproc_conn_close(in);
    mproc_conn_close(out);
    in = NULL;
    out = NULL;
}

static void make_accepted(mproc_conn **first, mproc_conn **second)
{
    mproc_listener *listener;
    const char *address = mp_test_path("socket");
    ck_assert_int_eq(mproc_listener_open(&listener, address, NULL, NULL), 0);
    ck_assert_int_eq(mproc_client_connect(second, address, NULL, NULL), 0);
    ck_assert_int_eq(mproc_listener_accept(listener, first, 30, NULL), 0);
    mproc_listener_close(listener);
}

/* Kinds of the battery that are streams and read ahead, and one more. */
static const struct mp_pair_kind *streams[16];
int streams_count;
static const struct mp_pair_kind accepted = {"accepted", true, true, false, make_accepted};

void find_streams(void)
{
    for (int i = 0; i < mp_pair_kinds_count; i++)
        if (mp_pair_kinds[i].bytes && !mp_pair_kinds[i].shared)
            streams[streams_count++] = &mp_pair_kinds[i];
    streams[streams_count++] = &accepted;
}

void make_stream(int i)
{
    streams[i]->make(&in, &out);
}

void make_pipe(void)
{
    ck_assert_int_eq(mproc_pipe(&in, &out, MPROC_PIPE_STREAM), 0);
}

void put(uint32_t number)
{
    ck_assert_int_eq(mproc_conn_send_bytes(out, &number, sizeof number), 0);
}

void put_range(uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++)
        put(i);
}

uint32_t get(void)
{
    uint32_t number;
    ssize_t n = mproc_conn_recv_bytes_into(in, &number, sizeof number);
    return n == (ssize_t)sizeof number ? number : UINT32_MAX;
}

bool gets_range(uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++)
        if (get() != i)
            return false;
    return true;
}

void expect_exit(pid_t child, int code)
{
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, code << 8);
}

int token[2];

void open_token(void)
{
    ck_assert_int_eq(pipe(token), 0);
}

void close_token(void)
{
    close(token[0]);
    close(token[1]);
}

void take_token(void)
{
    char byte;
    if (read(token[0], &byte, 1) != 1)
        _exit(99);
}

void give_token(void)
{
    if (write(token[1], "", 1) != 1)
        _exit(98);
}

bool reads_ahead(uint32_t from)
{
    mp_fault_arm(MP_FAULT_SYSCALL, BATCH, EINTR);
    bool right = gets_range(from, from + BATCH);
    bool fired = mp_fault_disarm();
    return right && !fired;
}

bool reads_exactly(uint32_t from)
{
    mp_fault_arm(MP_FAULT_SYSCALL, 2 * BATCH, EINTR);
    bool right = gets_range(from, from + BATCH);
    bool fired = mp_fault_disarm();
    return right && fired;
}

/* Every so often a message is longer than what is read ahead. */
static size_t length_of(uint32_t number)
{
    if (number % 50 == 49)
        return LARGE;
    return sizeof number + number % 40;
}

unsigned char message[LARGE];

void put_sized(uint32_t number)
{
    memcpy(message, &number, sizeof number);
    ck_assert_int_eq(mproc_conn_send_bytes(out, message, length_of(number)), 0);
}

uint32_t get_sized(void)
{
    uint32_t number;
    ssize_t n = mproc_conn_recv_bytes_into(in, message, sizeof message);
    if (n < (ssize_t)sizeof number)
        return UINT32_MAX;
    memcpy(&number, message, sizeof number);
    return number < MESSAGES && length_of(number) == (size_t)n ? number : UINT32_MAX;
}

static int results[2];

int consume(const mproc_value *args)
{
    (void)args;
    for (;;) {
        take_token();
        mproc_conn_poll(in, 30);
        uint32_t number = get_sized();
        give_token();
        if (number == UINT32_MAX)
            return 0;
        if (write(results[1], &number, sizeof number) != sizeof number)
            return 1;
    }
}

static void expect_each_once(uint32_t from)
{
    unsigned char times[MESSAGES] = {0};
    for (uint32_t i = from; i < MESSAGES; i++) {
        uint32_t number;
        ck_assert_int_eq(read(results[0], &number, sizeof number), sizeof number);
        ck_assert_uint_eq(++times[number], 1);
    }
    for (uint32_t i = from; i < MESSAGES; i++)
        ck_assert_uint_eq(times[i], 1);
}

void open_results(void)
{
    ck_assert_int_eq(pipe(results), 0);
    open_token();
}

void close_results(void)
{
    close(results[0]);
    close(results[1]);
    close_token();
}

void feed_consumers(uint32_t sent, uint32_t taken)
{
    give_token();
    for (uint32_t i = sent; i < MESSAGES; i++)
        put_sized(i);
    expect_each_once(taken);
    for (int i = 0; i < CONSUMERS; i++)
        put(UINT32_MAX);
}
