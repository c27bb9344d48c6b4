/* SPDX-License-Identifier: MIT */
/* Ints of any size, floats and complex numbers, against tables of what Python makes of them. */
#include <limits.h>
#include <math.h>

#include "value/help.h"

static void parse_pickle_and_compare(const mproc_value *v, const char *text)
{
    assert_repr(v, text);
    assert_round_trip(v);
    mproc_value *read = parse(text);
    ck_assert_int_eq(mproc_value_kind(read), mproc_value_kind(v));
    ck_assert_int_eq(mproc_value_equal(read, v), 1);
    mproc_value_free(read);
}

static bool same_bits(double a, double b)
{
    uint64_t bits_a;
    uint64_t bits_b;
    memcpy(&bits_a, &a, sizeof a);
    memcpy(&bits_b, &b, sizeof b);
    return bits_a == bits_b;
}

/* ---- int ---- */

static void check_bytes(const mproc_value *v, const unsigned char *bytes, size_t len)
{
    unsigned char room[400];
    ck_assert_int_eq(mproc_value_bigint(v, NULL, 0), (ssize_t)len);
    ck_assert_int_eq(mproc_value_bigint(v, room, len), (ssize_t)len);
    ck_assert_mem_eq(room, bytes, len);
    memset(room, 0x55, sizeof room);
    ck_assert_int_eq(mproc_value_bigint(v, room, len - 1), -ERANGE);
    ck_assert_uint_eq(room[0], 0x55);
    ck_assert_int_eq(mproc_value_bigint(v, room, len + 9), (ssize_t)len);
    for (size_t i = len; i < len + 9; i++)
        ck_assert_uint_eq(room[i], bytes[len - 1] & 0x80 ? 0xff : 0);
    ck_assert_uint_eq(room[len + 9], 0x55);
}

static void check_as_float(const mproc_value *v, const char *bits)
{
    double number = 42;
    if (strcmp(bits, "-") == 0) {
        ck_assert_int_eq(mproc_value_float(v, &number), -ERANGE);
        ck_assert(number == 42);
    } else {
        ck_assert_int_eq(mproc_value_float(v, &number), 0);
        ck_assert_msg(same_bits(number, double_of(bits)), "%a", number);
    }
}

static void check_words(const mproc_value *v, const char *decimal)
{
    int64_t number = 42;
    uint64_t word = 42;
    errno = 0;
    long long expected = strtoll(decimal, NULL, 10);
    int rc = errno == ERANGE ? -ERANGE : 0;
    ck_assert_int_eq(mproc_value_int64(v, &number), rc);
    ck_assert_int_eq(number, rc == 0 ? expected : 42);
    errno = 0;
    unsigned long long positive = strtoull(decimal, NULL, 10);
    rc = errno == ERANGE || *decimal == '-' ? -ERANGE : 0;
    ck_assert_int_eq(mproc_value_uint64(v, &word), rc);
    ck_assert_uint_eq(word, rc == 0 ? positive : 42);
}

static void check_int(char *const *fields)
{
    size_t len;
    unsigned char *bytes = unhex(fields[1], &len);
    mproc_value *v = NULL;
    ck_assert_int_eq(mproc_value_new_bigint(&v, bytes, len), 0);
    parse_pickle_and_compare(v, fields[0]);
    check_bytes(v, bytes, len);
    check_words(v, fields[0]);
    check_as_float(v, fields[2]);
    mproc_value_free(v);
    free(bytes);
}

START_TEST(ints_of_every_length_are_pythons)
{
    ck_assert_uint_gt(for_each_row("ints.tsv", 3, check_int), 500);
}
END_TEST

static void check_padded_int(char *const *fields)
{
    size_t len;
    unsigned char *bytes = unhex(fields[1], &len);
    unsigned char padded[400];
    memset(padded, bytes[len - 1] & 0x80 ? 0xff : 0, sizeof padded);
    memcpy(padded, bytes, len);
    for (size_t more = 1; more < 12; more++) {
        mproc_value *v = NULL;
        ck_assert_int_eq(mproc_value_new_bigint(&v, padded, len + more), 0);
        assert_repr(v, fields[0]);
        ck_assert_int_eq(mproc_value_bigint(v, NULL, 0), (ssize_t)len);
        mproc_value_free(v);
    }
    free(bytes);
}

START_TEST(longer_forms_of_an_int_are_the_same_int)
{
    for_each_row("ints.tsv", 3, check_padded_int);
}
END_TEST

