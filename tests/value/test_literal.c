/* SPDX-License-Identifier: MIT */
/* Literals: what ast.literal_eval() takes, and where what is none goes wrong. */
#include "value/help.h"

static void check_literal(char *const *fields)
{
    size_t len;
    char *text = (char *)unhex(fields[0], &len);
    mproc_value *v = NULL;
    mproc_error err;
    int rc = mproc_value_parse(&v, text, len, &err);
    ck_assert_msg(rc == 0, "%s: %s", text, err.text);
    assert_repr(v, fields[1]);
    mproc_value *again = parse(fields[1]);
    assert_repr(again, fields[1]);
    assert_round_trip(v);
    mproc_value_free(again);
    mproc_value_free(v);
    free(text);
}

START_TEST(literals_are_read_as_python_reads_them)
{
    ck_assert_uint_gt(for_each_row("literals.tsv", 2, check_literal), 200);
}
END_TEST

/* No prefix of a bracketed or quoted text is whole: each is refused, at its end at the latest. */
static void check_cuts(char *const *fields)
{
    size_t len;
    char *text = (char *)unhex(fields[0], &len);
    bool closed = len > 1 && strchr("[{(", text[0]) && strchr(")]}", text[len - 1]);
    for (size_t n = 0; closed && n < len; n++) {
        mproc_value *v = NULL;
        char *cut = malloc(n + 1); /* exactly, so that a byte too many is seen */
        memcpy(cut, text, n);
        int rc = mproc_value_parse(&v, cut, n, NULL);
        /* A cut may end inside a character; '(1)' and '{...} # ...' may be whole before their end.
         */
        ck_assert(rc == MPROC_ELITERAL || rc == MPROC_EUTF8 || rc == 0);
        mproc_value_free(v);
        free(cut);
    }
    free(text);
}

/* The inverse of repr, where Python evaluates a sum and loses the sign of a zero. */
START_TEST(a_complex_is_read_as_the_one_it_is_the_repr_of)
{
    static const char *const texts[] = {"-1j", "-0j", "(1-0j)", "(-0-1j)", "(-0+0j)", "(-0-0j)"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        mproc_value *v = parse(texts[i]);
        assert_repr(v, texts[i]);
        mproc_value_free(v);
    }
}
END_TEST

START_TEST(cut_literals_are_refused)
{
    for_each_row("literals.tsv", 2, check_cuts);
}
END_TEST

static void check_flips(char *const *fields)
{
    size_t len;
    char *text = (char *)unhex(fields[0], &len);
    static const char replacements[] = "\0\xff(['\"\\{0j-,:#xe_";
    for (size_t i = 0; i < len && len < 40; i++) {
        char before = text[i];
        for (size_t k = 0; k < sizeof replacements - 1; k++) {
            mproc_value *v = NULL;
            text[i] = replacements[k];
            if (mproc_value_parse(&v, text, len, NULL) == 0)
                assert_round_trip(v);
            mproc_value_free(v);
        }
        text[i] = before;
    }
    free(text);
}

START_TEST(damaged_literals_are_refused_or_values)
{
    for_each_row("literals.tsv", 2, check_flips);
}
END_TEST

