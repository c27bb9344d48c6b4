/* SPDX-License-Identifier: MIT */
/* str, bytes and bytearray: what is UTF-8, how Python quotes and escapes, what follows the bytes.
 */
#include "value/help.h"
#include "value/utf8.h"

static void check_encoding(char *const *fields)
{
    size_t len;
    unsigned char *bytes = unhex(fields[0], &len);
    bool good = strcmp(fields[1], "ok") == 0;
    size_t valid = good ? len : strtoul(fields[1], NULL, 10);
    mproc_value *v = NULL;
    ck_assert_msg(mp_utf8_valid(bytes, len) == valid, "%s", fields[0]);
    ck_assert_int_eq(mp_utf8_ok(bytes, len), good);
    int rc = mproc_value_new_str(&v, (const char *)bytes, len);
    ck_assert_int_eq(rc, good ? 0 : MPROC_EUTF8);
    if (rc == 0) {
        size_t n = 0;
        const char *text = mproc_value_str(v, &n);
        ck_assert_uint_eq(n, len);
        ck_assert_mem_eq(text, bytes, len + 1);
        assert_round_trip(v);
    } else {
        ck_assert_ptr_null(v);
    }
    mproc_value_free(v);
    free(bytes);
}

START_TEST(only_utf8_is_text_but_surrogates_are_let_pass)
{
    ck_assert_uint_gt(for_each_row("encodings.tsv", 2, check_encoding), 400);
}
END_TEST

/* The same texts, in each place where one can come in from outside. */
static void check_doors(char *const *fields)
{
    size_t len;
    unsigned char *bytes = unhex(fields[0], &len);
    int expected = strcmp(fields[1], "ok") == 0 ? 0 : MPROC_EUTF8;
    mproc_value *v = NULL;
    struct mp_buffer pickle = {0};
    unsigned char head[5] = {'X', (unsigned char)len, 0, 0, 0};
    mp_buffer_append(&pickle, head, sizeof head);
    mp_buffer_append(&pickle, bytes, len);
    mp_buffer_append(&pickle, ".", 1);
    ck_assert_int_eq(load_code(pickle.data, pickle.len, NULL, NULL), expected);
    ck_assert_int_eq(mproc_pack(&v, "s#", (const char *)bytes, len), expected);
    mproc_value_free(v);
    v = NULL;
    if (!memchr(bytes, '\0', len)) {
        int rc = mproc_value_new_global(&v, "module", (const char *)bytes);
        ck_assert_int_eq(rc, expected);
        mproc_value_free(v);
    }
    mp_buffer_clear(&pickle);
    free(bytes);
}

START_TEST(every_door_checks_texts)
{
    for_each_row("encodings.tsv", 2, check_doors);
}
END_TEST

static void check_string(char *const *fields)
{
    size_t len;
    unsigned char *bytes = unhex(fields[0], &len);
    mproc_value *v = NULL;
    ck_assert_int_eq(mproc_value_new_str(&v, (const char *)bytes, len), 0);
    assert_repr(v, fields[1]);
    mproc_value *read = parse(fields[1]);
    ck_assert_int_eq(mproc_value_equal(v, read), 1);
    mproc_value_free(read);
    assert_round_trip(v);
    mproc_value_free(v);
    free(bytes);
}

START_TEST(strings_are_quoted_and_escaped_as_python_does)
{
    ck_assert_uint_gt(for_each_row("strings.tsv", 2, check_string), 600);
}
END_TEST

static void check_bytes(char *const *fields)
{
    size_t len;
    size_t n = 0;
    unsigned char *bytes = unhex(fields[0], &len);
    mproc_value *v = NULL;
    char expected[2048];
    ck_assert_int_eq(mproc_value_new_bytes(&v, bytes, len), 0);
    assert_repr(v, fields[1]);
    ck_assert_mem_eq(mproc_value_bytes(v, &n), bytes, len + 1);
    ck_assert_uint_eq(n, len);
    ck_assert_uint_eq(mproc_value_length(v), len);
    assert_round_trip(v);
    mproc_value *read = parse(fields[1]);
    assert_equal(v, read, 1);

    ck_assert_int_eq(mproc_value_new_bytearray(&v, bytes, len), 0);
    snprintf(expected, sizeof expected, "bytearray(%s)", fields[1]);
    if (!(strchr(fields[1], '\'') && fields[1][1] == '"')) /* see the test below */
        assert_repr(v, expected);
    ck_assert_mem_eq(mproc_value_bytes(v, &n), bytes, len + 1);
    ck_assert_uint_eq(n, len);
    assert_round_trip(v);
    mproc_value_free(v);
    free(bytes);
}

START_TEST(bytes_are_quoted_and_escaped_as_python_does)
{
    ck_assert_uint_gt(for_each_row("bytes.tsv", 2, check_bytes), 50);
}
END_TEST

/* CPython, Objects/bytearrayobject.c: the quote is chosen as for bytes, but \' is always escaped.
 */
START_TEST(a_bytearray_escapes_the_quote_that_bytes_do_not)
{
    mproc_value *v = NULL;
    ck_assert_int_eq(mproc_value_new_bytearray(&v, "it's", 4), 0);
    assert_repr(v, "bytearray(b\"it\\'s\")");
    mproc_value_free(v);
}
END_TEST

