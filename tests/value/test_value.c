/* SPDX-License-Identifier: MIT */
/* Values: building, reading, pack and unpack, repr, equality, literals. */
#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <mproc/value.h>

#include "support/suite.h"
#include "value/text.h"

static void assert_repr(const mproc_value *v, const char *expected)
{
    char *repr = NULL;
    size_t len = 0;
    ck_assert_int_eq(mproc_value_repr(v, &repr, &len), 0);
    ck_assert_str_eq(repr, expected);
    ck_assert_uint_eq(len, strlen(expected));
    mproc_free(repr);
}

static mproc_value *parse(const char *text)
{
    mproc_value *v = NULL;
    mproc_error err;
    int rc = mproc_value_parse(&v, text, SIZE_MAX, &err);
    ck_assert_msg(rc == 0, "%s: %s", text, err.text);
    return v;
}

static int parse_code(const char *text)
{
    mproc_value *v = NULL;
    mproc_error err = MPROC_ERROR_INIT;
    int rc = mproc_value_parse(&v, text, SIZE_MAX, &err);
    if (rc < 0)
        ck_assert_msg(strstr(err.text, "offset"), "%s: %s", text, err.text);
    mproc_value_free(v);
    return rc;
}

static int equal(const char *a, const char *b)
{
    mproc_value *va = parse(a);
    mproc_value *vb = parse(b);
    int rc = mproc_value_equal(va, vb);
    ck_assert_int_eq(mproc_value_equal(vb, va), rc);
    mproc_value_free(va);
    mproc_value_free(vb);
    return rc;
}

START_TEST(pack_builds_what_its_letters_say)
{
    mproc_value *v = NULL;
    ck_assert_int_eq(mproc_pack(&v, "(i I l k L K n)", INT_MIN, UINT_MAX, LONG_MIN, ULONG_MAX,
                                LLONG_MIN, ULLONG_MAX, (ssize_t)-1),
                     0);
    assert_repr(v, "(-2147483648, 4294967295, -9223372036854775808, 18446744073709551615, "
                   "-9223372036854775808, 18446744073709551615, -1)");
    mproc_value_free(v);
    ck_assert_int_eq(mproc_pack(&v, "[d?s z z s# y#]", 1.5, 1, "a'b", (char *)NULL, "z", "x\0y",
                                (size_t)3, "\xff", (size_t)1),
                     0);
    assert_repr(v, "[1.5, True, \"a'b\", None, 'z', 'x\\x00y', b'\\xff']");
    mproc_value_free(v);
    ck_assert_int_eq(mproc_pack(&v, "{s:i, s:{}, i:[()]}", "a", 1, "b", 2), 0);
    assert_repr(v, "{'a': 1, 'b': {}, 2: [()]}");
    mproc_value_free(v);
    ck_assert_int_eq(mproc_pack(&v, ""), 0);
    assert_repr(v, "None");
    mproc_value_free(v);
    ck_assert_int_eq(mproc_pack(&v, "ii", 1, 2), 0);
    assert_repr(v, "(1, 2)");
    mproc_value_free(v);
}
END_TEST

START_TEST(pack_names_the_letter_that_is_wrong)
{
    mproc_value *v = NULL;
    mproc_error err;
    ck_assert_int_eq(mproc_pack_err(&v, &err, "(iq)", 1), MPROC_EFORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "letter 3"));
    ck_assert_int_eq(mproc_pack(&v, "(i", 1), MPROC_EFORMAT);
    ck_assert_int_eq(mproc_pack(&v, "i)", 1), MPROC_EFORMAT);
    ck_assert_int_eq(mproc_pack(&v, "[i)", 1), MPROC_EFORMAT);
    ck_assert_int_eq(mproc_pack(&v, "{i}", 1), MPROC_EFORMAT);
    ck_assert_int_eq(mproc_pack(&v, "y", "x"), MPROC_EFORMAT);
    ck_assert_int_eq(mproc_pack(&v, "s", (char *)NULL), -EINVAL);
    ck_assert_int_eq(mproc_pack(&v, "s", "\xff"), MPROC_EUTF8);
    ck_assert_int_eq(mproc_pack(&v, "{[]i}", 1), MPROC_EUNHASHABLE);
    ck_assert_ptr_null(v);
}
END_TEST

