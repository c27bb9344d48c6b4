/* SPDX-License-Identifier: MIT */
/* What a process is started with: any value, and the ends of pipes in it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mproc/connection.h>

#include "base/fd.h"
#include "process/run.h"

/* What the next child is to find, as repr() says it; it inherits the environment in any case. */
static void expect(const char *repr)
{
    setenv("MPROC_TEST_EXPECTED", repr, 1);
}

static const char *expected(void)
{
    return getenv("MPROC_TEST_EXPECTED");
}

static int has_expected_repr(const mproc_value *args)
{
    char *text;
    if (mproc_value_repr(args, &text, NULL) < 0)
        return 2;
    int differ = strcmp(text, expected()) != 0;
    mproc_free(text);
    return differ;
}

START_TEST(any_value_arrives)
{
    static const char *const values[] = {
        "None",
        "True",
        "-123456789012345678901234567890",
        "2.25",
        "(1+2j)",
        "'text\\x00 and more'",
        "b'bytes\\x00'",
        "bytearray(b'x')",
        "()",
        "(1,)",
        "[1, [2, [3, ([],)]]]",
        "{'name': ('worker', 7), 8: {9: None}}",
        "{1, 'two'}",
        "frozenset({3})",
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        mproc_value *args;
        expect(values[i]);
        ck_assert_int_eq(mproc_value_parse(&args, expected(), SIZE_MAX, NULL), 0);
        ck_assert_int_eq(run_finish(run_start_with(NULL, has_expected_repr, args)), 0);
        mproc_value_free(args);
    }
}
END_TEST

START_TEST(inert_nodes_arrive_too)
{
    mproc_value *callable;
    mproc_value *arguments;
    mproc_value *object;
    ck_assert_int_eq(mproc_value_new_global(&callable, "builtins", "ValueError"), 0);
    ck_assert_int_eq(mproc_pack(&arguments, "(si)", "bad", 3), 0);
    ck_assert_int_eq(mproc_value_new_object(&object, MPROC_CALL, callable, arguments, NULL), 0);
    expect("<builtins.ValueError('bad', 3)>");
    ck_assert_int_eq(run_finish(run_start_with(NULL, has_expected_repr, object)), 0);
    mproc_value_free(object);
}
END_TEST

static int want_none(const mproc_value *args)
{
    return args && mproc_value_kind(args) == MPROC_KIND_NONE ? 0 : 1;
}

START_TEST(no_arguments_are_none)
{
    ck_assert_int_eq(run_finish(run_start(want_none, NULL)), 0);
    ck_assert_int_eq(run_finish(run_start(want_none, "")), 0);
}
END_TEST

static int sum_bytes(const mproc_value *args)
{
    size_t len;
    const unsigned char *bytes = mproc_value_bytes(args, &len);
    unsigned sum = 0;
    for (size_t i = 0; i < len; i++)
        sum += bytes[i];
    return (int)(sum % 251);
}

START_TEST(bytes_of_any_size_arrive)
{
    enum { BIG = 20 * 1000 * 1000 };
    unsigned char *bytes = malloc(BIG);
    unsigned sum = 0;
    for (size_t i = 0; i < BIG; i++) {
        bytes[i] = (unsigned char)(i * 7);
        sum += bytes[i];
    }
    ck_assert_int_eq(run_finish(run_start(sum_bytes, "y#", bytes, (size_t)BIG)), (int)(sum % 251));
    ck_assert_int_eq(run_finish(run_start(sum_bytes, "y#", "\1\2\3", (size_t)3)), 6);
    ck_assert_int_eq(run_finish(run_start(sum_bytes, "y#", "", (size_t)0)), 0);
    free(bytes);
}
END_TEST

static int here = 4;

static int read_pointer(const mproc_value *args)
{
    void *pointer;
    return mproc_unpack(args, "P", &pointer) < 0 ? 1 : *(int *)pointer;
}