static const struct {
    const char *text;
    size_t offset;
} bad[] = {
    {"", 0},
    {" ", 1},
    {"#", 1},
    {"# only a comment", 16},
    {"[", 1},
    {"(", 1},
    {"{", 1},
    {"]", 0},
    {"[1", 2},
    {"[1 2]", 3},
    {"[,]", 1},
    {"[1,,2]", 3},
    {"(,)", 1},
    {"(1,,)", 3},
    {"[1)", 2},
    {"(1]", 2},
    {"[[1]", 4},
    {"{1: }", 4},
    {"{1:2,3}", 6},
    {"{1,2:3}", 4},
    {"{:}", 1},
    {"{,}", 1},
    {"{1:2 3:4}", 5},
    {"1 2", 2},
    {"1]", 1},
    {",", 0},
    {"1,,", 2},
    {"'", 1},
    {"'a", 2},
    {"\"a'", 3},
    {"'a\n'", 2},
    {"'''a''", 6},
    {"'a\\'", 4},
    {"'\\x4'", 4},
    {"'\\xg0'", 3},
    {"'\\u123'", 6},
    {"'\\U0011000'", 10},
    {"'\\U00110000'", 11},
    {"b'\\x4'", 5},
    {"b'\xc3\xa9'", 2},
    {"rb'\xc3\xa9'", 3},
    {"'a' b'b'", 4},
    {"b'a' 'b'", 5},
    {"ub'a'", 0},
    {"ur'a'", 0},
    {"bu'a'", 0},
    {"rr'a'", 0},
    {"f'a'", 0},
    {"x", 0},
    {"None1", 0},
    {"nonE", 0},
    {"Truee", 0},
    {"-'a'", 1},
    {"-None", 1},
    {"-[1]", 1},
    {"+", 1},
    {"1+", 2},
    {"1+2", 3},
    {"1j+2", 4},
    {"1j+2j", 5},
    {"1+2j+3j", 4},
    {"'a'+2j", 3},
    {"1*2", 1},
    {"1**2", 1},
    {"~1", 0},
    {"0x", 2},
    {"0xg", 2},
    {"0x_", 3},
    {"0b2", 2},
    {"0b12", 3},
    {"0o8", 2},
    {"0o18", 3},
    {"012", 0},
    {"00_1", 0},
    {"1_", 1},
    {"1__0", 1},
    {"_1", 0},
    {"1_000_", 5},
    {"1e", 1},
    {"1e+", 1},
    {"1.5e", 3},
    {"1._5", 2},
    {"1_.5", 1},
    {"1.5.5", 3},
    {".", 0},
    {".e5", 0},
    {"1jj", 2},
    {"1x", 1},
    {"1.real", 2},
    {"set(1)", 5},
    {"set(", 4},
    {"set", 3},
    {"frozenset([1]", 13},
    {"frozenset(1)", 11},
    {"bytearray()x", 11},
    {"bytearray('a')", 13},
    {"bytearray(1)", 11},
    {"dict()", 0},
    {"1;", 1},
    {"1 if 1 else 2", 2},
    {"[*a]", 1},
    {"{**a}", 1},
    {"lambda: 1", 0},
    {"1 # comment\n2", 12},
    {"--1", 1},
    {"-+1", 1},
    {"[+ -1j]", 3},
    {"1 + -2j", 4},
};

static size_t offset_in(const char *text)
{
    const char *offset = strstr(text, "at offset ");
    return offset ? strtoul(offset + strlen("at offset "), NULL, 10) : SIZE_MAX;
}

START_TEST(what_is_no_literal_is_refused_where_it_stops_being_one)
{
    for (size_t i = 0; i < COUNT(bad); i++) {
        mproc_value *v = NULL;
        mproc_error err = MPROC_ERROR_INIT;
        int rc = mproc_value_parse(&v, bad[i].text, SIZE_MAX, &err);
        ck_assert_msg(rc == MPROC_ELITERAL, "%s: %d", bad[i].text, rc);
        ck_assert_int_eq(err.code, rc);
        ck_assert_msg(offset_in(err.text) == bad[i].offset, "%s: %s", bad[i].text, err.text);
        ck_assert_ptr_null(v);
    }
}
END_TEST

START_TEST(lengths_may_cut_anywhere_and_nuls_end_nothing)
{
    mproc_value *v = NULL;
    ck_assert_int_eq(mproc_value_parse(&v, "[1]]", 3, NULL), 0);
    assert_repr(v, "[1]");
    mproc_value_free(v);
    v = NULL;
    ck_assert_int_eq(mproc_value_parse(&v, "12", 1, NULL), 0);
    assert_repr(v, "1");
    mproc_value_free(v);
    v = NULL;
    ck_assert_int_eq(mproc_value_parse(&v, "1\0", 2, NULL), MPROC_ELITERAL);
    ck_assert_int_eq(mproc_value_parse(&v, "[1,\0]", 5, NULL), MPROC_ELITERAL);
    ck_assert_int_eq(mproc_value_parse(&v, "\0", 1, NULL), MPROC_ELITERAL);
    ck_assert_int_eq(mproc_value_parse(&v, "1", 0, NULL), MPROC_ELITERAL);
    ck_assert_int_eq(mproc_value_parse(&v, NULL, 0, NULL), -EINVAL);
    ck_assert_int_eq(mproc_value_parse(&v, NULL, SIZE_MAX, NULL), -EINVAL);
    ck_assert_ptr_null(v);
}
END_TEST

