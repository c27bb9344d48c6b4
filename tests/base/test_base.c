/* SPDX-License-Identifier: MIT */
/* base: error list and detail, deadlines, descriptors, buffer, gate, options, log. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/gate.h"
#include "base/log.h"
#include "base/options.h"
#include "support/suite.h"

START_TEST(every_error_has_a_name_and_a_message_of_its_own)
{
    static const int codes[] = {
#define CODE(name, value, message) name,
        MPROC_ERRORS(CODE)
#undef CODE
    };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        ck_assert_int_lt(codes[i], -5000);
        ck_assert_int_eq(strncmp(mproc_error_name(codes[i]), "MPROC_E", 7), 0);
        ck_assert_str_ne(mproc_strerror(codes[i]), "unknown error");
        for (size_t k = 0; k < i; k++) {
            ck_assert_int_ne(codes[i], codes[k]);
            ck_assert_str_ne(mproc_strerror(codes[i]), mproc_strerror(codes[k]));
        }
    }
}
END_TEST

START_TEST(system_errors_are_named_too)
{
    ck_assert_str_eq(mproc_error_name(-ECONNREFUSED), "ECONNREFUSED");
    ck_assert_str_eq(mproc_strerror(-ENOENT), "No such file or directory");
    ck_assert_str_eq(mproc_strerror(0), "success");
    ck_assert_str_eq(mproc_strerror(-4999), "unknown error");
    ck_assert_str_eq(mproc_strerror(17), "unknown error");
    ck_assert_str_eq(mproc_error_name(INT_MIN), "UNKNOWN");
}
END_TEST

START_TEST(the_first_detail_wins)
{
    mproc_error err = MPROC_ERROR_INIT;
    ck_assert_int_eq(mp_fail_errno(&err, ENOENT, "open %s", "x"), -ENOENT);
    ck_assert_int_eq(mp_fail(&err, MPROC_EPROTO, "later"), MPROC_EPROTO);
    ck_assert_int_eq(err.code, -ENOENT);
    ck_assert_int_eq(err.sys_errno, ENOENT);
    ck_assert_str_eq(err.text, "open x: No such file or directory");
    mp_error_clear(&err);
    ck_assert_int_eq(err.code, 0);
    ck_assert_int_eq(mp_fail(NULL, -EINVAL, "nobody listens"), -EINVAL);
    mp_error_clear(NULL);
}
END_TEST

START_TEST(a_long_detail_is_cut_not_overrun)
{
    mproc_error err = MPROC_ERROR_INIT;
    char name[2 * MPROC_ERROR_TEXT];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    mp_fail_errno(&err, ENOENT, "open %s", name);
    ck_assert_uint_eq(strlen(err.text), MPROC_ERROR_TEXT - 1);
}
END_TEST

START_TEST(timeouts_become_deadlines)
{
    mp_deadline at = 7;
    ck_assert_int_eq(mp_deadline_in(NAN, &at), -EINVAL);
    ck_assert_int_eq(at, 7);
    ck_assert_int_eq(mp_deadline_in(MPROC_FOREVER, &at), 0);
    ck_assert(at == MP_NEVER && !mp_deadline_passed(at));
    ck_assert_int_eq(mp_deadline_poll_ms(at), -1);
    ck_assert_int_eq(mp_deadline_in(1e300, &at), 0);
    ck_assert(at == MP_NEVER);
    ck_assert_int_eq(mp_deadline_in(-1, &at), 0);
    ck_assert(mp_deadline_passed(at));
    ck_assert_int_eq(mp_deadline_poll_ms(at), 0);
    ck_assert_int_eq(mp_deadline_in(-INFINITY, &at), 0);
    ck_assert(mp_deadline_passed(at));
    ck_assert_int_eq(mp_deadline_in(3600, &at), 0);
    ck_assert(!mp_deadline_passed(at));
    ck_assert_int_le(mp_deadline_poll_ms(at), 3600 * 1000);
    ck_assert_int_gt(mp_deadline_poll_ms(at), 3500 * 1000);
    ck_assert_int_eq(mp_deadline_in(8e9, &at), 0);
    ck_assert_int_eq(mp_deadline_poll_ms(at), INT_MAX);
    /* A nanosecond is rounded up to a millisecond, not down to a poll that spins. */
    at = mp_clock_now() + 900000;
    ck_assert_int_le(mp_deadline_poll_ms(at), 1);
}
END_TEST