START_TEST(a_pointer_means_the_same_in_the_child)
{
    if (!run_is("fork"))
        return;
    here = 8;
    ck_assert_int_eq(run_finish(run_start(read_pointer, "P", (void *)&here)), 8);
}
END_TEST

START_TEST(a_value_inside_a_larger_one_arrives_alone)
{
    mproc_value *larger;
    ck_assert_int_eq(mproc_pack(&larger, "[i{s(ii)}i]", 1, "key", 2, 3, 4), 0);
    expect("{'key': (2, 3)}");
    ck_assert_int_eq(
        run_finish(run_start_with(NULL, has_expected_repr, mproc_value_item(larger, 1))), 0);
    expect("4");
    ck_assert_int_eq(
        run_finish(run_start_with(NULL, has_expected_repr, mproc_value_item(larger, 2))), 0);
    expect("[1, {'key': (2, 3)}, 4]");
    ck_assert_int_eq(run_finish(run_start_with(NULL, has_expected_repr, larger)), 0);
    mproc_value_free(larger);
}
END_TEST

static int start_one_with_an_item(const mproc_value *args)
{
    mproc_process *p;
    int code = -1;
    if (mproc_process_start(&p, has_expected_repr, mproc_value_item(args, 1), NULL, NULL) < 0 ||
        mproc_process_join(p, MPROC_FOREVER) < 0 || mproc_process_exitcode(p, &code) < 0)
        return 9;
    mproc_process_close(p);
    return code;
}

START_TEST(a_child_can_hand_on_what_it_was_given)
{
    expect("('for', 'the grandchild')");
    ck_assert_int_eq(
        run_finish(run_start(start_one_with_an_item, "(i(ss))", 1, "for", "the grandchild")), 0);
}
END_TEST

/* Once the gate is closed, so once the parent has done with its value what it wants. */
static int look_after_the_gate(const mproc_value *args)
{
    mproc_conn *gate;
    const mproc_value *value;
    char byte;
    if (mproc_unpack(args, "(CO)", &gate, &value) < 0)
        return 3;
    if (mproc_conn_recv_bytes_into(gate, &byte, 1) != MPROC_EOF)
        return 4;
    return has_expected_repr(value);
}

START_TEST(the_value_is_still_the_callers_to_change_and_to_free)
{
    mproc_conn *in;
    mproc_conn *out;
    mproc_value *args;
    mproc_value *list;
    ck_assert_int_eq(mproc_pipe(&in, &out, MPROC_SIMPLEX), 0);
    ck_assert_int_eq(mproc_pack(&list, "[ii]", 1, 2), 0);
    ck_assert_int_eq(mproc_pack(&args, "(CO)", in, list), 0);
    expect("[1, 2]");
    mproc_process *first = run_start_with(NULL, look_after_the_gate, args);
    ck_assert_int_eq(mproc_value_extend(list, "i", 3), 0);
    expect("[1, 2, 3]");
    ck_assert_int_eq(has_expected_repr(list), 0);
    mproc_process *second = run_start_with(NULL, look_after_the_gate, args);
    mproc_value_free(args);
    mproc_conn_close(in);
    mproc_conn_close(out);
    ck_assert_int_eq(run_finish(first), 0);
    ck_assert_int_eq(run_finish(second), 0);
}
END_TEST

/* --- pipes ---------------------------------------------------------------------------------- */

/* Sends back what comes, and wants the end of the stream after it: numbered exits otherwise. */
static int echo(mproc_conn *conn)
{
    mproc_value *value;
    int rc;
    while ((rc = mproc_conn_recv(conn, &value, NULL)) == 0) {
        if (mproc_conn_send(conn, value, NULL) < 0)
            return 1;
        mproc_value_free(value);
    }
    mproc_conn_close(conn);
    return rc == MPROC_EOF ? 0 : 2;
}

