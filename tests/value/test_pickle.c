/* SPDX-License-Identifier: MIT */
/* Pickles: the recorded ones, hostile ones, limits, sharing and recursion. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mproc/value.h>

#include "base/buffer.h"
#include "support/suite.h"
#include "value/connection.h"
#include "value/pickle.h"

static mproc_value *load(const void *data, size_t len)
{
    mproc_value *v = NULL;
    mproc_error err;
    int rc = mproc_value_unpickle(&v, data, len, NULL, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    return v;
}

static int load_code(const void *data, size_t len, const mproc_unpickle_options *options)
{
    mproc_value *v = NULL;
    mproc_error err = MPROC_ERROR_INIT;
    int rc = mproc_value_unpickle(&v, data, len, options, &err);
    if (rc < 0) {
        ck_assert_int_eq(err.code, rc);
        ck_assert_msg(strstr(err.text, "offset"), "%s", err.text);
        ck_assert_ptr_null(v);
    }
    mproc_value_free(v);
    return rc;
}

#define LOAD_CODE(text) load_code(text, sizeof(text) - 1, NULL)

static void assert_repr(const mproc_value *v, const char *expected)
{
    char *repr = NULL;
    ck_assert_int_eq(mproc_value_repr(v, &repr, NULL), 0);
    ck_assert_str_eq(repr, expected);
    mproc_free(repr);
}

static size_t unhex(const char *hex, size_t n, unsigned char *out)
{
    for (size_t i = 0; i < n / 2; i++) {
        unsigned byte;
        sscanf(hex + 2 * i, "%2x", &byte);
        out[i] = (unsigned char)byte;
    }
    return n / 2;
}

static bool is_inert(const mproc_value *v)
{
    char *repr = NULL;
    ck_assert_int_eq(mproc_value_repr(v, &repr, NULL), 0);
    bool inert = strchr(repr, '<') != NULL;
    mproc_free(repr);
    return inert;
}

static void check_again(const mproc_value *v, uint64_t protocol)
{
    mproc_pickle_options options = MPROC_PICKLE_OPTIONS_INIT;
    options.protocol = protocol;
    void *data = NULL;
    size_t len = 0;
    ck_assert_int_eq(mproc_value_pickle(v, &data, &len, &options, NULL), 0);
    mproc_value *back = load(data, len);
    char *ours = NULL;
    char *theirs = NULL;
    mproc_value_repr(v, &ours, NULL);
    mproc_value_repr(back, &theirs, NULL);
    ck_assert_str_eq(ours, theirs);
    mproc_free(ours);
    mproc_free(theirs);
    mproc_free(data);
    mproc_value_free(back);
}

START_TEST(recorded_pickles_have_pythons_repr)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/vectors/pickle/objects.tsv", getenv("MPROC_TEST_DATA"));
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    char *line = NULL;
    size_t room = 0;
    int plain = 0;
    for (ssize_t n; (n = getline(&line, &room, file)) > 0;) {
        if (line[0] == '#')
            continue;
        line[n - 1] = '\0';
        char *protocol = strchr(line, '\t') + 1;
        char *hex = strchr(protocol, '\t') + 1;
        char *repr = strchr(hex, '\t') + 1;
        if (mp_stride(2) > 1 && repr - hex > 3000)
            continue;
        unsigned char *data = malloc(strlen(hex));
        mproc_value *v = load(data, unhex(hex, (size_t)(repr - hex - 1), data));
        if (!is_inert(v) && strncmp(repr, "range", 5) != 0) {
            assert_repr(v, repr);
            plain++;
        }
        /* Python 2 has no FileNotFoundError: what it would get is an OSError. */
        for (uint64_t p = strncmp(line, "exc_oserror", 11) == 0 ? 3 : 2; p <= 5; p++)
            check_again(v, p);
        mproc_value_free(v);
        free(data);
    }
    free(line);
    fclose(file);
    ck_assert_int_gt(plain, 200);
}
END_TEST

