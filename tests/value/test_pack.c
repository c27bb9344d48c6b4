/* SPDX-License-Identifier: MIT */
/* Packing and unpacking: every letter, every mistake with the place that is said of it. */
#include <limits.h>
#include <math.h>

#include <mproc/connection.h>

#include "value/help.h"

/* ---- pack ---- */

static void check_packed(int rc, mproc_value *v, const char *repr)
{
    ck_assert_int_eq(rc, 0);
    assert_repr(v, repr);
    mproc_value_free(v);
}

#define PACKED(repr, ...)                                                                          \
    do {                                                                                           \
        mproc_value *packed = NULL;                                                                \
        int code = mproc_pack(&packed, __VA_ARGS__);                                               \
        check_packed(code, packed, repr);                                                          \
    } while (0)

START_TEST(each_letter_of_a_number_has_its_range)
{
    PACKED("-2147483648", "i", INT_MIN);
    PACKED("2147483647", "i", INT_MAX);
    PACKED("4294967295", "I", UINT_MAX);
    PACKED("0", "I", 0u);
    PACKED(LONG_MAX > INT_MAX ? "-9223372036854775808" : "-2147483648", "l", LONG_MIN);
    PACKED(LONG_MAX > INT_MAX ? "18446744073709551615" : "4294967295", "k", ULONG_MAX);
    PACKED("-9223372036854775808", "L", LLONG_MIN);
    PACKED("9223372036854775807", "L", LLONG_MAX);
    PACKED("9223372036854775807", "K", (unsigned long long)LLONG_MAX);
    PACKED("9223372036854775808", "K", (unsigned long long)LLONG_MAX + 1);
    PACKED("18446744073709551615", "K", ULLONG_MAX);
    PACKED("-1", "n", (ssize_t)-1);
    PACKED("-0.0", "d", -0.0);
    PACKED("5e-324", "d", 5e-324);
    PACKED("inf", "d", (double)INFINITY);
    PACKED("nan", "d", (double)NAN);
    PACKED("True", "?", 256);
    PACKED("False", "?", 0);
}
END_TEST

START_TEST(each_letter_of_a_text_has_its_length)
{
    PACKED("''", "s", "");
    PACKED("'text'", "s", "text");
    PACKED("'text'", "z", "text");
    PACKED("None", "z", (const char *)NULL);
    PACKED("None", "z#", (const char *)NULL, (size_t)5);
    PACKED("'te'", "s#", "text", (size_t)2);
    PACKED("''", "s#", (const char *)NULL, (size_t)0);
    PACKED("'a\\x00b'", "z#", "a\0b", (size_t)3);
    PACKED("b'a\\x00b'", "y#", "a\0b", (size_t)3);
    PACKED("b''", "y#", (const void *)NULL, (size_t)0);
    PACKED("'text'", "s#", "text", SIZE_MAX);
}
END_TEST

START_TEST(brackets_and_blanks_are_as_in_py_build_value)
{
    PACKED("None", "");
    PACKED("None", " ,:\t\n");
    PACKED("()", "()");
    PACKED("[]", "[]");
    PACKED("{}", "{}");
    PACKED("((),)", "(())");
    PACKED("(1,)", "(i)", 1);
    PACKED("1", "i", 1);
    PACKED("(1, 2)", "ii", 1, 2);
    PACKED("(1, 2)", "(ii)", 1, 2);
    PACKED("[1, (2, [3])]", "[i(i[i])]", 1, 2, 3);
    PACKED("{1: {2: 3}}", "{i{ii}}", 1, 2, 3);
    PACKED("{'a': 1, 'b': 2}", " { s : i , s : i } ", "a", 1, "b", 2);
    PACKED("([], {})", "[]{}");
    PACKED("{(1, 2): ()}", "{(ii)()}", 1, 2);
    PACKED("{1: 3}", "{iidi}", 1, 2, 1.0, 3);
}
END_TEST