static int echo_until_end(const mproc_value *args)
{
    mproc_conn *conn;
    return mproc_unpack(args, "(C)", &conn) < 0 ? 3 : echo(conn);
}

static int echo_nested(const mproc_value *args)
{
    const mproc_value *inner;
    mproc_conn *conn;
    if (mproc_unpack(args, "{sO}", "conns", &inner) < 0 || mproc_unpack(inner, "[C]", &conn) < 0)
        return 3;
    return echo(conn);
}

/* Both ends of the parent's work on, and once they are closed the child meets the end. */
static void talk_and_end(mproc_process *process, mproc_conn *ours, mproc_conn *theirs)
{
    mproc_value *answer;
    int number = 0;
    mproc_conn_close(theirs);
    ck_assert_int_eq(mproc_conn_sendf(ours, "i", 5), 0);
    ck_assert_int_eq(mproc_conn_recv(ours, &answer, NULL), 0);
    ck_assert_int_eq(mproc_unpack(answer, "i", &number), 0);
    ck_assert_int_eq(number, 5);
    mproc_value_free(answer);
    mproc_conn_close(ours);
    ck_assert_int_eq(run_finish(process), 0);
}

START_TEST(a_child_drops_the_other_end_so_that_it_sees_the_end_of_the_stream)
{
    static const unsigned flags[] = {MPROC_DUPLEX, MPROC_DUPLEX | MPROC_PIPE_STREAM};
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        mproc_conn *ours;
        mproc_conn *theirs;
        ck_assert_int_eq(mproc_pipe(&ours, &theirs, flags[i]), 0);
        talk_and_end(run_start(echo_until_end, "(C)", theirs), ours, theirs);
        ck_assert_int_eq(mproc_pipe(&ours, &theirs, flags[i]), 0);
        talk_and_end(run_start(echo_until_end, "(C)", ours), theirs, ours);
    }
}
END_TEST

START_TEST(so_it_does_however_deep_the_connection_lies)
{
    mproc_conn *ours;
    mproc_conn *theirs;
    ck_assert_int_eq(mproc_pipe(&ours, &theirs, MPROC_DUPLEX), 0);
    talk_and_end(run_start(echo_nested, "{s[C]}", "conns", theirs), ours, theirs);
}
END_TEST

static int receive_the_end(const mproc_value *args)
{
    mproc_conn *in;
    char byte;
    if (mproc_unpack(args, "C", &in) < 0)
        return 1;
    return mproc_conn_recv_bytes_into(in, &byte, 1) == MPROC_EOF ? 0 : 2;
}

/* Until nobody is there to receive. */
static int send_until_broken(const mproc_value *args)
{
    mproc_conn *out;
    int rc;
    if (mproc_unpack(args, "C", &out) < 0)
        return 1;
    while ((rc = mproc_conn_send_bytes(out, "x", 1)) == 0)
        continue;
    return rc == -EPIPE ? 0 : 2;
}

START_TEST(either_end_of_a_one_way_pipe_can_be_given)
{
    for (unsigned stream = 0; stream < 2; stream++) {
        mproc_conn *in;
        mproc_conn *out;
        unsigned flags = MPROC_SIMPLEX | (stream ? MPROC_PIPE_STREAM : 0);
        ck_assert_int_eq(mproc_pipe(&in, &out, flags), 0);
        mproc_process *p = run_start(receive_the_end, "C", in);
        mproc_conn_close(in);
        mproc_conn_close(out);
        ck_assert_int_eq(run_finish(p), 0);
        ck_assert_int_eq(mproc_pipe(&in, &out, flags), 0);
        p = run_start(send_until_broken, "C", out);
        mproc_conn_close(out);
        mproc_conn_close(in);
        ck_assert_int_eq(run_finish(p), 0);
    }
}
END_TEST