START_TEST(descriptors_stay_clear_of_stdio)
{
    int saved = dup(0);
    close(0);
    int fds[2];
    ck_assert_int_eq(mp_fd_pipe(fds), 0);
    ck_assert_int_gt(fds[0], 2);
    ck_assert_int_gt(fds[1], 2);
    ck_assert_int_eq(fcntl(0, F_GETFD), -1);
    ck_assert(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
    ck_assert(fcntl(fds[1], F_GETFD) & FD_CLOEXEC);
    mp_fd_close(&fds[0]);
    mp_fd_close(&fds[1]);
    ck_assert_int_eq(fds[0], -1);
    mp_fd_close(&fds[0]);
    ck_assert_int_eq(mp_fd_socketpair(fds), 0);
    ck_assert_int_gt(fds[0], 2);
    ck_assert(fcntl(fds[1], F_GETFD) & FD_CLOEXEC);
    mp_fd_close(&fds[0]);
    mp_fd_close(&fds[1]);
    dup2(saved, 0);
    close(saved);
}
END_TEST

static void ignore_signal(int number)
{
    (void)number;
}

static void *interrupt_later(void *arg)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    for (int i = 0; i < 20; i++) {
        nanosleep(&pause, NULL);
        pthread_kill(*(pthread_t *)arg, SIGUSR1);
    }
    return NULL;
}

START_TEST(a_wait_outlives_signals)
{
    struct sigaction action = {.sa_handler = ignore_signal};
    sigaction(SIGUSR1, &action, NULL);
    int fds[2];
    ck_assert_int_eq(mp_fd_pipe(fds), 0);
    pthread_t self = pthread_self();
    pthread_t other;
    pthread_create(&other, NULL, interrupt_later, &self);
    mp_deadline deadline;
    mp_deadline_in(0.1, &deadline);
    ck_assert_int_eq(mp_fd_wait(fds[0], POLLIN, deadline), -ETIMEDOUT);
    ck_assert(mp_deadline_passed(deadline));
    pthread_join(other, NULL);
    mp_fd_close(&fds[0]);
    mp_fd_close(&fds[1]);
    ck_assert_int_eq(mp_fd_wait(1000, POLLIN, MP_NOW), -EBADF);
}
END_TEST

START_TEST(a_buffer_grows_and_gives_itself_away)
{
    struct mp_buffer buf = {0};
    ck_assert_int_eq(mp_buffer_append(&buf, NULL, 0), 0);
    for (unsigned i = 0; i < 10000; i++)
        ck_assert_int_eq(mp_buffer_append(&buf, &(unsigned char){(unsigned char)i}, 1), 0);
    ck_assert_uint_eq(buf.len, 10000);
    ck_assert_int_eq(mp_buffer_reserve(&buf, SIZE_MAX - 5), -ENOMEM);
    ck_assert_uint_eq(buf.len, 10000);
    unsigned char *data = mp_buffer_take(&buf);
    for (unsigned i = 0; i < 10000; i++)
        ck_assert_uint_eq(data[i], i % 256);
    free(data);
    ck_assert_ptr_null(buf.data);
    mp_buffer_clear(&buf);
}
END_TEST

struct contest {
    struct mp_gate gate;
    long count;
};

static void *enter_often(void *arg)
{
    struct contest *c = arg;
    for (int i = 0; i < 20000; i++) {
        if (mp_gate_enter(&c->gate, MP_NEVER) < 0)
            return arg;
        c->count++;
        mp_gate_leave(&c->gate);
    }
    return NULL;
}

START_TEST(a_gate_lets_in_one_at_a_time)
{
    struct contest c = {.count = 0};
    ck_assert_int_eq(mp_gate_init(&c.gate), 0);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, enter_often, &c);
    for (int i = 0; i < 4; i++) {
        void *result;
        pthread_join(threads[i], &result);
        ck_assert_ptr_null(result);
    }
    ck_assert_int_eq(c.count, 80000);
    mp_gate_destroy(&c.gate);
}
END_TEST

static void *enter_with_deadline(void *arg)
{
    mp_deadline deadline;
    mp_deadline_in(0.02, &deadline);
    return (void *)(intptr_t)mp_gate_enter(arg, deadline);
}

START_TEST(a_gate_is_not_waited_for_longer_than_the_deadline)
{
    struct mp_gate gate;
    ck_assert_int_eq(mp_gate_init(&gate), 0);
    ck_assert_int_eq(mp_gate_enter(&gate, MP_NOW), 0);
    ck_assert_int_eq(mp_gate_enter(&gate, MP_NOW), -ETIMEDOUT);
    pthread_t other;
    pthread_create(&other, NULL, enter_with_deadline, &gate);
    void *result;
    pthread_join(other, &result);
    ck_assert_int_eq((intptr_t)result, -ETIMEDOUT);
    mp_gate_leave(&gate);
    ck_assert(mp_gate_try(&gate));
    ck_assert(!mp_gate_try(&gate));
    mp_gate_leave(&gate);
    mp_gate_destroy(&gate);
}
END_TEST