START_TEST(no_bytes_are_zero)
{
    mproc_value *v = NULL;
    ck_assert_int_eq(mproc_value_new_bigint(&v, NULL, 0), 0);
    assert_repr(v, "0");
    ck_assert_int_eq(mproc_value_bigint(v, NULL, 0), 1);
    mproc_value_free(v);
}
END_TEST

START_TEST(words_make_the_ints_they_are)
{
    static const uint64_t words[] = {
        0,         1, INT64_MAX, (uint64_t)INT64_MAX + 1, (uint64_t)INT64_MAX + 2, UINT64_MAX - 1,
        UINT64_MAX};
    for (size_t i = 0; i < COUNT(words); i++) {
        char text[32];
        mproc_value *v = NULL;
        uint64_t back = 42;
        ck_assert_int_eq(mproc_value_new_uint64(&v, words[i]), 0);
        snprintf(text, sizeof text, "%llu", (unsigned long long)words[i]);
        parse_pickle_and_compare(v, text);
        ck_assert_int_eq(mproc_value_uint64(v, &back), 0);
        ck_assert_uint_eq(back, words[i]);
        mproc_value_free(v);
        ck_assert_int_eq(mproc_value_new_int64(&v, (int64_t)words[i]), 0);
        snprintf(text, sizeof text, "%lld", (long long)words[i]);
        parse_pickle_and_compare(v, text);
        mproc_value_free(v);
    }
}
END_TEST

START_TEST(a_bool_is_an_int_but_an_int_is_no_bool)
{
    mproc_value *v = NULL;
    int64_t number = 42;
    uint64_t word = 42;
    double real = 42;
    unsigned char byte = 42;
    ck_assert_int_eq(mproc_value_new_bool(&v, -7), 0);
    ck_assert_int_eq(mproc_value_bool(v), 1);
    ck_assert_int_eq(mproc_value_int64(v, &number), 0);
    ck_assert_int_eq(mproc_value_uint64(v, &word), 0);
    ck_assert_int_eq(mproc_value_float(v, &real), 0);
    ck_assert_int_eq(mproc_value_bigint(v, &byte, 1), 1);
    ck_assert(number == 1 && word == 1 && real == 1 && byte == 1);
    assert_repr(v, "True");
    mproc_value_free(v);
    ck_assert_int_eq(mproc_value_new_bool(&v, 0), 0);
    ck_assert_int_eq(mproc_value_bool(v), 0);
    mproc_value_free(v);
    v = new_int(1);
    ck_assert_int_eq(mproc_value_bool(v), MPROC_EKIND);
    mproc_value_free(v);
}
END_TEST

START_TEST(what_is_no_number_gives_none)
{
    static const char *const others[] = {"None", "'1'", "b'1'", "[1]", "(1,)", "{1: 1}", "{1}"};
    for (size_t i = 0; i < COUNT(others); i++) {
        mproc_value *v = parse(others[i]);
        int64_t number = 42;
        uint64_t word = 42;
        double real = 42;
        double imag = 42;
        ck_assert_int_eq(mproc_value_int64(v, &number), MPROC_EKIND);
        ck_assert_int_eq(mproc_value_uint64(v, &word), MPROC_EKIND);
        ck_assert_int_eq(mproc_value_float(v, &real), MPROC_EKIND);
        ck_assert_int_eq(mproc_value_complex(v, &real, &imag), MPROC_EKIND);
        ck_assert_int_eq(mproc_value_bigint(v, NULL, 0), MPROC_EKIND);
        ck_assert(number == 42 && word == 42 && real == 42 && imag == 42);
        mproc_value_free(v);
    }
    mproc_value *v = parse("1.0");
    int64_t number;
    ck_assert_int_eq(mproc_value_int64(v, &number), MPROC_EKIND);
    ck_assert_int_eq(mproc_value_bigint(v, NULL, 0), MPROC_EKIND);
    mproc_value_free(v);
    v = parse("1j");
    double real;
    ck_assert_int_eq(mproc_value_float(v, &real), MPROC_EKIND);
    mproc_value_free(v);
}
END_TEST

/* As hexadecimal text, which repr also writes for what has more digits than Python allows. */
static void check_hexadecimal(size_t digits, bool negative)
{
    char *text = malloc(digits + 4);
    ck_assert_ptr_nonnull(text);
    snprintf(text, 5, "%s0x", negative ? "-" : "");
    size_t head = strlen(text);
    for (size_t i = 0; i < digits; i++)
        text[head + i] = "123456789abcdef0"[i % 16];
    text[head + digits] = '\0';
    mproc_value *v = parse(text);
    assert_repr(v, text);
    assert_round_trip(v);
    mproc_value_free(v);
    free(text);
}