static int talk_to_itself(const mproc_value *args)
{
    mproc_conn *first;
    mproc_conn *second;
    char byte = 0;
    if (mproc_unpack(args, "(CC)", &first, &second) < 0)
        return 1;
    if (mproc_conn_send_bytes(first, "x", 1) < 0 ||
        mproc_conn_recv_bytes_into(second, &byte, 1) != 1 || byte != 'x')
        return 2;
    return mproc_conn_poll(second, 0) == 0 ? 0 : 3;
}

START_TEST(a_child_given_both_ends_keeps_both)
{
    mproc_conn *first;
    mproc_conn *second;
    ck_assert_int_eq(mproc_pipe(&first, &second, MPROC_DUPLEX), 0);
    mproc_process *p = run_start(talk_to_itself, "(CC)", first, second);
    mproc_conn_close(first);
    mproc_conn_close(second);
    ck_assert_int_eq(run_finish(p), 0);
}
END_TEST

static mproc_conn *known[2];

static int use_known_pipe(const mproc_value *args)
{
    (void)args;
    char byte = 0;
    if (mproc_conn_send_bytes(known[0], "y", 1) < 0)
        return 1;
    return mproc_conn_recv_bytes_into(known[1], &byte, 1) == 1 && byte == 'y' ? 0 : 2;
}

START_TEST(pipes_that_are_not_in_the_arguments_are_left_alone)
{
    mproc_conn *ours;
    mproc_conn *theirs;
    if (!run_is("fork"))
        return;
    ck_assert_int_eq(mproc_pipe(&known[0], &known[1], MPROC_DUPLEX), 0);
    ck_assert_int_eq(mproc_pipe(&ours, &theirs, MPROC_DUPLEX), 0);
    ck_assert_int_eq(run_finish(run_start(use_known_pipe, NULL)), 0);
    ck_assert_int_eq(run_finish(run_start(use_known_pipe, "C", theirs)), 0);
    /* Nor are both ends of one pipe in a value of which the child gets another part. */
    mproc_value *larger;
    ck_assert_int_eq(mproc_pack(&larger, "(C(C))", known[0], theirs), 0);
    ck_assert_int_eq(run_finish(run_start_with(NULL, use_known_pipe, mproc_value_item(larger, 1))),
                     0);
    mproc_value_free(larger);
    mproc_conn_close(known[0]);
    mproc_conn_close(known[1]);
    mproc_conn_close(ours);
    mproc_conn_close(theirs);
}
END_TEST

START_TEST(a_part_of_a_value_brings_its_connections)
{
    mproc_conn *ours;
    mproc_conn *theirs;
    mproc_value *larger;
    ck_assert_int_eq(mproc_pipe(&ours, &theirs, MPROC_DUPLEX), 0);
    ck_assert_int_eq(mproc_pack(&larger, "[C(C)]", ours, theirs), 0);
    mproc_process *p = run_start_with(NULL, echo_until_end, mproc_value_item(larger, 1));
    mproc_value_free(larger);
    talk_and_end(p, ours, theirs);
}
END_TEST

static int receive_the_end_of_a_pair(const mproc_value *args)
{
    return receive_the_end(mproc_value_item(args, 1));
}

START_TEST(a_connection_may_be_in_the_arguments_twice)
{
    mproc_conn *in;
    mproc_conn *out;
    ck_assert_int_eq(mproc_pipe(&in, &out, MPROC_SIMPLEX), 0);
    mproc_process *p = run_start(receive_the_end_of_a_pair, "(CC)", in, in);
    mproc_conn_close(in);
    mproc_conn_close(out);
    ck_assert_int_eq(run_finish(p), 0);
}
END_TEST

/* As a program does that was written for a fork and closes the other end itself. */
static int close_the_dropped_end(const mproc_value *args)
{
    int before = mp_count_fds();
    char byte;
    if (mproc_conn_send_bytes(known[0], "x", 1) == 0)
        return 4;
    if (mproc_conn_recv_bytes_into(known[0], &byte, 1) >= 0)
        return 5;
    mproc_conn_close(known[0]);
    return mp_count_fds() > before ? 6 : echo_until_end(args);
}