START_TEST(calls_become_inert_objects)
{
    static const char pickle[] = "\x80\x03"
                                 "cbuiltins\nValueError\nX\x03\0\0\0badK\x03\x86R.";
    mproc_value *v = load(pickle, sizeof pickle - 1);
    assert_repr(v, "<builtins.ValueError('bad', 3)>");
    ck_assert_int_eq(mproc_value_kind(v), MPROC_KIND_OBJECT);
    const mproc_value *callable = mproc_value_part(v, MPROC_PART_CALLABLE);
    ck_assert_str_eq(mproc_value_module(callable), "builtins");
    ck_assert_str_eq(mproc_value_name(callable), "ValueError");
    ck_assert_uint_eq(mproc_value_length(mproc_value_part(v, MPROC_PART_ARGS)), 2);
    ck_assert_ptr_null(mproc_value_part(v, MPROC_PART_STATE));
    ck_assert_int_eq(mproc_value_construct(v), MPROC_CALL);
    mproc_value_free(v);
}
END_TEST

START_TEST(names_of_python_2_are_translated)
{
    static const char pickle[] = "c__builtin__\nxrange\n.";
    mproc_value *v = load(pickle, sizeof pickle - 1);
    assert_repr(v, "<builtins.range>");
    mproc_value_free(v);
}
END_TEST

START_TEST(malformed_pickles_are_refused_with_an_offset)
{
    ck_assert_int_eq(LOAD_CODE(""), MPROC_EPICKLE);
    ck_assert_int_eq(LOAD_CODE("."), MPROC_EPICKLE);
    ck_assert_int_eq(LOAD_CODE("N"), MPROC_EPICKLE);
    ck_assert_int_eq(LOAD_CODE("N.N"), MPROC_EPICKLE);
    ck_assert_int_eq(LOAD_CODE("NN."), MPROC_EPICKLE);
    ck_assert_int_eq(LOAD_CODE("(N."), MPROC_EPICKLE);
    ck_assert_int_eq(LOAD_CODE("\x80\x06N."), MPROC_EPICKLE);
    ck_assert_int_eq(LOAD_CODE("\xff."), MPROC_EPICKLE);
    ck_assert_int_eq(LOAD_CODE("P0\n."), MPROC_EPICKLE);
    ck_assert_int_eq(LOAD_CODE("NQ."), MPROC_EPICKLE);
    ck_assert_int_eq(LOAD_CODE("\x82\x01."), MPROC_EPICKLE);
    ck_assert_int_eq(LOAD_CODE("\x97."), MPROC_EPICKLE);
    ck_assert_int_eq(LOAD_CODE("h\x05."), MPROC_EPICKLE);
    ck_assert_int_eq(LOAD_CODE("a."), MPROC_EPICKLE);
    ck_assert_int_eq(LOAD_CODE("NNa."), MPROC_EPICKLE);
    ck_assert_int_eq(LOAD_CODE("}(Nu."), MPROC_EPICKLE);
    ck_assert_int_eq(LOAD_CODE("NR."), MPROC_EPICKLE);
    ck_assert_int_eq(LOAD_CODE("NNb."), MPROC_EPICKLE);
    ck_assert_int_eq(LOAD_CODE("X\x02\0\0\0\xc3\x28."), MPROC_EUTF8);
    ck_assert_int_eq(LOAD_CODE("\x8d\xff\xff\xff\xff\xff\xff\xff\xff."), MPROC_EPICKLE);
    ck_assert_int_eq(LOAD_CODE("\x8b\xff\xff\xff\xff."), MPROC_EPICKLE);
    ck_assert_int_eq(LOAD_CODE("\x95\xff\xff\xff\xff\xff\xff\xff\xffN."), MPROC_EPICKLE);
    ck_assert_int_eq(LOAD_CODE("}]Ns."), MPROC_EUNHASHABLE);
    ck_assert_int_eq(LOAD_CODE("I12x\n."), MPROC_EPICKLE);
    ck_assert_int_eq(LOAD_CODE("F1,5\n."), MPROC_EPICKLE);
    ck_assert_int_eq(LOAD_CODE("r\0\0\0\x04."), MPROC_EPICKLE);
    ck_assert_int_eq(LOAD_CODE("Nr\0\0\0\x04."), MPROC_ELIMIT);
    ck_assert_int_eq(LOAD_CODE("(S'a'\n"), MPROC_EPICKLE);
}
END_TEST

