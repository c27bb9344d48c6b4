/* SPDX-License-Identifier: MIT */
/*
 * What the tests of streams in several processes share: one pair of ends, numbers that go through
 * it, and consumers that take turns. Some of it runs in children, where assertions are of no use.
 */
#ifndef MP_TESTS_CONNECTION_SHARING_H
#define MP_TESTS_CONNECTION_SHARING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <mproc/connection.h>

/* Messages go from `out` to `in`. */
extern mproc_conn *in;
extern mproc_conn *out;

/* The kinds of pairs that are streams and read ahead; find them first. */
extern int streams_count;
void find_streams(void);
void make_stream(int i);
void make_pipe(void);
void close_pair(void);

/* Numbers as messages; `to` is excluded. What cannot be received is UINT32_MAX. */
void put(uint32_t number);
void put_range(uint32_t from, uint32_t to);
uint32_t get(void);
bool gets_range(uint32_t from, uint32_t to);

void expect_exit(pid_t child, int code);

/* One byte that goes to and fro between processes: to wait for each other, and to take turns. */
extern int token[2];
void open_token(void);
void close_token(void);
void take_token(void);
void give_token(void);

/* Are the next BATCH messages received with less than one system call each; with at least two? */
enum { BATCH = 100 };
bool reads_ahead(uint32_t from);
bool reads_exactly(uint32_t from);

/* Numbers below MESSAGES in messages of various lengths. */
enum { MESSAGES = 600, LARGE = 50000 };
extern unsigned char message[LARGE];
void put_sized(uint32_t number);
uint32_t get_sized(void);

/* So many processes run consume(), and say what they got; the token is their lock. */
enum { CONSUMERS = 4 };
void open_results(void);
void close_results(void);
int consume(const mproc_value *args);

/* Send the messages from `sent` on; each from `taken` on is to be consumed once. Then all end. */
void feed_consumers(uint32_t sent, uint32_t taken);

#endif