START_TEST(text_that_is_not_utf8_is_refused_with_its_offset)
{
    mproc_value *v = NULL;
    mproc_error err;
    ck_assert_int_eq(mproc_value_parse(&v, "'ab\xff'", SIZE_MAX, &err), MPROC_EUTF8);
    ck_assert_str_eq(err.text, "literal: not UTF-8 at offset 3");
    ck_assert_int_eq(mproc_value_parse(&v, "1 # \xc3", SIZE_MAX, &err), MPROC_EUTF8);
    ck_assert_ptr_null(v);
}
END_TEST

START_TEST(unhashable_keys_are_refused)
{
    static const char *const texts[] = {"{[]}",
                                        "{{}}",
                                        "{[]: 1}",
                                        "{({},): 1}",
                                        "{set()}",
                                        "{bytearray(b'')}",
                                        "frozenset({[]})",
                                        "{1, 2, []}",
                                        "{0,1,2,3,4,5,6,7,8,9,[]}"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        mproc_value *v = NULL;
        ck_assert_int_eq(mproc_value_parse(&v, texts[i], SIZE_MAX, NULL), MPROC_EUNHASHABLE);
        ck_assert_ptr_null(v);
    }
}
END_TEST

static int parse_nested(size_t depth, const char *open, const char *close)
{
    struct mp_buffer text = {0};
    mproc_value *v = NULL;
    for (size_t i = 0; i < depth; i++)
        mp_buffer_append(&text, open, strlen(open));
    for (size_t i = 0; i < depth; i++)
        mp_buffer_append(&text, close, strlen(close));
    int rc = mproc_value_parse(&v, (const char *)text.data, text.len, NULL);
    mproc_value_free(v);
    mp_buffer_clear(&text);
    return rc;
}

START_TEST(nesting_ends_at_a_thousand)
{
    ck_assert_int_eq(parse_nested(1000, "[", "]"), 0);
    ck_assert_int_eq(parse_nested(1001, "[", "]"), MPROC_ELIMIT);
    ck_assert_int_eq(parse_nested(1000, "(", ")"), 0);
    ck_assert_int_eq(parse_nested(1001, "(", ")"), MPROC_ELIMIT);
    ck_assert_int_eq(parse_nested(999, "{1:", "}"), MPROC_ELITERAL); /* no innermost value */
    ck_assert_int_eq(parse_nested(100000, "[", "]"), MPROC_ELIMIT);
    ck_assert_int_eq(parse_nested(100000, "{", "}"), MPROC_ELIMIT);
    ck_assert_int_eq(parse_nested(100000, "(", ""), MPROC_ELIMIT);
    ck_assert_int_eq(parse_nested(100000, "frozenset({", "})"), MPROC_ELIMIT);
    ck_assert_int_eq(parse_nested(100000, "{1:", "}"), MPROC_ELIMIT);
    ck_assert_int_eq(parse_nested(100000, "-", ""), MPROC_ELITERAL);
}
END_TEST

START_TEST(a_long_literal_is_read_in_one_go)
{
    struct mp_buffer text = {0};
    mp_buffer_append(&text, "[", 1);
    for (int i = 0; i < 100000; i++) {
        char item[32];
        int n = snprintf(item, sizeof item, "%s%d", i ? ", " : "", i);
        mp_buffer_append(&text, item, (size_t)n);
    }
    mp_buffer_append(&text, "]", 2);
    mproc_value *v = parse((const char *)text.data);
    ck_assert_uint_eq(mproc_value_length(v), 100000);
    assert_repr(v, (const char *)text.data);
    mproc_value_free(v);
    mp_buffer_clear(&text);
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("value_literal");
    TCase *tc = mp_case(suite, "value_literal", 20);
    tcase_add_test(tc, literals_are_read_as_python_reads_them);
    tcase_add_test(tc, a_complex_is_read_as_the_one_it_is_the_repr_of);
    tcase_add_test(tc, cut_literals_are_refused);
    tcase_add_test(tc, damaged_literals_are_refused_or_values);
    tcase_add_test(tc, what_is_no_literal_is_refused_where_it_stops_being_one);
    tcase_add_test(tc, lengths_may_cut_anywhere_and_nuls_end_nothing);
    tcase_add_test(tc, text_that_is_not_utf8_is_refused_with_its_offset);
    tcase_add_test(tc, unhashable_keys_are_refused);
    tcase_add_test(tc, nesting_ends_at_a_thousand);
    tcase_add_test(tc, a_long_literal_is_read_in_one_go);
    return suite;
}
