/* SPDX-License-Identifier: MIT */
/* What a program makes of MPROC_CONNECTIONS, which anybody can set. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mproc/connection.h>
#include <mproc/start.h>

#include "base/fd.h"
#include "support/fault.h"
#include "support/suite.h"

/* Two sockets, two ends of a pipe, a file, a datagram socket: under numbers that tests can name. */
enum { SOCKET = 100, PEER = 101, READER = 102, WRITER = 103, PLAIN = 104, DATAGRAM = 105 };

static void put(int fd, int number)
{
    ck_assert_int_eq(dup2(fd, number), number);
    close(fd);
}

static void open_all(void)
{
    int fds[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    put(fds[0], SOCKET);
    put(fds[1], PEER);
    ck_assert_int_eq(pipe(fds), 0);
    put(fds[0], READER);
    put(fds[1], WRITER);
    put(open("/dev/null", O_RDWR), PLAIN);
    put(socket(AF_UNIX, SOCK_DGRAM, 0), DATAGRAM);
}

static void close_all(void)
{
    for (int fd = SOCKET; fd <= DATAGRAM; fd++)
        close(fd);
}

static void set_variable(const char *value)
{
    ck_assert_int_eq(setenv("MPROC_CONNECTIONS", value, 1), 0);
}

/* None can be taken; `text` is in the explanation. */
static void fails(const char *name, int code, const char *text)
{
    mproc_conn *conn = NULL;
    mproc_error err = MPROC_ERROR_INIT;
    ck_assert_int_eq(mproc_inherited_conn(&conn, name, &err), code);
    ck_assert_int_eq(err.code, code);
    ck_assert_msg(strstr(err.text, text), "%s", err.text);
    ck_assert_ptr_null(conn);
}

/* Take one, which must be this descriptor, and close it. */
static void takes(const char *name, int fd, int readable, int writable)
{
    mproc_conn *conn = NULL;
    mproc_error err = MPROC_ERROR_INIT;
    ck_assert_msg(mproc_inherited_conn(&conn, name, &err) == 0, "%s", err.text);
    ck_assert_int_eq(mproc_conn_handle(conn), fd);
    ck_assert_int_eq(mproc_conn_readable(conn), readable);
    ck_assert_int_eq(mproc_conn_writable(conn), writable);
    ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    mproc_conn_close(conn);
}

START_TEST(without_the_variable_there_is_none)
{
    unsetenv("MPROC_CONNECTIONS");
    fails(NULL, -ENOENT, "no inherited connection");
    fails("name", -ENOENT, "no inherited connection name");
    set_variable("100:rw"); /* too late */
    fails(NULL, -ENOENT, "no inherited connection");
}
END_TEST

START_TEST(they_are_taken_in_their_order)
{
    open_all();
    set_variable("102:r,100:rw,103:w");
    takes(NULL, READER, 1, 0);
    takes(NULL, SOCKET, 1, 1);
    takes(NULL, WRITER, 0, 1);
    fails(NULL, -ENOENT, "is left");
    close_all();
}
END_TEST

START_TEST(they_are_taken_by_name_and_once)
{
    open_all();
    set_variable("in=102:r,out=103:w,b-o_t.h=100:rw,101:w");
    fails("i", -ENOENT, "no inherited connection i is left");
    fails("in=102", -ENOENT, "is left");
    fails("", -ENOENT, "is left");
    takes("out", WRITER, 0, 1);
    fails("out", -ENOENT, "no inherited connection out is left");
    takes("b-o_t.h", SOCKET, 1, 1);
    takes(NULL, READER, 1, 0);
    takes(NULL, PEER, 0, 1); /* less than the socket can */
    fails(NULL, -ENOENT, "is left");
    close_all();
}
END_TEST

START_TEST(those_that_nobody_takes_do_not_reach_other_programs)
{
    open_all();
    set_variable("102:r,103:w");
    fails("none", -ENOENT, "none");
    ck_assert_ptr_null(getenv("MPROC_CONNECTIONS"));
    ck_assert_int_ne(fcntl(READER, F_GETFD) & FD_CLOEXEC, 0);
    ck_assert_int_ne(fcntl(WRITER, F_GETFD) & FD_CLOEXEC, 0);
    ck_assert_int_eq(fcntl(SOCKET, F_GETFD) & FD_CLOEXEC, 0);
    close_all();
}
END_TEST

static const struct {
    const char *value;
    int code;
} damaged[] = {
    {"", -EINVAL},
    {",", -EINVAL},
    {"100", -EINVAL},
    {"100:", -EINVAL},
    {"100:x", -EINVAL},
    {"100:rwx", -EINVAL},
    {"100:wr", -EINVAL},
    {":rw", -EINVAL},
    {"=:rw", -EINVAL},
    {"=100:rw", -EINVAL},
    {"name=:rw", -EINVAL},
    {"name=100", -EINVAL},
    {"na me=100:rw", -EINVAL},
    {"100:rw,", -EINVAL},
    {",100:rw", -EINVAL},
    {"100:rw,,101:rw", -EINVAL},
    {"100:rw;101:rw", -EINVAL},
    {" 100:rw", -EINVAL},
    {"+100:rw", -EINVAL},
    {"-1:rw", -EINVAL},
    {"0100:rw", -EINVAL},
    {"0x64:rw", -EINVAL},
    {"100 :rw", -EINVAL},
    {"0:rw", -EINVAL},
    {"2:w", -EINVAL},
    {"4294967396:rw", -EINVAL}, /* 2^32 + 100 */
    {"99999999999999999999:rw", -EINVAL},
    {"2147483648:rw", -EINVAL},
    {"2147483647:rw", -EBADF},
    {"99:rw", -EBADF},
    {"100:rw,99:r", -EBADF},
    {"100:rw,100:r", -EINVAL},
    {"a=100:rw,b=100:rw", -EINVAL},
    {"104:rw", -EINVAL},
    {"100:rw,104:r", -EINVAL},
    {"a=b=100:rw", -EINVAL},
    {"a:b=100:rw", -EINVAL},
};

START_TEST(damage_is_refused_whole)
{
    open_all();
    set_variable(damaged[_i].value);
    fails(NULL, damaged[_i].code, "MPROC_CONNECTIONS");
    fails("a", damaged[_i].code, "MPROC_CONNECTIONS");
    ck_assert_ptr_null(getenv("MPROC_CONNECTIONS"));
    close_all();
}
END_TEST

/* Found out when it is taken; the others are not affected. */
START_TEST(a_direction_that_it_lacks_is_refused)
{
    open_all();
    set_variable("a=102:w,b=105:rw,c=103:w");
    fails("a", -EINVAL, "inherited connection 102");
    fails("b", -EPROTOTYPE, "inherited connection 105");
    takes("c", WRITER, 0, 1);
    close_all();
}
END_TEST

START_TEST(a_long_variable_is_no_problem)
{
    enum { LEN = 100000 };
    char *value = malloc(LEN + 1);
    memset(value, ',', LEN);
    value[LEN] = '\0';
    set_variable(value);
    free(value);
    fails(NULL, -EINVAL, "MPROC_CONNECTIONS");
}
END_TEST

START_TEST(nowhere_to_put_it)
{
    ck_assert_int_eq(mproc_inherited_conn(NULL, NULL, NULL), -EINVAL);
}
END_TEST

/* The variable is read once, so a lack of memory then is for good; later it is not. */
START_TEST(no_memory)
{
    mproc_conn *conn = NULL;
    open_all();
    set_variable("a=100:rw");
    mp_fault_arm(MP_FAULT_ALLOC, (unsigned)_i, ENOMEM);
    int rc = mproc_inherited_conn(&conn, "a", NULL);
    bool fired = mp_fault_disarm();
    ck_assert(rc == -ENOMEM || (rc == 0 && !fired));
    if (rc < 0 && _i > 1)
        rc = mproc_inherited_conn(&conn, "a", NULL);
    if (rc == 0) {
        mproc_conn_close(conn);
        open_all();
    }
    close_all();
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("inherited");
    TCase *tc = mp_case(suite, "inherited", 10);
    tcase_add_test(tc, without_the_variable_there_is_none);
    tcase_add_test(tc, they_are_taken_in_their_order);
    tcase_add_test(tc, they_are_taken_by_name_and_once);
    tcase_add_test(tc, those_that_nobody_takes_do_not_reach_other_programs);
    tcase_add_loop_test(tc, damage_is_refused_whole, 0, (int)(sizeof damaged / sizeof damaged[0]));
    tcase_add_test(tc, a_direction_that_it_lacks_is_refused);
    tcase_add_test(tc, a_long_variable_is_no_problem);
    tcase_add_test(tc, nowhere_to_put_it);
    tcase_add_loop_test(tc, no_memory, 1, 5);
    return suite;
}