START_TEST(pack_gives_back_what_it_took_when_it_fails)
{
    mproc_value *inner = parse("[1, 2]");
    mproc_value *v = NULL;
    ck_assert_int_eq(mproc_pack(&v, "(Oq)", inner), MPROC_EFORMAT);
    assert_repr(inner, "[1, 2]");
    ck_assert_int_eq(mproc_pack(&v, "(OO)", inner, inner), 0);
    assert_repr(v, "([1, 2], [1, 2])");
    mproc_value_free(inner); /* no root any more: left alone */
    ck_assert_int_eq(mproc_value_extend(inner, "i", 3), 0);
    assert_repr(v, "([1, 2, 3], [1, 2, 3])");
    mproc_value_free(v);
}
END_TEST

START_TEST(unpack_stores_all_or_nothing)
{
    mproc_value *v = parse("(7, 'name', [1.5, None], {'k': True}, b'xy')");
    int i = 0;
    const char *s = NULL;
    double d = 0;
    const char *z = "";
    int truth = 0;
    const void *data = NULL;
    size_t len = 0;
    ck_assert_int_eq(mproc_unpack(v, "(is[dz]{s?}y#)", &i, &s, &d, &z, "k", &truth, &data, &len),
                     0);
    ck_assert(i == 7 && strcmp(s, "name") == 0 && d == 1.5 && !z && truth == 1 && len == 2);
    ck_assert_mem_eq(data, "xy", 3);

    int untouched = 42;
    mproc_error err;
    const mproc_value *any = NULL;
    ck_assert_int_eq(mproc_unpack_err(v, &err, "(is[di]OO)", &untouched, &s, &d, &i, &any, &any),
                     MPROC_EKIND);
    ck_assert_str_eq(err.text, "unpack: item 2.1: expected int, got NoneType");
    ck_assert_int_eq(untouched, 42);
    ck_assert_int_eq(mproc_unpack(v, "(isOO)", &i, &s, &any, &any), MPROC_EKIND);
    ck_assert_int_eq(mproc_unpack(v, "(isO{s?}O)", &i, &s, &any, "no", &truth, &any), -ENOENT);
    ck_assert_int_eq(mproc_unpack(v, "(is", &i, &s), MPROC_EFORMAT);
    ck_assert_int_eq(mproc_unpack(v, "i", &i), MPROC_EKIND);
    mproc_value_free(v);
}
END_TEST

START_TEST(unpack_checks_ranges)
{
    static const struct {
        const char *text;
        int as_int, as_uint64, as_int64;
    } cases[] = {{"2147483647", 0, 0, 0},
                 {"2147483648", -ERANGE, 0, 0},
                 {"-1", 0, -ERANGE, 0},
                 {"9223372036854775808", -ERANGE, 0, -ERANGE},
                 {"18446744073709551615", -ERANGE, 0, -ERANGE},
                 {"18446744073709551616", -ERANGE, -ERANGE, -ERANGE},
                 {"-9223372036854775808", -ERANGE, -ERANGE, 0},
                 {"-9223372036854775809", -ERANGE, -ERANGE, -ERANGE}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mproc_value *v = parse(cases[i].text);
        int number;
        unsigned long long u;
        int64_t n;
        ck_assert_int_eq(mproc_unpack(v, "i", &number), cases[i].as_int);
        ck_assert_int_eq(mproc_unpack(v, "K", &u), cases[i].as_uint64);
        ck_assert_int_eq(mproc_value_int64(v, &n), cases[i].as_int64);
        assert_repr(v, cases[i].text);
        mproc_value_free(v);
    }
    mproc_value *nul = parse("'a\\0b'");
    const char *s;
    size_t len;
    ck_assert_int_eq(mproc_unpack(nul, "s", &s), -ERANGE);
    ck_assert_int_eq(mproc_unpack(nul, "s#", &s, &len), 0);
    ck_assert_uint_eq(len, 3);
    mproc_value_free(nul);
}
END_TEST