START_TEST(every_cut_of_a_pickle_is_refused)
{
    static const char pickle[] = "\x80\x04\x95\x1e\0\0\0\0\0\0\0]\x94(\x8c\x04spam\x94K\x01G?"
                                 "\xf8\0\0\0\0\0\0}\x8c\x01k\x94h\x01se.";
    mproc_value *v = load(pickle, sizeof pickle - 1);
    assert_repr(v, "['spam', 1, 1.5, {'k': 'spam'}]");
    mproc_value_free(v);
    for (size_t n = 0; n < sizeof pickle - 1; n++)
        ck_assert_int_eq(load_code(pickle, n, NULL), MPROC_EPICKLE);
}
END_TEST

static void nested(struct mp_buffer *buf, size_t depth)
{
    for (size_t i = 0; i < depth; i++)
        mp_buffer_append(buf, "]", 1);
    for (size_t i = 1; i < depth; i++)
        mp_buffer_append(buf, "a", 1);
    mp_buffer_append(buf, ".", 1);
}

START_TEST(deep_nesting_is_bounded_and_costs_no_stack)
{
    struct mp_buffer buf = {0};
    nested(&buf, 100000);
    ck_assert_int_eq(load_code(buf.data, buf.len, NULL), MPROC_ELIMIT);
    mproc_unpickle_options any = MPROC_UNPICKLE_OPTIONS_INIT;
    any.max_depth = SIZE_MAX;
    mproc_value *v = NULL;
    ck_assert_int_eq(mproc_value_unpickle(&v, buf.data, buf.len, &any, NULL), 0);
    char *repr = NULL;
    size_t len = 0;
    ck_assert_int_eq(mproc_value_repr(v, &repr, &len), 0);
    ck_assert_uint_eq(len, 200000);
    mproc_value *copy = NULL;
    ck_assert_int_eq(mproc_value_copy(&copy, v), 0);
    ck_assert_int_eq(mproc_value_equal(v, copy), 1);
    void *data = NULL;
    ck_assert_int_eq(mproc_value_pickle(copy, &data, &len, NULL, NULL), 0);
    mproc_free(data);
    mproc_free(repr);
    mproc_value_free(v);
    mproc_value_free(copy);
    mp_buffer_clear(&buf);
}
END_TEST

START_TEST(the_other_limits_hold)
{
    mproc_unpickle_options limits = MPROC_UNPICKLE_OPTIONS_INIT;
    limits.max_nodes = 3;
    ck_assert_int_eq(load_code("]]a]a.", 6, &limits), 0);
    ck_assert_int_eq(load_code("]]a]a]a.", 8, &limits), MPROC_ELIMIT);
    limits = (mproc_unpickle_options)MPROC_UNPICKLE_OPTIONS_INIT;
    limits.max_memo = 2;
    ck_assert_int_eq(load_code("N\x94\x94.", 4, &limits), 0);
    ck_assert_int_eq(load_code("N\x94\x94\x94.", 5, &limits), MPROC_ELIMIT);
    limits = (mproc_unpickle_options)MPROC_UNPICKLE_OPTIONS_INIT;
    limits.max_memory = 2048;
    char many[1000];
    memset(many, ']', sizeof many);
    ck_assert_int_eq(load_code(many, sizeof many, &limits), MPROC_ELIMIT);
}
END_TEST

/* A list of records, which are read at speed, and what must be noticed behind them. */
static void row(struct mp_buffer *buf, size_t records, const char *tail, size_t len)
{
    mp_buffer_append(buf, "\x80\x04](", 4);
    for (size_t i = 0; i < records; i++)
        mp_buffer_append(buf, "(K\7\x8c\3abc\x94G?\xf8\0\0\0\0\0\0\x88N\x86t\x94", 23);
    mp_buffer_append(buf, tail, len);
}

static int row_code(size_t records, const char *tail, size_t len,
                    const mproc_unpickle_options *limits)
{
    struct mp_buffer buf = {0};
    row(&buf, records, tail, len);
    int rc = load_code(buf.data, buf.len, limits);
    mp_buffer_clear(&buf);
    return rc;
}

#define PAD "NNNNNNNNNNNNe." /* so that the end of the pickle is not what stops the row */
#define ROW_CODE(tail, limits) row_code(100, tail, sizeof(tail) - 1, limits)