START_TEST(references_are_taken_over_and_kept)
{
    mproc_value *shared = parse("[1]");
    mproc_value *v = NULL;
    ck_assert_int_eq(mproc_pack(&v, "O", shared), 0);
    assert_repr(v, "[1]");
    mproc_value *outer = NULL;
    ck_assert_int_eq(mproc_pack(&outer, "[OO{sO}]", v, shared, "k", v), 0);
    ck_assert_int_eq(mproc_value_extend(shared, "i", 2), 0);
    assert_repr(outer, "[[1, 2], [1, 2], {'k': [1, 2]}]");
    mproc_value_free(shared);
    mproc_value_free(v);
    mproc_value_free(outer);
}
END_TEST

START_TEST(pointers_and_connections_go_in_and_come_out)
{
    int here;
    void *pointer = NULL;
    mproc_conn *connection = NULL;
    mproc_value *v = NULL;
    ck_assert_int_eq(mproc_pack(&v, "PPC", &here, (void *)NULL, (mproc_conn *)(void *)&here), 0);
    ck_assert_int_eq(mproc_value_kind(mproc_value_item(v, 0)), MPROC_KIND_POINTER);
    ck_assert_int_eq(mproc_value_kind(mproc_value_item(v, 2)), MPROC_KIND_CONNECTION);
    void *null = &here;
    ck_assert_int_eq(mproc_unpack(v, "PPC", &pointer, &null, &connection), 0);
    ck_assert_ptr_eq(pointer, &here);
    ck_assert_ptr_null(null);
    ck_assert_ptr_eq((void *)connection, &here);
    ck_assert_int_eq(mproc_unpack(v, "CPC", &connection, &pointer, &connection), MPROC_EKIND);
    char *repr = NULL;
    ck_assert_int_eq(mproc_value_repr(v, &repr, NULL), 0);
    ck_assert_msg(strncmp(repr, "(<pointer 0x", 12) == 0 && strstr(repr, "<connection>"), "%s",
                  repr);
    mproc_free(repr);
    mproc_value_free(v);
}
END_TEST

static const struct {
    const char *format;
    int code;
    const char *text;
} pack_mistakes[] = {
    {"q", MPROC_EFORMAT, "letter 1 of \"q\""},
    {"(iq)", MPROC_EFORMAT, "letter 3"},
    {"  q", MPROC_EFORMAT, "letter 3"},
    {"(i", MPROC_EFORMAT, "letter 3"},
    {"[", MPROC_EFORMAT, "letter 2"},
    {"{", MPROC_EFORMAT, "letter 2"},
    {"[[]", MPROC_EFORMAT, "letter 4"},
    {")", MPROC_EFORMAT, "letter 1"},
    {"i)", MPROC_EFORMAT, "letter 2"},
    {"[i)", MPROC_EFORMAT, "letter 3"},
    {"(i]", MPROC_EFORMAT, "letter 3"},
    {"{ii)", MPROC_EFORMAT, "letter 4"},
    {"{i}", MPROC_EFORMAT, "key without value at letter 3"},
    {"{iii}", MPROC_EFORMAT, "key without value at letter 5"},
    {"{i", MPROC_EFORMAT, "letter 3"},
    {"#", MPROC_EFORMAT, "letter 1"},
    {"i#", MPROC_EFORMAT, "letter 2"},
    {"iy", MPROC_EFORMAT, "y without # at letter 2"},
    {"\xff", MPROC_EFORMAT, "letter 1"},
    {"{[]i}", MPROC_EUNHASHABLE, "letter 5"},
    {"{{}i}", MPROC_EUNHASHABLE, "letter 5"},
    {"{([])i}", MPROC_EUNHASHABLE, "letter 7"},
};

