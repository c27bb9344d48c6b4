/* SPDX-License-Identifier: MIT */
/* Listener and client while the n-th allocation or system call fails: an error or success, and
 * nothing left behind. Leaked descriptors fail the test, leaked memory the sanitizer's run. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "listener/listener.h"
#include "support/dialer.h"
#include "support/fault.h"
#include "support/suite.h"

#define KEY "secret password"

/* No run makes that many calls. */
#define MANY 2000

static char directory[256];

static void use_directory(void)
{
    snprintf(directory, sizeof directory, "%s", mp_test_path("tmp"));
    mkdir(directory, 0700);
    setenv("TMPDIR", directory, 1);
}

static void check_directory_is_empty(unsigned n)
{
    DIR *dir = opendir(directory);
    ck_assert_ptr_nonnull(dir);
    for (struct dirent *entry; (entry = readdir(dir));)
        ck_assert_msg(entry->d_name[0] == '.', "call %u leaves %s", n, entry->d_name);
    closedir(dir);
}

static bool rejected_any(const mproc_listener *l)
{
    mproc_listener_counts counts = MPROC_LISTENER_COUNTS_INIT;
    return mproc_listener_stats(l, &counts) < 0 || counts.rejected > 0;
}

/* Accept until the one client is in or turned away. No assertion while a fault is armed: libcheck
 * allocates. */
static int accept_or_reject(mproc_listener *l, mproc_conn **conn, mproc_error *err)
{
    int rc;
    bool consistent = true;
    int64_t from = mp_clock_now();
    do {
        rc = mproc_listener_accept(l, conn, 0.05, err);
        consistent = consistent && err->code == rc;
    } while (rc < 0 && !rejected_any(l) && mp_since(from) < 20);
    return consistent ? rc : 1;
}

/* One listener from open to close under a fault; a client dials it meanwhile, without faults. */
static bool serve_with_fault(const char *address, enum mp_fault_kind kind, unsigned n, int error)
{
    mproc_listener_options options = mp_listener_key(KEY);
    mproc_error err = MPROC_ERROR_INIT;
    mproc_listener *l = NULL;
    mproc_conn *conn = NULL;
    struct mp_dialer dialer;
    mp_fault_arm(kind, n, error);
    int rc = mproc_listener_open(&l, address, &options, &err);
    bool fired = mp_fault_disarm();
    ck_assert_int_eq(err.code, rc);
    if (rc < 0) {
        ck_assert_msg(fired, "call %u: %s", n, err.text);
        ck_assert_ptr_null(l);
        return true;
    }
    mp_dial(&dialer, mproc_listener_address(l), KEY);
    /* If it failed in open, that was something to do without; else it is for accept. */
    if (!fired)
        mp_fault_arm(kind, n, error);
    rc = accept_or_reject(l, &conn, &err);
    fired = mp_fault_disarm() || fired;
    mproc_listener_close(l);
    mproc_conn_close(conn);
    mp_dialed(&dialer);
    mproc_conn_close(dialer.conn);
    ck_assert_msg(rc <= 0 && (fired || rc == 0), "call %u: %s", n, err.text);
    return fired;
}

/* The calls of open and accept are counted apart, so a sweep ends when neither reaches n. */
static void sweep_listener(enum mp_fault_kind kind, int error)
{
    static const char *const addresses[] = {NULL, "127.0.0.1:0"};
    use_directory();
    for (int k = 0; k < 2; k++) {
        unsigned n = 1;
        while (n < MANY && serve_with_fault(addresses[k], kind, n, error)) {
            check_directory_is_empty(n);
            n++;
        }
        ck_assert_uint_gt(n, 3);
        ck_assert_uint_lt(n, MANY);
    }
}

START_TEST(a_listener_survives_any_failed_allocation)
{
    sweep_listener(MP_FAULT_ALLOC, ENOMEM);
}
END_TEST

static const int errors[] = {EIO, ENOMEM, EINVAL};

START_TEST(a_listener_survives_any_failed_system_call)
{
    sweep_listener(MP_FAULT_SYSCALL, errors[_i]);
}
END_TEST