START_TEST(rows_of_records_are_checked_as_single_opcodes_are)
{
    ck_assert_int_eq(ROW_CODE("e.", NULL), 0);
    ck_assert_int_eq(ROW_CODE(PAD, NULL), 0);
    ck_assert_int_eq(ROW_CODE("(((t\x86t0" PAD, NULL), MPROC_EPICKLE);
    ck_assert_int_eq(ROW_CODE("(\x85t" PAD, NULL), MPROC_EPICKLE);
    ck_assert_int_eq(ROW_CODE("(N\x87t" PAD, NULL), MPROC_EPICKLE);
    ck_assert_int_eq(ROW_CODE("(\x94t" PAD, NULL), MPROC_EPICKLE);
    ck_assert_int_eq(ROW_CODE("tt" PAD, NULL), MPROC_EPICKLE);
    ck_assert_int_eq(ROW_CODE("h\xc8" PAD, NULL), MPROC_EPICKLE);
    ck_assert_int_eq(ROW_CODE("h\xc7h\xc6h\xc6h\xc7" PAD, NULL), 0);
    ck_assert_int_eq(ROW_CODE("\x8c\x10" PAD, NULL), MPROC_EPICKLE);
    ck_assert_int_eq(ROW_CODE("\x8c\3ab\xff" PAD, NULL), MPROC_EUTF8);
    ck_assert_int_eq(ROW_CODE("\x8c\3a\xc3\xa4" PAD, NULL), 0);
}
END_TEST

START_TEST(rows_of_records_keep_to_the_limits)
{
    mproc_unpickle_options limits = MPROC_UNPICKLE_OPTIONS_INIT;
    limits.max_nodes = 201;
    ck_assert_int_eq(ROW_CODE("e.", &limits), 0);
    ck_assert_int_eq(ROW_CODE("N\x85" PAD, &limits), MPROC_ELIMIT);
    limits = (mproc_unpickle_options)MPROC_UNPICKLE_OPTIONS_INIT;
    limits.max_memo = 200;
    ck_assert_int_eq(ROW_CODE("e.", &limits), 0);
    ck_assert_int_eq(ROW_CODE("\x8c\1a\x94" PAD, &limits), MPROC_ELIMIT);
    limits = (mproc_unpickle_options)MPROC_UNPICKLE_OPTIONS_INIT;
    limits.max_depth = 3;
    ck_assert_int_eq(ROW_CODE("e.", &limits), 0);
    ck_assert_int_eq(ROW_CODE("N\x85\x85\x85\x85" PAD, &limits), MPROC_ELIMIT);
    limits = (mproc_unpickle_options)MPROC_UNPICKLE_OPTIONS_INIT;
    limits.max_memory = 4096;
    ck_assert_int_eq(ROW_CODE("e.", &limits), MPROC_ELIMIT);
}
END_TEST

START_TEST(marks_and_stack_may_be_any_number)
{
    struct mp_buffer buf = {0};
    for (size_t i = 0; i < 100; i++)
        mp_buffer_append(&buf, "(", 1);
    for (size_t i = 0; i < 10000; i++)
        mp_buffer_append(&buf, "K\1", 2);
    for (size_t i = 0; i < 100; i++)
        mp_buffer_append(&buf, "t", 1);
    mp_buffer_append(&buf, ".", 1);
    mproc_value *v = load(buf.data, buf.len);
    const mproc_value *inner = v;
    for (size_t i = 1; i < 100; i++)
        inner = mproc_value_item(inner, 0);
    ck_assert_uint_eq(mproc_value_length(inner), 10000);
    mproc_value_free(v);
    mp_buffer_clear(&buf);
}
END_TEST

START_TEST(texts_of_a_row_end_with_nul)
{
    struct mp_buffer buf = {0};
    static const char tail[] = "\x8c\3abcN\x8c\4abcdK\1\x8c\0\x85" PAD;
    row(&buf, 3, tail, sizeof tail - 1);
    mproc_value *v = load(buf.data, buf.len);
    for (size_t i = 0; i < 3; i++)
        ck_assert_str_eq(mproc_value_str(mproc_value_item(mproc_value_item(v, i), 1), NULL), "abc");
    ck_assert_str_eq(mproc_value_str(mproc_value_item(v, 3), NULL), "abc");
    ck_assert_str_eq(mproc_value_str(mproc_value_item(v, 5), NULL), "abcd");
    ck_assert_str_eq(mproc_value_str(mproc_value_item(mproc_value_item(v, 7), 0), NULL), "");
    mproc_value_free(v);
    mp_buffer_clear(&buf);
}
END_TEST