START_TEST(the_dropped_end_can_be_closed_and_not_used)
{
    ck_assert_int_eq(mproc_pipe(&known[0], &known[1], MPROC_DUPLEX), 0);
    talk_and_end(run_start(close_the_dropped_end, "(C)", known[1]), known[0], known[1]);
}
END_TEST

static int hand_on_connection(const mproc_value *args)
{
    mproc_process *p;
    int code = -1;
    mproc_conn *conn;
    if (mproc_unpack(args, "(C)", &conn) < 0 ||
        mproc_process_start(&p, echo_until_end, args, NULL, NULL) < 0)
        return 8;
    mproc_conn_close(conn);
    if (mproc_process_join(p, MPROC_FOREVER) < 0 || mproc_process_exitcode(p, &code) < 0)
        return 9;
    mproc_process_close(p);
    return code;
}

START_TEST(a_connection_can_be_handed_on_to_a_grandchild)
{
    mproc_conn *ours;
    mproc_conn *theirs;
    ck_assert_int_eq(mproc_pipe(&ours, &theirs, MPROC_DUPLEX), 0);
    talk_and_end(run_start(hand_on_connection, "(C)", theirs), ours, theirs);
}
END_TEST

START_TEST(the_end_of_a_worker_is_the_end_of_its_stream)
{
    mproc_conn *in[3];
    mproc_process *workers[3];
    for (int i = 0; i < 3; i++) {
        mproc_conn *out;
        ck_assert_int_eq(mproc_pipe(&in[i], &out, MPROC_SIMPLEX), 0);
        workers[i] = run_start(i == 0 ? run_nothing : run_forever, "C", out);
        mproc_conn_close(out);
    }
    char byte;
    ck_assert_int_eq(mproc_conn_recv_bytes_into(in[0], &byte, 1), MPROC_EOF);
    for (int i = 0; i < 3; i++) {
        mproc_process_kill(workers[i]);
        ck_assert_int_eq(mproc_conn_recv_bytes_into(in[i], &byte, 1), MPROC_EOF);
        run_finish(workers[i]);
        mproc_conn_close(in[i]);
    }
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("process args");
    TCase *tc = mp_case(suite, "values", 20);
    tcase_add_test(tc, any_value_arrives);
    tcase_add_test(tc, inert_nodes_arrive_too);
    tcase_add_test(tc, no_arguments_are_none);
    tcase_add_test(tc, bytes_of_any_size_arrive);
    tcase_add_test(tc, a_pointer_means_the_same_in_the_child);
    tcase_add_test(tc, a_value_inside_a_larger_one_arrives_alone);
    tcase_add_test(tc, a_child_can_hand_on_what_it_was_given);
    tcase_add_test(tc, the_value_is_still_the_callers_to_change_and_to_free);
    tc = mp_case(suite, "pipes", 20);
    tcase_add_test(tc, a_child_drops_the_other_end_so_that_it_sees_the_end_of_the_stream);
    tcase_add_test(tc, so_it_does_however_deep_the_connection_lies);
    tcase_add_test(tc, either_end_of_a_one_way_pipe_can_be_given);
    tcase_add_test(tc, a_child_given_both_ends_keeps_both);
    tcase_add_test(tc, pipes_that_are_not_in_the_arguments_are_left_alone);
    tcase_add_test(tc, a_part_of_a_value_brings_its_connections);
    tcase_add_test(tc, a_connection_may_be_in_the_arguments_twice);
    tcase_add_test(tc, the_dropped_end_can_be_closed_and_not_used);
    tcase_add_test(tc, a_connection_can_be_handed_on_to_a_grandchild);
    tcase_add_test(tc, the_end_of_a_worker_is_the_end_of_its_stream);
    return suite;
}