START_TEST(integers_of_any_size_keep_their_bytes)
{
    static const unsigned char minus_2_64[] = {0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff};
    mproc_value *v = NULL;
    ck_assert_int_eq(mproc_value_new_bigint(&v, minus_2_64, sizeof minus_2_64), 0);
    assert_repr(v, "-18446744073709551616");
    unsigned char back[12];
    ck_assert_int_eq(mproc_value_bigint(v, NULL, 0), 9);
    ck_assert_int_eq(mproc_value_bigint(v, back, 8), -ERANGE);
    ck_assert_int_eq(mproc_value_bigint(v, back, sizeof back), 9);
    ck_assert_mem_eq(back, minus_2_64, sizeof minus_2_64);
    double d = 0;
    ck_assert_int_eq(mproc_value_float(v, &d), 0);
    ck_assert(d == -18446744073709551616.0);
    mproc_value_free(v);
    v = parse("0x1"
              "00000000000000000000000000000000000000000000000000000000000000000000000000000"
              "00000000000000000000000000000000000000000000000000000000000000000000000000000000000"
              "00000000000000000000000000000000000000000000000000000000000000000000000000000000000"
              "000000000000000000000000");
    ck_assert_int_eq(mproc_value_float(v, &d), -ERANGE);
    mproc_value_free(v);
}
END_TEST

START_TEST(values_compare_as_in_python)
{
    ck_assert_int_eq(equal("1", "1.0"), 1);
    ck_assert_int_eq(equal("True", "1"), 1);
    ck_assert_int_eq(equal("1", "(1+0j)"), 1);
    ck_assert_int_eq(equal("9007199254740993", "9007199254740992.0"), 0);
    ck_assert_int_eq(equal("1e30", "1000000000000000019884624838656"), 1);
    ck_assert_int_eq(equal("-1e30", "-1000000000000000019884624838656"), 1);
    ck_assert_int_eq(equal("nan", "nan"), 0);
    ck_assert_int_eq(equal("'a'", "b'a'"), 0);
    ck_assert_int_eq(equal("b'a'", "bytearray(b'a')"), 1);
    ck_assert_int_eq(equal("(1,)", "[1]"), 0);
    ck_assert_int_eq(equal("{1, 2}", "frozenset({2, 1})"), 1);
    ck_assert_int_eq(equal("{1: 'a', 2: 'b'}", "{2: 'b', 1.0: 'a'}"), 1);
    ck_assert_int_eq(equal("{1: 'a', 2: 'b'}", "{2: 'b', 1: 'c'}"), 0);
    ck_assert_int_eq(equal("{(1, frozenset({2})): 0, 3: 1}", "{3: 1, (True, frozenset({2.0})): 0}"),
                     1);
    ck_assert_int_eq(equal("None", "0"), 0);
}
END_TEST