/* The last value of a key counts, its first place does; 1, 1.0 and True are one key. */
START_TEST(keys_that_come_again_overwrite)
{
    struct mp_buffer buf = {0};
    mp_buffer_append(&buf, "\x80\x04}(", 4);
    for (char round = 0; round < 2; round++)
        for (char i = 0; i < 20; i++) {
            const char entry[] = {'\x8c', 2, 'k', (char)('a' + i), 'K', (char)(20 * round + i)};
            mp_buffer_append(&buf, entry, sizeof entry);
        }
    mp_buffer_append(&buf, "K\1K\1G?\xf0\0\0\0\0\0\0K\2\x88K\3u.", 20);
    mproc_value *v = load(buf.data, buf.len);
    ck_assert_uint_eq(mproc_value_length(v), 21);
    for (char i = 0; i < 20; i++) {
        const char key[] = {'k', (char)('a' + i), '\0'};
        int64_t number = 0;
        ck_assert_int_eq(mproc_value_int64(mproc_value_get_str(v, key), &number), 0);
        ck_assert_int_eq(number, 20 + i);
    }
    char *repr = NULL;
    ck_assert_int_eq(mproc_value_repr(v, &repr, NULL), 0);
    ck_assert_ptr_nonnull(strstr(repr, "{'ka': 20, 'kb': 21"));
    ck_assert_ptr_nonnull(strstr(repr, ", 1: 3}"));
    mproc_free(repr);
    mproc_value_free(v);
    mp_buffer_clear(&buf);
}
END_TEST

START_TEST(sharing_survives)
{
    static const char pickle[] = "]q\0(]q\1K\1ah\1e.";
    mproc_value *v = load(pickle, sizeof pickle - 1);
    assert_repr(v, "[[1], [1]]");
    mproc_value *two = NULL;
    mproc_value_new_int64(&two, 2);
    ck_assert_int_eq(mproc_value_append(mproc_value_item_mut(v, 0), two), 0);
    assert_repr(v, "[[1, 2], [1, 2]]");
    check_again(v, 4);
    mproc_value *copy = NULL;
    ck_assert_int_eq(mproc_value_copy(&copy, v), 0);
    ck_assert_int_eq(mproc_value_extend(mproc_value_item_mut(copy, 1), "i", 3), 0);
    assert_repr(copy, "[[1, 2, 3], [1, 2, 3]]");
    assert_repr(v, "[[1, 2], [1, 2]]");
    mproc_value_free(copy);
    mproc_value_free(v);
}
END_TEST

START_TEST(a_shared_text_is_written_once)
{
    static const char pickle[] = "](X\x04\0\0\0spamq\0h\0h\0e.";
    mproc_value *v = load(pickle, sizeof pickle - 1);
    void *data = NULL;
    size_t len = 0;
    ck_assert_int_eq(mproc_value_pickle(v, &data, &len, NULL, NULL), 0);
    static const char expected[] = "\x80\x04\x95\x0f\0\0\0\0\0\0\0](\x8c\x04spam\x94h\0h\0e.";
    ck_assert_uint_eq(len, sizeof expected - 1);
    ck_assert_mem_eq(data, expected, len);
    mproc_free(data);
    mproc_value_free(v);
}
END_TEST

START_TEST(recursion_ends_everywhere)
{
    mproc_value *list = NULL;
    ck_assert_int_eq(mproc_pack(&list, "[i]", 1), 0);
    ck_assert_int_eq(mproc_value_append(list, list), 0);
    ck_assert_int_eq(mproc_value_extend(list, "(O)", list), 0);
    assert_repr(list, "[1, [...], ([...],)]");
    mproc_value *copy = NULL;
    ck_assert_int_eq(mproc_value_copy(&copy, list), 0);
    assert_repr(copy, "[1, [...], ([...],)]");
    ck_assert_int_eq(mproc_value_equal(list, copy), 1);
    for (uint64_t protocol = 2; protocol <= 5; protocol++)
        check_again(copy, protocol);
    mproc_value_free(list);
    ck_assert_int_eq(mproc_value_extend(copy, "i", 2), 0);
    mproc_value_free(copy);
}
END_TEST