/* One client under a fault, whose listener has none. */
static void *serve(void *arg)
{
    mproc_listener *l = arg;
    mproc_conn *conn;
    mproc_error err;
    /* Until a client says that it is the last. */
    for (;;) {
        char byte = 0;
        if (mproc_listener_accept(l, &conn, MPROC_FOREVER, &err) < 0)
            return arg;
        mproc_conn_recv_bytes_into(conn, &byte, 1);
        mproc_conn_close(conn);
        if (byte == 'q')
            return NULL;
    }
}

static bool dial_with_fault(const char *address, enum mp_fault_kind kind, unsigned n, int error)
{
    mproc_client_options options = mp_client_key(KEY);
    mproc_error err = MPROC_ERROR_INIT;
    mproc_conn *conn = NULL;
    mp_fault_arm(kind, n, error);
    int rc = mproc_client_connect(&conn, address, &options, &err);
    bool fired = mp_fault_disarm();
    ck_assert_msg(fired || rc == 0, "call %u: %s", n, err.text);
    ck_assert_int_eq(err.code, rc);
    ck_assert((conn == NULL) == (rc < 0));
    if (!fired)
        mproc_conn_send_bytes(conn, "q", 1);
    mproc_conn_close(conn);
    return fired;
}

static void sweep_client(enum mp_fault_kind kind, int error)
{
    static const char *const addresses[] = {NULL, "127.0.0.1:0"};
    for (int k = 0; k < 2; k++) {
        mproc_listener *l = mp_listen(addresses[k], KEY);
        pthread_t thread;
        void *result;
        unsigned n = 1;
        pthread_create(&thread, NULL, serve, l);
        while (n < MANY && dial_with_fault(mproc_listener_address(l), kind, n, error))
            n++;
        pthread_join(thread, &result);
        ck_assert_ptr_null(result);
        ck_assert_uint_lt(n, MANY);
        mproc_listener_close(l);
    }
}

START_TEST(a_client_survives_any_failed_allocation)
{
    sweep_client(MP_FAULT_ALLOC, ENOMEM);
}
END_TEST

START_TEST(a_client_survives_any_failed_system_call)
{
    sweep_client(MP_FAULT_SYSCALL, errors[_i]);
}
END_TEST

/* Signals. */

START_TEST(interrupted_calls_are_made_again)
{
    static const char *const addresses[] = {NULL, "127.0.0.1:0"};
    for (int k = 0; k < 2; k++) {
        mproc_listener *l = mp_listen(addresses[k], KEY);
        struct mp_dialer dialer;
        mproc_conn *conn = NULL;
        mp_dial(&dialer, mproc_listener_address(l), KEY);
        mp_fault_interrupt_all();
        int rc = mproc_listener_accept(l, &conn, 10, NULL);
        ck_assert(mp_fault_disarm());
        ck_assert_int_eq(rc, 0);
        ck_assert_int_eq(mp_dialed(&dialer), 0);
        mproc_conn_close(conn);
        mproc_conn_close(dialer.conn);
        mproc_listener_close(l);
    }
}
END_TEST

START_TEST(an_interrupted_client_goes_on)
{
    mproc_listener *l = mp_listen("127.0.0.1:0", KEY);
    mproc_client_options options = mp_client_key(KEY);
    mproc_conn *conn = NULL;
    pthread_t thread;
    void *result;
    pthread_create(&thread, NULL, serve, l);
    mp_fault_interrupt_all();
    int rc = mproc_client_connect(&conn, mproc_listener_address(l), &options, NULL);
    ck_assert(mp_fault_disarm());
    ck_assert_int_eq(rc, 0);
    mproc_conn_send_bytes(conn, "q", 1);
    pthread_join(thread, &result);
    ck_assert_ptr_null(result);
    mproc_conn_close(conn);
    mproc_listener_close(l);
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("listener faults");
    TCase *tc = mp_case(suite, "faults", 60);
    tcase_add_test(tc, a_listener_survives_any_failed_allocation);
    tcase_add_loop_test(tc, a_listener_survives_any_failed_system_call, 0, 3);
    tcase_add_test(tc, a_client_survives_any_failed_allocation);
    tcase_add_loop_test(tc, a_client_survives_any_failed_system_call, 0, 3);
    tcase_add_test(tc, interrupted_calls_are_made_again);
    tcase_add_test(tc, an_interrupted_client_goes_on);
    return suite;
}