struct old_options {
    size_t size;
    double first;
};

struct new_options {
    size_t size;
    double first;
    double second;
};

START_TEST(options_grow_both_ways)
{
    mproc_error err = MPROC_ERROR_INIT;
    struct new_options known = {sizeof known, 1, 2};
    ck_assert_int_eq(mp_options_read(&known, sizeof known, NULL, &err), 0);
    struct old_options shorter = {sizeof shorter, 10};
    ck_assert_int_eq(mp_options_read(&known, sizeof known, &shorter, &err), 0);
    ck_assert(known.first == 10 && known.second == 2);
    ck_assert_uint_eq(known.size, sizeof known);

    struct old_options few = {sizeof few, 3};
    struct new_options longer = {sizeof longer, 11, 0};
    ck_assert_int_eq(mp_options_read(&few, sizeof few, &longer, &err), 0);
    ck_assert(few.first == 11);
    longer.second = 1;
    ck_assert_int_eq(mp_options_read(&few, sizeof few, &longer, &err), -E2BIG);
    mp_error_clear(&err);
    struct new_options unset = {0, 1, 1};
    ck_assert_int_eq(mp_options_read(&known, sizeof known, &unset, &err), -EINVAL);
    ck_assert_str_ne(err.text, "");
}
END_TEST

static char logged[256];

static void keep_message(void *user, int level, const char *process, const char *message)
{
    (void)user;
    snprintf(logged, sizeof logged, "[%s/%s] %s", mproc_log_level_name(level), process, message);
}

START_TEST(log_messages_go_where_they_were_asked_to)
{
    mp_log(MPROC_LOG_WARNING, "nobody asked");
    mproc_log_set(keep_message, NULL, MPROC_LOG_INFO);
    mp_log(MPROC_LOG_DEBUG, "too fine");
    ck_assert_str_eq(logged, "");
    mp_log(MPROC_LOG_INFO, "hello %d", 42);
    ck_assert_str_eq(logged, "[INFO/MainProcess] hello 42");
    mp_log_set_process("Process-1");
    mp_log(MPROC_LOG_SUBWARNING, "x");
    ck_assert_str_eq(logged, "[SUBWARNING/Process-1] x");
    mproc_log_set(NULL, NULL, 0);
    logged[0] = '\0';
    mp_log(MPROC_LOG_WARNING, "nobody asked");
    ck_assert_str_eq(logged, "");
}
END_TEST

START_TEST(the_stderr_log_has_multiprocessings_form)
{
    int fds[2];
    ck_assert_int_eq(mp_fd_pipe(fds), 0);
    int saved = dup(STDERR_FILENO);
    dup2(fds[1], STDERR_FILENO);
    mproc_log_to_stderr(MPROC_LOG_DEBUG);
    mp_log(MPROC_LOG_DEBUG, "created %s", "pipe");
    dup2(saved, STDERR_FILENO);
    close(saved);
    char line[128] = "";
    ssize_t n = read(fds[0], line, sizeof line - 1);
    ck_assert_int_gt(n, 0);
    ck_assert_str_eq(line, "[DEBUG/MainProcess] created pipe\n");
    mp_fd_close(&fds[0]);
    mp_fd_close(&fds[1]);
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("base");
    TCase *tc = mp_case(suite, "base", 10);
    tcase_add_test(tc, every_error_has_a_name_and_a_message_of_its_own);
    tcase_add_test(tc, system_errors_are_named_too);
    tcase_add_test(tc, the_first_detail_wins);
    tcase_add_test(tc, a_long_detail_is_cut_not_overrun);
    tcase_add_test(tc, timeouts_become_deadlines);
    tcase_add_test(tc, descriptors_stay_clear_of_stdio);
    tcase_add_test(tc, a_wait_outlives_signals);
    tcase_add_test(tc, a_buffer_grows_and_gives_itself_away);
    tcase_add_test(tc, a_gate_lets_in_one_at_a_time);
    tcase_add_test(tc, a_gate_is_not_waited_for_longer_than_the_deadline);
    tcase_add_test(tc, options_grow_both_ways);
    tcase_add_test(tc, log_messages_go_where_they_were_asked_to);
    tcase_add_test(tc, the_stderr_log_has_multiprocessings_form);
    return suite;
}