START_TEST(what_cannot_be_written_says_so)
{
    int here;
    mproc_value *v = NULL;
    ck_assert_int_eq(mproc_pack(&v, "(iP)", 1, &here), 0);
    void *data = NULL;
    size_t len;
    mproc_error err;
    ck_assert_int_eq(mproc_value_pickle(v, &data, &len, NULL, &err), MPROC_EUNPICKLABLE);
    ck_assert_ptr_nonnull(strstr(err.text, "pointer"));
    ck_assert_ptr_null(data);
    mproc_pickle_options options = MPROC_PICKLE_OPTIONS_INIT;
    options.protocol = 6;
    ck_assert_int_eq(mproc_value_pickle(v, &data, &len, &options, &err), -EINVAL);
    mproc_value_free(v);
}
END_TEST

static int dropped;

static void drop(void *connection)
{
    (void)connection;
    dropped++;
}

static int leave(void *user, void *connection, uint64_t *id)
{
    *(void **)user = connection;
    *id = 300;
    return 0;
}

static int arrive(void *user, uint64_t id, void **connection, void (**how)(void *))
{
    if (id != 300)
        return -EBADF;
    *connection = *(void **)user;
    *how = drop;
    return 0;
}

START_TEST(connections_travel_by_hooks_and_are_dropped_unless_taken)
{
    void *slot = NULL;
    const struct mp_pickle_hooks hooks = {&slot, leave, arrive};
    mproc_value *v = NULL;
    ck_assert_int_eq(mproc_pack(&v, "(sC)", "here", &dropped), 0);
    struct mp_buffer buf = {0};
    ck_assert_int_eq(mp_pickle(v, &buf, NULL, NULL, NULL), MPROC_EUNPICKLABLE);
    ck_assert_uint_eq(buf.len, 0);
    ck_assert_int_eq(mp_pickle(v, &buf, NULL, &hooks, NULL), 0);
    mproc_value_free(v);
    for (int take = 0; take < 2; take++) {
        size_t len = buf.len;
        unsigned char *message = malloc(len);
        memcpy(message, buf.data, len);
        ck_assert_int_eq(mp_unpickle_message(&v, message, 0, len, NULL, &hooks, NULL), 0);
        void *connection = NULL;
        ck_assert_int_eq(mproc_unpack(v, "(OC)", &(const mproc_value *){NULL}, &connection), 0);
        ck_assert_ptr_eq(connection, &dropped);
        if (take)
            ck_assert(mp_value_disown_connection(v, &dropped));
        mproc_value_free(v);
        ck_assert_int_eq(dropped, 1);
    }
    mp_buffer_clear(&buf);
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("pickle");
    TCase *tc = mp_case(suite, "pickle", 20);
    tcase_add_test(tc, recorded_pickles_have_pythons_repr);
    tcase_add_test(tc, calls_become_inert_objects);
    tcase_add_test(tc, names_of_python_2_are_translated);
    tcase_add_test(tc, malformed_pickles_are_refused_with_an_offset);
    tcase_add_test(tc, every_cut_of_a_pickle_is_refused);
    tcase_add_test(tc, deep_nesting_is_bounded_and_costs_no_stack);
    tcase_add_test(tc, the_other_limits_hold);
    tcase_add_test(tc, rows_of_records_are_checked_as_single_opcodes_are);
    tcase_add_test(tc, rows_of_records_keep_to_the_limits);
    tcase_add_test(tc, marks_and_stack_may_be_any_number);
    tcase_add_test(tc, texts_of_a_row_end_with_nul);
    tcase_add_test(tc, keys_that_come_again_overwrite);
    tcase_add_test(tc, sharing_survives);
    tcase_add_test(tc, a_shared_text_is_written_once);
    tcase_add_test(tc, recursion_ends_everywhere);
    tcase_add_test(tc, what_cannot_be_written_says_so);
    tcase_add_test(tc, connections_travel_by_hooks_and_are_dropped_unless_taken);
    return suite;
}