START_TEST(a_dict_finds_its_keys_by_value)
{
    mproc_value *dict = NULL;
    ck_assert_int_eq(mproc_value_new(&dict, MPROC_KIND_DICT), 0);
    for (int i = 0; i < 5000; i++)
        ck_assert_int_eq(mproc_value_extend(dict, "ii", i, -i), 0);
    ck_assert_int_eq(mproc_value_extend(dict, "ds", 7.0, "seven"), 0);
    ck_assert_uint_eq(mproc_value_length(dict), 5000);
    mproc_value *key = parse("True");
    int64_t n = 0;
    ck_assert_int_eq(mproc_value_int64(mproc_value_get(dict, key), &n), 0);
    ck_assert_int_eq(n, -1);
    mproc_value_free(key);
    key = parse("7");
    ck_assert_str_eq(mproc_value_str(mproc_value_get(dict, key), NULL), "seven");
    const mproc_value *first = NULL;
    ck_assert_int_eq(mproc_value_entry(dict, 7, &first, NULL), 1);
    ck_assert_int_eq(mproc_value_kind(first), MPROC_KIND_INT);
    ck_assert_int_eq(mproc_value_entry(dict, 5000, &first, NULL), 0);
    mproc_value_free(key);
    key = parse("(1, [])");
    ck_assert_ptr_null(mproc_value_get(dict, key));
    ck_assert_int_eq(mproc_value_set(dict, key, key), MPROC_EUNHASHABLE);
    mproc_value_free(key);
    ck_assert_ptr_null(mproc_value_get_str(dict, "no"));
    mproc_value_free(dict);
}
END_TEST

START_TEST(a_key_cannot_be_changed)
{
    mproc_value *dict = parse("{}");
    mproc_value *key = parse("(1, 2)");
    mproc_value *one = parse("1");
    ck_assert_int_eq(mproc_value_set(dict, key, one), 0);
    ck_assert_int_eq(mproc_value_extend(key, "i", 3), -EPERM);
    assert_repr(dict, "{(1, 2): 1}");
    mproc_value_free(dict);
}
END_TEST

START_TEST(objects_are_built_and_read)
{
    mproc_value *class_ = NULL;
    mproc_value *v = NULL;
    ck_assert_int_eq(mproc_value_new_global(&class_, "collections", "OrderedDict"), 0);
    ck_assert_int_eq(mproc_value_new_object(&v, MPROC_CALL, class_, NULL, NULL), 0);
    ck_assert_int_eq(mproc_value_set(v, parse("'a'"), parse("1")), 0);
    ck_assert_int_eq(mproc_value_append(v, parse("2")), 0);
    ck_assert_int_eq(mproc_value_set_state(v, parse("{'x': 3}")), 0);
    assert_repr(v, "<collections.OrderedDict() state={'x': 3} list=[2] dict={'a': 1}>");
    ck_assert_uint_eq(mproc_value_length(v), 1);
    const mproc_value *key = NULL;
    ck_assert_int_eq(mproc_value_entry(v, 0, &key, NULL), 1);
    ck_assert_str_eq(mproc_value_str(key, NULL), "a");
    mproc_value *copy = NULL;
    ck_assert_int_eq(mproc_value_copy(&copy, v), 0);
    ck_assert_int_eq(mproc_value_equal(v, copy), 1);
    mproc_value_free(copy);
    mproc_value_free(v);
}
END_TEST

START_TEST(trees_taken_over_by_trees_are_freed_together)
{
    mproc_value *v = parse("0");
    for (int i = 0; i < 20000; i++) {
        mproc_value *outer = NULL;
        ck_assert_int_eq(mproc_value_new(&outer, MPROC_KIND_LIST), 0);
        ck_assert_int_eq(mproc_value_append(outer, v), 0);
        v = outer;
    }
    mproc_value *copy = NULL;
    ck_assert_int_eq(mproc_value_copy(&copy, v), 0);
    ck_assert_int_eq(mproc_value_equal(v, copy), 1);
    mproc_value_free(v);
    mproc_value_free(copy);
}
END_TEST

START_TEST(values_of_another_tree_are_copied_in)
{
    mproc_value *from = parse("['text', [1], (2+3j), 99999999999999999999]");
    mproc_value *to = parse("[]");
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(mproc_value_append(to, mproc_value_item_mut(from, i)), 0);
    mproc_value_free(from);
    assert_repr(to, "['text', [1], (2+3j), 99999999999999999999]");
    mproc_value_free(to);
}
END_TEST