START_TEST(a_mistake_in_a_format_is_named_by_its_letter)
{
    for (size_t i = 0; i < COUNT(pack_mistakes); i++) {
        mproc_value *v = NULL;
        mproc_error err = MPROC_ERROR_INIT;
        int rc = mproc_pack_err(&v, &err, pack_mistakes[i].format, 1, 2, 3, 4);
        ck_assert_msg(rc == pack_mistakes[i].code, "%s: %d", pack_mistakes[i].format, rc);
        ck_assert_int_eq(err.code, rc);
        ck_assert_msg(strstr(err.text, pack_mistakes[i].text), "%s", err.text);
        ck_assert_ptr_null(v);
    }
}
END_TEST

START_TEST(a_mistake_in_an_argument_is_named_too)
{
    mproc_value *v = NULL;
    mproc_error err = MPROC_ERROR_INIT;
    ck_assert_int_eq(mproc_pack_err(&v, &err, "is", 1, (char *)NULL), -EINVAL);
    ck_assert_str_eq(err.text, "pack: NULL at letter 2 of \"is\"");
    ck_assert_int_eq(mproc_pack_err(&v, &err, "s#", (char *)NULL, (size_t)1), -EINVAL);
    ck_assert_int_eq(mproc_pack_err(&v, &err, "y#", (char *)NULL, (size_t)1), -EINVAL);
    ck_assert_int_eq(mproc_pack_err(&v, &err, "[O]", (mproc_value *)NULL), -EINVAL);
    ck_assert_ptr_nonnull(strstr(err.text, "letter 2"));
    ck_assert_int_eq(mproc_pack_err(&v, &err, "C", (mproc_conn *)NULL), -EINVAL);
    ck_assert_int_eq(mproc_pack_err(&v, &err, "iis", 1, 2, "\xc0\x80"), MPROC_EUTF8);
    ck_assert_ptr_nonnull(strstr(err.text, "letter 3"));
    ck_assert_int_eq(mproc_pack_err(&v, &err, NULL), MPROC_EFORMAT);
    ck_assert_int_eq(mproc_pack(&v, NULL), MPROC_EFORMAT);
    ck_assert_ptr_null(v);
    ck_assert_int_eq(mproc_pack_err(&v, &err, "i", 1), 0);
    ck_assert_int_eq(err.code, 0); /* cleared */
    mproc_value_free(v);
}
END_TEST

static void nest(char *format, size_t depth, char open, char close)
{
    memset(format, open, depth);
    memset(format + depth, close, depth);
    format[2 * depth] = '\0';
}

START_TEST(formats_nest_64_deep)
{
    char format[200];
    mproc_value *v = NULL;
    nest(format, 64, '[', ']');
    ck_assert_int_eq(mproc_pack(&v, format), 0);
    assert_repr(v, format);
    ck_assert_int_eq(mproc_unpack(v, format), 0);
    mproc_value_free(v);
    nest(format, 65, '[', ']');
    v = NULL;
    ck_assert_int_eq(mproc_pack(&v, format), MPROC_EFORMAT);
    ck_assert_ptr_null(v);
    v = parse(format);
    ck_assert_int_eq(mproc_unpack(v, format), MPROC_EFORMAT);
    mproc_value_free(v);
}
END_TEST