START_TEST(huge_ints_are_written_in_hexadecimal)
{
    static const size_t lengths[] = {3600, 3601, 4000, 5001, 60000};
    for (size_t i = 0; i < COUNT(lengths); i++) {
        check_hexadecimal(lengths[i], false);
        check_hexadecimal(lengths[i], true);
    }
}
END_TEST

START_TEST(the_longest_decimal_has_4300_digits)
{
    char text[4303];
    for (int minus = 0; minus < 2; minus++) {
        memset(text, '9', sizeof text);
        if (minus)
            text[0] = '-';
        text[4300 + minus] = '\0';
        mproc_value *v = parse(text);
        assert_repr(v, text);
        assert_round_trip(v);
        mproc_value_free(v);
        text[4300 + minus] = '9';
        text[4301 + minus] = '\0';
        ck_assert_int_eq(mproc_value_parse(&v, text, SIZE_MAX, NULL), MPROC_ELIMIT);
    }
}
END_TEST

/* ---- float ---- */

static void check_float(char *const *fields)
{
    double number = double_of(fields[0]);
    double back = 42;
    mproc_value *v = NULL;
    ck_assert_int_eq(mproc_value_new_float(&v, number), 0);
    assert_repr(v, fields[1]);
    ck_assert_int_eq(mproc_value_float(v, &back), 0);
    ck_assert(same_bits(back, number));
    assert_round_trip(v);
    mproc_value *read = parse(fields[1]);
    ck_assert_int_eq(mproc_value_float(read, &back), 0);
    ck_assert_msg(same_bits(back, number) || isnan(number), "%s", fields[1]);
    mproc_value_free(read);
    mproc_value_free(v);
}

START_TEST(floats_are_read_and_written_as_python_does)
{
    ck_assert_uint_gt(for_each_row("floats.tsv", 2, check_float), 800);
}
END_TEST

START_TEST(a_float_is_a_complex_without_imaginary_part)
{
    mproc_value *v = parse("-2.5");
    double real = 42;
    double imag = 42;
    ck_assert_int_eq(mproc_value_complex(v, &real, &imag), 0);
    ck_assert(real == -2.5 && imag == 0);
    ck_assert_int_eq(mproc_value_complex(v, NULL, NULL), 0);
    mproc_value_free(v);
    v = parse("7");
    ck_assert_int_eq(mproc_value_complex(v, &real, NULL), 0);
    ck_assert_int_eq(mproc_value_complex(v, NULL, &imag), 0);
    ck_assert(real == 7 && imag == 0);
    mproc_value_free(v);
}
END_TEST

static void check_complex(char *const *fields)
{
    double parts[2] = {double_of(fields[0]), double_of(fields[1])};
    double real;
    double imag;
    mproc_value *v = NULL;
    ck_assert_int_eq(mproc_value_new_complex(&v, parts[0], parts[1]), 0);
    assert_repr(v, fields[2]);
    ck_assert_int_eq(mproc_value_complex(v, &real, &imag), 0);
    ck_assert(same_bits(real, parts[0]) && same_bits(imag, parts[1]));
    assert_round_trip(v);
    int equal = mproc_value_equal(v, v);
    ck_assert_int_eq(equal, !isnan(real) && !isnan(imag));
    mproc_value_free(v);
}

START_TEST(complex_numbers_are_written_as_python_does)
{
    ck_assert_uint_eq(for_each_row("complexes.tsv", 3, check_complex), 81);
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("value_number");
    TCase *tc = mp_case(suite, "value_number", 20);
    tcase_add_test(tc, ints_of_every_length_are_pythons);
    tcase_add_test(tc, longer_forms_of_an_int_are_the_same_int);
    tcase_add_test(tc, no_bytes_are_zero);
    tcase_add_test(tc, words_make_the_ints_they_are);
    tcase_add_test(tc, a_bool_is_an_int_but_an_int_is_no_bool);
    tcase_add_test(tc, what_is_no_number_gives_none);
    tcase_add_test(tc, huge_ints_are_written_in_hexadecimal);
    tcase_add_test(tc, the_longest_decimal_has_4300_digits);
    tcase_add_test(tc, floats_are_read_and_written_as_python_does);
    tcase_add_test(tc, a_float_is_a_complex_without_imaginary_part);
    tcase_add_test(tc, complex_numbers_are_written_as_python_does);
    return suite;
}