START_TEST(floats_are_written_shortest)
{
    static const char *const same[] = {"0.0",
                                       "-0.0",
                                       "0.1",
                                       "1e+16",
                                       "1000000000000000.0",
                                       "1e-05",
                                       "0.0001",
                                       "5e-324",
                                       "1e+22",
                                       "1.7976931348623157e+308",
                                       "2.2250738585072014e-308",
                                       "1e+100",
                                       "123.456",
                                       "inf",
                                       "-inf",
                                       "5.684341886080802e-14",
                                       "9007199254740992.0",
                                       "(1.5-2j)",
                                       "2j",
                                       "(-0-0j)",
                                       "(inf+nanj)",
                                       "(1e+16+1e-05j)",
                                       "-5j"};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        mproc_value *v = parse(same[i]);
        assert_repr(v, same[i]);
        mproc_value_free(v);
    }
}
END_TEST

START_TEST(the_locale_does_not_matter)
{
    static const char *const locales[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "ps_AF.UTF-8"};
    for (size_t i = 0; i < sizeof locales / sizeof locales[0]; i++) {
        setlocale(LC_ALL, locales[i]); /* where it is installed */
        mproc_value *v = parse("[1.5, 1e+300]");
        assert_repr(v, "[1.5, 1e+300]");
        mproc_value_free(v);
    }
    setlocale(LC_ALL, "C");
}
END_TEST