START_TEST(extend_adds_to_each_container_in_its_way)
{
    static const char *const cases[][2] = {{"[0]", "[0, 1, 2, 1]"},
                                           {"(0,)", "(0, 1, 2, 1)"},
                                           {"{0}", "{0, 1, 2}"},
                                           {"frozenset({0})", "frozenset({0, 1, 2})"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        mproc_value *v = parse(cases[i][0]);
        ck_assert_int_eq(mproc_value_extend(v, "i, i, i", 1, 2, 1), 0);
        assert_repr(v, cases[i][1]);
        mproc_value_free(v);
    }
    mproc_value *dict = parse("{0: 0}");
    ck_assert_int_eq(mproc_value_extend(dict, "sisi", "a", 1, "b", 2), 0);
    ck_assert_int_eq(mproc_value_extend(dict, "si", "a", 3), 0);
    ck_assert_int_eq(mproc_value_extend(dict, "sis", "c", 4, "d"), MPROC_EFORMAT);
    assert_repr(dict, "{0: 0, 'a': 3, 'b': 2, 'c': 4}");
    mproc_value_free(dict);
}
END_TEST

/* ---- unpack ---- */

START_TEST(each_letter_takes_what_it_gave)
{
    mproc_value *v = NULL;
    ck_assert_int_eq(mproc_pack(&v, "(iIlkLKnd?szs#y#)", -1, 2u, -3L, 4ul, -5LL, 6ull, (ssize_t)-7,
                                8.5, 1, "s", "z", "q\0q", (size_t)3, "y", (size_t)1),
                     0);
    int i = 0, truth = 0;
    unsigned u = 0;
    long l = 0;
    unsigned long ul = 0;
    long long ll = 0;
    unsigned long long ull = 0;
    ssize_t n = 0;
    double d = 0;
    const char *s = NULL, *z = NULL, *sized = NULL;
    const void *y = NULL;
    size_t len = 0, y_len = 0;
    ck_assert_int_eq(mproc_unpack(v, "(iIlkLKnd?szs#y#)", &i, &u, &l, &ul, &ll, &ull, &n, &d,
                                  &truth, &s, &z, &sized, &len, &y, &y_len),
                     0);
    ck_assert(i == -1 && u == 2 && l == -3 && ul == 4 && ll == -5 && ull == 6 && n == -7);
    ck_assert(d == 8.5 && truth == 1 && len == 3 && y_len == 1);
    ck_assert_str_eq(s, "s");
    ck_assert_str_eq(z, "z");
    ck_assert_mem_eq(sized, "q\0q", 4);
    ck_assert_mem_eq(y, "y", 2);
    mproc_value_free(v);
}
END_TEST

START_TEST(z_takes_none_and_texts_lie_in_the_tree)
{
    mproc_value *v = parse("(None, None, 'text', bytearray(b'b'))");
    const char *z = "";
    const char *sized = "";
    const char *text = NULL;
    const void *data = NULL;
    size_t none_len = 42;
    size_t len = 0;
    ck_assert_int_eq(mproc_unpack(v, "zz#sy#", &z, &sized, &none_len, &text, &data, &len), 0);
    ck_assert_ptr_null(z);
    ck_assert_ptr_null(sized);
    ck_assert_uint_eq(none_len, 0);
    ck_assert_ptr_eq(text, mproc_value_str(mproc_value_item(v, 2), NULL));
    ck_assert_ptr_eq(data, mproc_value_bytes(mproc_value_item(v, 3), NULL));
    mproc_value_free(v);
}
END_TEST

START_TEST(numbers_go_where_they_fit)
{
    mproc_value *v = parse("(True, 1, 2.5)");
    int a = 0, b = 0;
    double d = 0, e = 0, f = 0;
    ck_assert_int_eq(mproc_unpack(v, "iid", &a, &b, &d), 0);
    ck_assert(a == 1 && b == 1 && d == 2.5);
    ck_assert_int_eq(mproc_unpack(v, "ddd", &d, &e, &f), 0);
    ck_assert(d == 1 && e == 1 && f == 2.5);
    ck_assert_int_eq(mproc_unpack(v, "?id", &a, &b, &d), 0);
    ck_assert_int_eq(mproc_unpack(v, "??d", &a, &b, &d), MPROC_EKIND);
    ck_assert_int_eq(mproc_unpack(v, "iii", &a, &b, &b), MPROC_EKIND);
    mproc_value_free(v);
}
END_TEST

static const struct {
    const char *value;
    const char *format; /* of i, O, s, d, y#, ? only: all arguments are the same */
    int code;
    const char *text;
} unpack_mistakes[] = {
    {"'x'", "i", MPROC_EKIND, "unpack:: expected int, got str"},
    {"1", "s", MPROC_EKIND, "unpack:: expected str, got int"},
    {"None", "s", MPROC_EKIND, "expected str, got NoneType"},
    {"None", "y#", MPROC_EKIND, "expected bytes, got NoneType"},
    {"'x'", "y#", MPROC_EKIND, "expected bytes, got str"},
    {"b'x'", "s", MPROC_EKIND, "expected str, got bytes"},
    {"'x'", "d", MPROC_EKIND, "expected float, got str"},
    {"1j", "d", MPROC_EKIND, "expected float, got complex"},
    {"1", "?", MPROC_EKIND, "expected bool, got int"},
    {"1", "C", MPROC_EKIND, "expected connection, got int"},
    {"1", "P", MPROC_EKIND, "expected pointer, got int"},
    {"1", "()", MPROC_EKIND, "expected tuple or list, got int"},
    {"{1}", "(i)", MPROC_EKIND, "expected tuple or list, got set"},
    {"[1]", "{}", MPROC_EKIND, "expected dict, got list"},
    {"1", "ii", MPROC_EKIND, "expected tuple or list, got int"},
    {"(1,)", "ii", MPROC_EKIND, "unpack: item 1: no such item"},
    {"(1, 2, 3)", "ii", MPROC_EKIND, "more items than the format has"},
    {"[[], 2]", "(()())", MPROC_EKIND, "unpack: item 1: expected tuple or list, got int"},
    {"[0, [1, [2, 's']]]", "(i(i(ii)))", MPROC_EKIND, "unpack: item 1.1.1: expected int, got str"},
    {"[0, [1, [2]]]", "(i(i(ii)))", MPROC_EKIND, "unpack: item 1.1.1: no such item"},
    {"[0, (1, 2)]", "(i(i))", MPROC_EKIND, "unpack: item 1: more items"},
    {"2147483648", "i", -ERANGE, "unpack:: int out of range"},
    {"(0, -2147483649)", "ii", -ERANGE, "unpack: item 1: int out of range"},
    {"99999999999999999999", "i", -ERANGE, "int out of range"},
    {"-1", "I", -ERANGE, "int out of range"},
    {"4294967296", "I", -ERANGE, "int out of range"},
    {"18446744073709551616", "K", -ERANGE, "int out of range"},
    {"-1", "K", -ERANGE, "int out of range"},
    {"9223372036854775808", "L", -ERANGE, "int out of range"},
    {"-9223372036854775809", "n", -ERANGE, "int out of range"},
    {"'a\\0'", "s", -ERANGE, "text with a NUL"},
    {"['a\\0']", "[z]", -ERANGE, "item 0: text with a NUL"},
    {"1", "q", MPROC_EFORMAT, "unknown letter"},
    {"[1]", "(i", MPROC_EFORMAT, "missing bracket"},
    {"[1]", "[i)", MPROC_EKIND, "no such item"},
    {"1", "i)", MPROC_EFORMAT, "stray bracket"},
    {"b'x'", "y", MPROC_EFORMAT, "y without #"},
    {"{1: 2}", "{ii}", MPROC_EFORMAT, "a key is written s"},
    {"{}", "{s}", MPROC_EFORMAT, "key without value"},
    {"{}", "{s", MPROC_EFORMAT, "key without value"},
    {"{}", "{", MPROC_EFORMAT, "a key is written s"},
    {"None", "", MPROC_EKIND, "expected tuple or list, got NoneType"},
};

/* More arguments than any of the formats reads. */
static int unpack_words(const mproc_value *v, mproc_error *err, const char *format, uint64_t *words)
{
    return mproc_unpack_err(v, err, format, &words[0], &words[1], &words[2], &words[3], &words[4]);
}

START_TEST(what_does_not_fit_is_named_by_its_place)
{
    for (size_t i = 0; i < COUNT(unpack_mistakes); i++) {
        mproc_value *v = parse(unpack_mistakes[i].value);
        mproc_error err = MPROC_ERROR_INIT;
        uint64_t words[5] = {1, 2, 3, 4, 5};
        int rc = unpack_words(v, &err, unpack_mistakes[i].format, words);
        ck_assert_msg(rc == unpack_mistakes[i].code, "%s of %s: %d %s", unpack_mistakes[i].format,
                      unpack_mistakes[i].value, rc, err.text);
        ck_assert_int_eq(err.code, rc);
        ck_assert_msg(strstr(err.text, unpack_mistakes[i].text), "%s of %s: %s",
                      unpack_mistakes[i].format, unpack_mistakes[i].value, err.text);
        for (uint64_t k = 0; k < COUNT(words); k++) /* nothing stored */
            ck_assert_uint_eq(words[k], k + 1);
        mproc_value_free(v);
    }
}
END_TEST

START_TEST(dicts_are_taken_apart_by_their_keys)
{
    mproc_value *v = parse("{'a': 1, 'b': {'c': [2, 'x']}, 'n': None, 1: 'one'}");
    int a = 0;
    int two = 0;
    const char *x = NULL;
    const mproc_value *n = NULL;
    mproc_error err;
    ck_assert_int_eq(mproc_unpack(v, "{s:{s:[is]}, s:i}", "b", "c", &two, &x, "a", &a), 0);
    ck_assert(a == 1 && two == 2);
    ck_assert_str_eq(x, "x");
    ck_assert_int_eq(mproc_unpack(v, "{sO}", "n", &n), 0);
    ck_assert_int_eq(mproc_value_kind(n), MPROC_KIND_NONE);
    ck_assert_int_eq(mproc_unpack(v, "{}"), 0); /* what is not asked for does not matter */
    a = 42;
    ck_assert_int_eq(mproc_unpack_err(v, &err, "{sisi}", "a", &a, "no", &a), -ENOENT);
    ck_assert_str_eq(err.text, "unpack: item 1: no such key");
    ck_assert_int_eq(mproc_unpack_err(v, &err, "{s{s[ii]}}", "b", "c", &a, &a), MPROC_EKIND);
    ck_assert_str_eq(err.text, "unpack: item 0.0.1: expected int, got str");
    ck_assert_int_eq(a, 42);
    mproc_value_free(v);
}
END_TEST

START_TEST(unpack_wants_a_value_and_a_format)
{
    mproc_value *v = new_int(1);
    mproc_error err;
    int i;
    ck_assert_int_eq(mproc_unpack(NULL, "i", &i), -EINVAL);
    ck_assert_int_eq(mproc_unpack_err(v, &err, NULL, &i), -EINVAL);
    ck_assert_int_eq(err.code, -EINVAL);
    ck_assert_int_eq(mproc_unpack_err(v, &err, "i", &i), 0);
    ck_assert_int_eq(err.code, 0);
    mproc_value_free(v);
    v = parse("()");
    ck_assert_int_eq(mproc_unpack(v, ""), 0);
    mproc_value_free(v);
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("value_pack");
    TCase *tc = mp_case(suite, "value_pack", 20);
    tcase_add_test(tc, each_letter_of_a_number_has_its_range);
    tcase_add_test(tc, each_letter_of_a_text_has_its_length);
    tcase_add_test(tc, brackets_and_blanks_are_as_in_py_build_value);
    tcase_add_test(tc, references_are_taken_over_and_kept);
    tcase_add_test(tc, pointers_and_connections_go_in_and_come_out);
    tcase_add_test(tc, a_mistake_in_a_format_is_named_by_its_letter);
    tcase_add_test(tc, a_mistake_in_an_argument_is_named_too);
    tcase_add_test(tc, formats_nest_64_deep);
    tcase_add_test(tc, extend_adds_to_each_container_in_its_way);
    tcase_add_test(tc, each_letter_takes_what_it_gave);
    tcase_add_test(tc, z_takes_none_and_texts_lie_in_the_tree);
    tcase_add_test(tc, numbers_go_where_they_fit);
    tcase_add_test(tc, what_does_not_fit_is_named_by_its_place);
    tcase_add_test(tc, dicts_are_taken_apart_by_their_keys);
    tcase_add_test(tc, unpack_wants_a_value_and_a_format);
    return suite;
}