START_TEST(nul_bytes_count)
{
    mproc_value *v = NULL;
    size_t len = 0;
    ck_assert_int_eq(mproc_value_new_str(&v, "a\0b\0", 4), 0);
    ck_assert_mem_eq(mproc_value_str(v, &len), "a\0b\0\0", 5);
    ck_assert_uint_eq(len, 4);
    ck_assert_uint_eq(mproc_value_length(v), 4);
    ck_assert_ptr_nonnull(mproc_value_str(v, NULL));
    mproc_value_free(v);
    ck_assert_int_eq(mproc_value_new_str(&v, "a\0b", SIZE_MAX), 0);
    ck_assert_uint_eq(mproc_value_length(v), 1);
    mproc_value_free(v);
    ck_assert_int_eq(mproc_value_new_str(&v, NULL, 0), 0);
    ck_assert_str_eq(mproc_value_str(v, NULL), "");
    mproc_value_free(v);
    ck_assert_int_eq(mproc_value_new_bytes(&v, NULL, 0), 0);
    ck_assert_mem_eq(mproc_value_bytes(v, &len), "", 1);
    ck_assert_uint_eq(len, 0);
    mproc_value_free(v);
}
END_TEST

START_TEST(a_str_is_no_bytes_and_bytes_no_str)
{
    mproc_value *text = new_str("x");
    mproc_value *bytes = parse("b'x'");
    size_t len = 42;
    ck_assert_ptr_null(mproc_value_bytes(text, &len));
    ck_assert_ptr_null(mproc_value_str(bytes, &len));
    ck_assert_uint_eq(len, 42);
    ck_assert_int_eq(mproc_value_append_bytes(bytes, "y", 1), MPROC_EKIND);
    ck_assert_int_eq(mproc_value_append_bytes(text, "y", 1), MPROC_EKIND);
    ck_assert_int_eq(mproc_value_append_bytes(NULL, "y", 1), MPROC_EKIND);
    assert_equal(text, bytes, 0);
}
END_TEST

START_TEST(a_bytearray_grows_and_keeps_its_nul)
{
    mproc_value *v = new_of(MPROC_KIND_BYTEARRAY);
    struct mp_buffer expected = {0};
    size_t len = 0;
    for (size_t i = 0; i < 2000; i++) {
        unsigned char some[7] = {(unsigned char)i, (unsigned char)(i >> 8), 'x', 'y', 0, 0xff, 'z'};
        ck_assert_int_eq(mproc_value_append_bytes(v, some, i % 8), 0);
        mp_buffer_append(&expected, some, i % 8);
        const unsigned char *data = mproc_value_bytes(v, &len);
        ck_assert_uint_eq(len, expected.len);
        ck_assert_uint_eq(data[len], 0);
    }
    ck_assert_mem_eq(mproc_value_bytes(v, NULL), expected.data, expected.len);
    mp_buffer_clear(&expected);
    mproc_value_free(v);
}
END_TEST

START_TEST(a_bytearray_can_be_appended_to_itself)
{
    mproc_value *v = NULL;
    ck_assert_int_eq(mproc_value_new_bytearray(&v, "ab", 2), 0);
    for (int i = 0; i < 10; i++) {
        size_t len;
        const void *data = mproc_value_bytes(v, &len);
        ck_assert_int_eq(mproc_value_append_bytes(v, data, len), 0);
    }
    size_t len;
    const char *data = mproc_value_bytes(v, &len);
    ck_assert_uint_eq(len, 2048);
    for (size_t i = 0; i < len; i++)
        ck_assert_int_eq(data[i], i % 2 ? 'b' : 'a');
    mproc_value_free(v);
}
END_TEST

/* It lies in the message until it grows. */
START_TEST(a_bytearray_from_a_pickle_grows_too)
{
    static const char pickle[] = "\x80\5]\x96\2\0\0\0\0\0\0\0ab\x94"
                                 "ah\0a.";
    mproc_value *v = load(pickle, sizeof pickle - 1);
    mproc_value *array = mproc_value_item_mut(v, 0);
    ck_assert_int_eq(mproc_value_append_bytes(array, "c", 1), 0);
    ck_assert_int_eq(mproc_value_append_bytes(array, NULL, 0), 0);
    assert_repr(v, "[bytearray(b'abc'), bytearray(b'abc')]");
    assert_round_trip(v);
    mproc_value_free(v);
}
END_TEST

START_TEST(long_texts_are_kept_whole)
{
    static const size_t lengths[] = {255, 256, 65535, 65536, 65537, 1000000};
    for (size_t i = 0; i < COUNT(lengths); i++) {
        char *text = malloc(lengths[i]);
        mproc_value *v = NULL;
        memset(text, 'q', lengths[i]);
        ck_assert_int_eq(mproc_pack(&v, "(s#y#)", text, lengths[i], text, lengths[i]), 0);
        for (uint64_t protocol = 2; protocol <= 5; protocol++) {
            struct mp_buffer pickle = {0};
            dump(v, protocol, &pickle);
            mproc_value *back = load(pickle.data, pickle.len);
            ck_assert_int_eq(mproc_value_equal(v, back), 1);
            mproc_value_free(back);
            mp_buffer_clear(&pickle);
        }
        mproc_value_free(v);
        free(text);
    }
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("value_text");
    TCase *tc = mp_case(suite, "value_text", 20);
    tcase_add_test(tc, only_utf8_is_text_but_surrogates_are_let_pass);
    tcase_add_test(tc, every_door_checks_texts);
    tcase_add_test(tc, strings_are_quoted_and_escaped_as_python_does);
    tcase_add_test(tc, bytes_are_quoted_and_escaped_as_python_does);
    tcase_add_test(tc, a_bytearray_escapes_the_quote_that_bytes_do_not);
    tcase_add_test(tc, nul_bytes_count);
    tcase_add_test(tc, a_str_is_no_bytes_and_bytes_no_str);
    tcase_add_test(tc, a_bytearray_grows_and_keeps_its_nul);
    tcase_add_test(tc, a_bytearray_can_be_appended_to_itself);
    tcase_add_test(tc, a_bytearray_from_a_pickle_grows_too);
    tcase_add_test(tc, long_texts_are_kept_whole);
    return suite;
}