START_TEST(literals_of_every_form_are_read)
{
    static const char *const cases[][2] = {
        {" [ 1 , 2, ] # comment", "[1, 2]"},
        {"1,", "(1,)"},
        {"1, 'a'", "(1, 'a')"},
        {"()", "()"},
        {"((1))", "1"},
        {"0x_ff, 0b101, 0o17, 1_000, 00", "(255, 5, 15, 1000, 0)"},
        {"- 5, + 6", "(-5, 6)"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"1., .5, 1e3, 1_0.5e-1_0, 3J", "(1.0, 0.5, 1000.0, 1.05e-09, 3j)"},
        {"'a' \"b\" '''c\nd'''", "'abc\\nd'"},
        {"Rb'\\x' b'\\x41'", "b'\\\\xA'"},
        {"u'\\u00e9\\U0001f600\\101\\q\\\n'", "'\xc3\xa9\xf0\x9f\x98\x80"
                                              "A\\\\q'"},
        {"'\\udc80'", "'\\udc80'"},
        {"{}", "{}"},
        {"{1, 1.0, True}", "{1}"},
        {"{'a': 1, 'a': 2}", "{'a': 2}"},
        {"set()", "set()"},
        {"frozenset({1})", "frozenset({1})"},
        {"frozenset()", "frozenset()"},
        {"bytearray(b'a')", "bytearray(b'a')"},
        {"[None, True, False]", "[None, True, False]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mproc_value *v = parse(cases[i][0]);
        assert_repr(v, cases[i][1]);
        mproc_value_free(v);
    }
}
END_TEST

START_TEST(what_is_no_literal_is_refused_with_an_offset)
{
    static const char *const bad[] = {
        "",         "[",      "[1",          "[1 2]",       "1 2",      "(,)",   "{1: }",
        "{1, 2:3}", "'a",     "'a\n'",       "b'\xc3\xa9'", "'a' b'b'", "1 + 2", "1j + 2j",
        "0x",       "012",    "1__0",        "1_",          "abc",      "None1", "f'x'",
        "set(1)",   "'\\x4'", "'\\N{DASH}'", "1e",          "ur'x'",    "-'a'"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(parse_code(bad[i]) == MPROC_ELITERAL, "%s", bad[i]);
    ck_assert_int_eq(parse_code("{[]: 1}"), MPROC_EUNHASHABLE);
    ck_assert_int_eq(parse_code("'\xff'"), MPROC_EUTF8);
    char deep[5001];
    memset(deep, '[', 5000);
    deep[5000] = '\0';
    ck_assert_int_eq(parse_code(deep), MPROC_ELIMIT);
    memset(deep, '1', 5000);
    ck_assert_int_eq(parse_code(deep), MPROC_ELIMIT);
    deep[4300] = '\0';
    mproc_value *v = parse(deep);
    assert_repr(v, deep);
    mproc_value_free(v);
}
END_TEST

/* Two equal keys whose parts refer to each other twice at each level: 2^60 paths, 60 nodes. */
static mproc_value *laughing_key(void)
{
    mproc_value *v = parse("(1,)");
    for (int i = 0; i < 60; i++) {
        mproc_value *outer = NULL;
        ck_assert_int_eq(mproc_pack(&outer, "(OO)", v, v), 0);
        v = outer;
    }
    return v;
}

START_TEST(references_do_not_multiply_the_work)
{
    mproc_value *set = parse("set()");
    mproc_value *a = laughing_key();
    mproc_value *b = laughing_key();
    ck_assert_int_eq(mproc_value_equal(a, b), 1);
    ck_assert_int_eq(mproc_value_append(set, a), 0);
    ck_assert_int_eq(mproc_value_append(set, b), 0);
    ck_assert_uint_eq(mproc_value_length(set), 1);
    mproc_value *copy = NULL;
    ck_assert_int_eq(mproc_value_copy(&copy, set), 0);
    ck_assert_int_eq(mproc_value_equal(set, copy), 1);
    void *data = NULL;
    size_t len = 0;
    ck_assert_int_eq(mproc_value_pickle(copy, &data, &len, NULL, NULL), 0);
    ck_assert_uint_lt(len, 1000);
    mproc_free(data);
    mproc_value_free(copy);
    mproc_value_free(set);
}
END_TEST

START_TEST(wrong_kinds_are_refused)
{
    mproc_value *v = parse("1");
    mproc_value *other = parse("2");
    double d;
    ck_assert_int_eq(mproc_value_append(v, other), MPROC_EKIND);
    ck_assert_int_eq(mproc_value_set(v, other, other), MPROC_EKIND);
    ck_assert_int_eq(mproc_value_bool(v), MPROC_EKIND);
    ck_assert_ptr_null(mproc_value_str(v, NULL));
    ck_assert_ptr_null(mproc_value_bytes(v, NULL));
    ck_assert_ptr_null(mproc_value_item(v, 0));
    ck_assert_ptr_null(mproc_value_get(v, other));
    ck_assert_ptr_null(mproc_value_module(v));
    ck_assert_int_eq(mproc_value_construct(v), MPROC_EKIND);
    ck_assert_int_eq(mproc_value_float(NULL, &d), MPROC_EKIND);
    ck_assert_int_eq(mproc_value_append_bytes(v, "x", 1), MPROC_EKIND);
    ck_assert_str_eq(mproc_kind_name(mproc_value_kind(v)), "int");
    ck_assert_str_eq(mproc_kind_name((mproc_kind)99), "?");
    mproc_value_free(v);
    mproc_value_free(other);
    mproc_value_free(NULL);
}
END_TEST

START_TEST(null_for_what_is_needed_is_invalid)
{
    mproc_value *v = NULL;
    mproc_error err;
    void *data;
    size_t len;
    int made[] = {
        mproc_value_new(NULL, MPROC_KIND_LIST),
        mproc_value_new_bool(NULL, 1),
        mproc_value_new_int64(NULL, 1),
        mproc_value_new_uint64(NULL, UINT64_MAX),
        mproc_value_new_float(NULL, 1),
        mproc_value_new_complex(NULL, 1, 2),
        mproc_value_new_bigint(NULL, "x", 1),
        mproc_value_new_bigint(&v, NULL, 1),
        mproc_value_new_str(NULL, "x", 1),
        mproc_value_new_str(&v, NULL, 1),
        mproc_value_new_bytes(NULL, "x", 1),
        mproc_value_new_bytes(&v, NULL, 1),
        mproc_value_new_bytearray(NULL, "x", 1),
        mproc_value_new_bytearray(&v, NULL, 1),
        mproc_value_new_global(NULL, "m", "n"),
        mproc_value_new_global(&v, NULL, "n"),
        mproc_value_new_global(&v, "m", NULL),
        mproc_value_copy(NULL, NULL),
        mproc_value_repr(NULL, NULL, NULL),
        mproc_value_parse(NULL, "1", 1, NULL),
        mproc_value_pickle(NULL, NULL, &len, NULL, NULL),
        mproc_value_pickle(NULL, &data, NULL, NULL, NULL),
        mproc_value_unpickle(NULL, "N.", 2, NULL, NULL),
        mproc_value_unpickle(&v, NULL, 2, NULL, &err),
        mproc_pack(NULL, "i", 1),
    };
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++)
        ck_assert_msg(made[i] == -EINVAL, "%zu: %d", i, made[i]);
    ck_assert_int_eq(err.code, -EINVAL);
    ck_assert_ptr_null(v);
}
END_TEST

START_TEST(null_changes_no_value)
{
    mproc_value *one = parse("1");
    mproc_value *list = parse("[1]");
    mproc_value *bytes = parse("bytearray(b'a')");
    mproc_value *name = NULL;
    ck_assert_int_eq(mproc_value_new_global(&name, "m", "n"), 0);
    ck_assert_int_eq(mproc_value_int64(one, NULL), -EINVAL);
    ck_assert_int_eq(mproc_value_uint64(one, NULL), -EINVAL);
    ck_assert_int_eq(mproc_value_float(one, NULL), -EINVAL);
    ck_assert_int_eq(mproc_value_append_new(list, MPROC_KIND_LIST, NULL), -EINVAL);
    ck_assert_int_eq(mproc_value_append_bytes(bytes, NULL, 1), -EINVAL);
    ck_assert_int_eq(mproc_value_new_object(NULL, MPROC_CALL, name, NULL, NULL), -EINVAL);
    ck_assert_int_eq(mproc_pack(NULL, "(OO)", list, name), -EINVAL);
    assert_repr(list, "[1]"); /* still ours */
    assert_repr(bytes, "bytearray(b'a')");
    mproc_value_free(one);
    mproc_value_free(list);
    mproc_value_free(bytes);
    mproc_value_free(name);
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("value");
    TCase *tc = mp_case(suite, "value", 20);
    tcase_add_test(tc, pack_builds_what_its_letters_say);
    tcase_add_test(tc, pack_names_the_letter_that_is_wrong);
    tcase_add_test(tc, pack_gives_back_what_it_took_when_it_fails);
    tcase_add_test(tc, unpack_stores_all_or_nothing);
    tcase_add_test(tc, unpack_checks_ranges);
    tcase_add_test(tc, integers_of_any_size_keep_their_bytes);
    tcase_add_test(tc, values_compare_as_in_python);
    tcase_add_test(tc, a_dict_finds_its_keys_by_value);
    tcase_add_test(tc, a_key_cannot_be_changed);
    tcase_add_test(tc, objects_are_built_and_read);
    tcase_add_test(tc, trees_taken_over_by_trees_are_freed_together);
    tcase_add_test(tc, values_of_another_tree_are_copied_in);
    tcase_add_test(tc, floats_are_written_shortest);
    tcase_add_test(tc, the_locale_does_not_matter);
    tcase_add_test(tc, literals_of_every_form_are_read);
    tcase_add_test(tc, what_is_no_literal_is_refused_with_an_offset);
    tcase_add_test(tc, references_do_not_multiply_the_work);
    tcase_add_test(tc, wrong_kinds_are_refused);
    tcase_add_test(tc, null_for_what_is_needed_is_invalid);
    tcase_add_test(tc, null_changes_no_value);
    return suite;
}
