/* SPDX-License-Identifier: MIT */
/* Dicts and sets: which keys are one, in which order, how much work it is; ==; deep copies. */
#include <math.h>

#include "value/container.h"
#include "value/help.h"

/* Enough other keys for the table to have an index. */
static mproc_value *crowded(mproc_kind kind, int others)
{
    mproc_value *v = new_of(kind);
    for (int i = 0; i < others; i++) {
        char name[16];
        snprintf(name, sizeof name, "other%d", i);
        ck_assert_int_eq(kind == MPROC_KIND_DICT ? mproc_value_extend(v, "si", name, i)
                                                 : mproc_value_extend(v, "s", name),
                         0);
    }
    return v;
}

static const char *const one_key[][3] = {
    {"1", "1.0", "True"},
    {"0", "-0.0", "False"},
    {"0", "0j", "0.0"},
    {"1.5", "(1.5+0j)", "1.5"},
    {"(-0.0+1j)", "1j", "(0.0+1j)"},
    {"9007199254740992", "9007199254740992.0", "(9007199254740992+0j)"},
    {"18446744073709551616", "18446744073709551616.0", "(18446744073709551616.0+0j)"},
    {"-18446744073709551616", "-18446744073709551616.0", "-18446744073709551616"},
    {"1e300",
     "10000000000000000525047602552044202487044685811081591549158541155118024579889081"
     "95786371375080447864043704443832883878176942523235360430575644792184786706982848"
     "38720092657580373783023379478809005936895323497079994508111903896764088007465274"
     "2780142494579258788820056842838115669472196386865459400540160",
     "1e300"},
    {"inf", "1e400", "inf"},
    {"(1, 2)", "(1.0, 2.0)", "(True, 2)"},
    {"frozenset({1, 2})", "frozenset({2, 1})", "frozenset({2.0, True})"},
    {"(frozenset({(1,)}),)", "(frozenset({(1.0,)}),)", "(frozenset({(True,)}),)"},
    {"''", "''", "''"},
    {"None", "None", "None"},
    {"()", "()", "()"},
};

static void check_one_key(const char *const texts[3], int others)
{
    mproc_value *dict = crowded(MPROC_KIND_DICT, others);
    mproc_value *set = crowded(MPROC_KIND_SET, others);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(mproc_value_set(dict, parse(texts[i]), new_int(i)), 0);
        ck_assert_int_eq(mproc_value_append(set, parse(texts[i])), 0);
    }
    ck_assert_msg(mproc_value_length(dict) == (size_t)others + 1, "%s", texts[0]);
    ck_assert_uint_eq(mproc_value_length(set), (size_t)others + 1);
    for (int i = 0; i < 3; i++) {
        mproc_value *key = parse(texts[i]);
        int64_t number = 42;
        ck_assert_int_eq(mproc_value_int64(mproc_value_get(dict, key), &number), 0);
        ck_assert_int_eq(number, 2); /* the last value */
        ck_assert_ptr_eq(mproc_value_get(set, key), mproc_value_item(set, (size_t)others));
        mproc_value_free(key);
    }
    mproc_value *first = parse(texts[0]); /* the first key stays */
    char *repr = NULL;
    ck_assert_int_eq(mproc_value_repr(first, &repr, NULL), 0);
    assert_repr(mproc_value_item(dict, (size_t)others), repr);
    mproc_free(repr);
    mproc_value_free(first);
    mproc_value_free(dict);
    mproc_value_free(set);
}

START_TEST(equal_keys_are_one_key)
{
    for (size_t i = 0; i < COUNT(one_key); i++) {
        check_one_key(one_key[i], 0);
        check_one_key(one_key[i], 7);
        check_one_key(one_key[i], 8);
        check_one_key(one_key[i], 100);
    }
}
END_TEST

START_TEST(keys_of_other_kinds_are_other_keys)
{
    static const char *const keys[] = {
        "None",           "1",      "'1'",     "b'1'", "(1,)", "((1,),)",
        "frozenset({1})", "1.5",    "1j",      "''",   "b''",  "()",
        "frozenset()",    "'None'", "(None,)", "-1",   "-2",   "2"};
    mproc_value *dict = new_of(MPROC_KIND_DICT);
    for (size_t i = 0; i < COUNT(keys); i++)
        ck_assert_int_eq(mproc_value_set(dict, parse(keys[i]), new_int((int64_t)i)), 0);
    ck_assert_uint_eq(mproc_value_length(dict), COUNT(keys));
    for (size_t i = 0; i < COUNT(keys); i++) {
        mproc_value *key = parse(keys[i]);
        int64_t number = 42;
        ck_assert_int_eq(mproc_value_int64(mproc_value_get(dict, key), &number), 0);
        ck_assert_int_eq(number, (int64_t)i);
        mproc_value_free(key);
    }
    mproc_value_free(dict);
}
END_TEST

START_TEST(what_can_change_is_no_key)
{
    static const char *const keys[] = {"[]",    "{}",          "set()", "bytearray(b'')",
                                       "([],)", "(1, (2, {}))"};
    for (int others = 0; others < 20; others += 10) {
        mproc_value *set = crowded(MPROC_KIND_SET, others);
        mproc_value *dict = crowded(MPROC_KIND_DICT, others);
        for (size_t i = 0; i < COUNT(keys); i++) {
            mproc_value *key = parse(keys[i]);
            ck_assert_int_eq(mproc_value_append(set, key), MPROC_EUNHASHABLE);
            ck_assert_int_eq(mproc_value_set(dict, key, key), MPROC_EUNHASHABLE);
            ck_assert_ptr_null(mproc_value_get(dict, key));
            ck_assert_ptr_null(mproc_value_get(set, key));
            mproc_value_free(key);
        }
        ck_assert_uint_eq(mproc_value_length(set), (size_t)others);
        ck_assert_uint_eq(mproc_value_length(dict), (size_t)others);
        mproc_value_free(set);
        mproc_value_free(dict);
    }
}
END_TEST

START_TEST(order_is_that_of_first_insertion)
{
    mproc_value *dict = new_of(MPROC_KIND_DICT);
    for (int i = 0; i < 3000; i++)
        ck_assert_int_eq(mproc_value_extend(dict, "ii", i * 7919 % 3001, i), 0);
    for (int i = 0; i < 3000; i += 3) /* again: in place */
        ck_assert_int_eq(mproc_value_extend(dict, "ii", i * 7919 % 3001, -i), 0);
    ck_assert_uint_eq(mproc_value_length(dict), 3000);
    for (int i = 0; i < 3000; i++) {
        const mproc_value *key = NULL;
        const mproc_value *value = NULL;
        int k = 0;
        int n = 0;
        ck_assert_int_eq(mproc_value_entry(dict, (size_t)i, &key, &value), 1);
        ck_assert_int_eq(mproc_unpack(key, "i", &k), 0);
        ck_assert_int_eq(mproc_unpack(value, "i", &n), 0);
        ck_assert_int_eq(k, i * 7919 % 3001);
        ck_assert_int_eq(n, i % 3 ? i : -i);
        ck_assert_ptr_eq(mproc_value_item(dict, (size_t)i), key);
    }
    ck_assert_ptr_null(mproc_value_item(dict, 3000));
    ck_assert_int_eq(mproc_value_entry(dict, 3000, NULL, NULL), 0);
    ck_assert_int_eq(mproc_value_entry(dict, SIZE_MAX, NULL, NULL), 0);
    mproc_value_free(dict);
}
END_TEST

START_TEST(big_sets_hold_each_member_once)
{
    mproc_value *set = new_of(MPROC_KIND_SET);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 50000; i++)
            ck_assert_int_eq(mproc_value_extend(set, "i", i), 0);
    ck_assert_uint_eq(mproc_value_length(set), 50000);
    mproc_value *copy = NULL;
    ck_assert_int_eq(mproc_value_copy(&copy, set), 0);
    ck_assert_int_eq(mproc_value_equal(set, copy), 1);
    ck_assert_int_eq(mproc_value_extend(copy, "i", -1), 0);
    ck_assert_int_eq(mproc_value_extend(set, "i", -2), 0);
    assert_equal(set, copy, 0);
}
END_TEST

START_TEST(nan_is_never_found_and_every_one_is_kept)
{
    for (int others = 0; others < 20; others += 10) {
        mproc_value *set = crowded(MPROC_KIND_SET, others);
        mproc_value *nan = parse("nan");
        for (size_t i = 1; i < 5; i++) {
            ck_assert_int_eq(mproc_value_append(set, parse("nan")), 0);
            ck_assert_uint_eq(mproc_value_length(set), (size_t)others + i);
        }
        ck_assert_ptr_null(mproc_value_get(set, nan));
        mproc_value_free(nan);
        mproc_value_free(set);
    }
}
END_TEST

/* The same tuple is found by identity, as in Python, though what is in it equals nothing. */
START_TEST(a_tuple_with_nan_is_found_as_itself_only)
{
    mproc_value *set = crowded(MPROC_KIND_SET, 20);
    mproc_value *tuple = parse("(nan,)");
    mproc_value *twin = parse("(nan,)");
    ck_assert_int_eq(mproc_value_append(set, tuple), 0);
    ck_assert_ptr_nonnull(mproc_value_get(set, tuple));
    ck_assert_ptr_null(mproc_value_get(set, twin));
    for (int i = 0; i < 1000; i++) /* also after growing */
        ck_assert_int_eq(mproc_value_extend(set, "i", i), 0);
    ck_assert_ptr_nonnull(mproc_value_get(set, tuple));
    ck_assert_int_eq(mproc_value_append(set, tuple), 0);
    ck_assert_uint_eq(mproc_value_length(set), 1021);
    mproc_value_free(twin);
    mproc_value_free(set);
}
END_TEST

/* ---- work ---- */

static size_t most_alike(const struct mp_buffer *hashes)
{
    const uint64_t *all = (const uint64_t *)(const void *)hashes->data;
    size_t n = hashes->len / sizeof *all;
    size_t most = 0;
    for (size_t i = 0; i < n; i++) {
        size_t same = 0;
        for (size_t k = 0; k < n; k++)
            same += (all[i] & 0xfff) == (all[k] & 0xfff);
        most = same > most ? same : most;
    }
    return most;
}

/* 2000 hashes over 4096 slots: if they are any good, no slot gets more than a few. */
static void check_spread(void (*make)(size_t i, char *text))
{
    struct mp_buffer hashes = {0};
    for (size_t i = 0; i < 2000; i++) {
        char text[80];
        uint64_t hash;
        make(i, text);
        mproc_value *v = parse(text);
        ck_assert_int_eq(mp_hash(v, &hash), 0);
        mp_buffer_append(&hashes, &hash, sizeof hash);
        mproc_value_free(v);
    }
    ck_assert_uint_lt(most_alike(&hashes), 16);
    mp_buffer_clear(&hashes);
}

static void multiples(size_t i, char *text)
{
    sprintf(text, "%zu", i << 32);
}

static void powers(size_t i, char *text)
{
    sprintf(text, "%zu.%zue%d", i, i % 10, (int)(i % 280));
}

static void names(size_t i, char *text)
{
    sprintf(text, "'%016zx'", i << 40);
}

static void nans(size_t i, char *text)
{
    sprintf(text, i % 2 ? "nan" : "(nan+1j)");
}

static void nan_tuples(size_t i, char *text)
{
    sprintf(text, i % 2 ? "(nan,)" : "frozenset({nan})");
}

static void pairs(size_t i, char *text)
{
    sprintf(text, "(%zu, %zu)", i % 50, i / 50);
}

static void imaginary(size_t i, char *text)
{
    sprintf(text, "%zuj", i);
}

START_TEST(hashes_are_spread_whatever_a_stranger_sends)
{
    check_spread(multiples);
    check_spread(powers);
    check_spread(names);
    check_spread(nans);
    check_spread(nan_tuples);
    check_spread(pairs);
    check_spread(imaginary);
}
END_TEST

START_TEST(equal_keys_have_equal_hashes)
{
    for (size_t i = 0; i < COUNT(one_key); i++) {
        uint64_t hash[3];
        for (int k = 0; k < 3; k++) {
            mproc_value *v = parse(one_key[i][k]);
            ck_assert_int_eq(mp_hash(v, &hash[k]), 0);
            ck_assert_uint_ne(hash[k], 0);
            mproc_value_free(v);
        }
        ck_assert_msg(hash[0] == hash[1] && hash[1] == hash[2], "%s", one_key[i][0]);
    }
}
END_TEST

START_TEST(keys_nested_too_deep_are_refused_not_followed)
{
    mproc_value *key = parse("(1,)");
    mproc_value *set = new_of(MPROC_KIND_SET);
    for (int i = 0; i < 5000; i++) {
        mproc_value *outer = NULL;
        ck_assert_int_eq(mproc_pack(&outer, "(O)", key), 0);
        key = outer;
    }
    ck_assert_int_eq(mproc_value_append(set, key), MPROC_ELIMIT);
    ck_assert_uint_eq(mproc_value_length(set), 0);
    mproc_value *itself = new_of(MPROC_KIND_TUPLE);
    ck_assert_int_eq(mproc_value_append(itself, itself), 0);
    ck_assert_int_eq(mproc_value_append(set, itself), MPROC_ELIMIT);
    ck_assert_ptr_null(mproc_value_get(set, itself));
    mproc_value_free(itself);
    mproc_value_free(key);
    mproc_value_free(set);
}
END_TEST

START_TEST(what_was_a_key_cannot_be_changed)
{
    static const char *const keys[] = {"(1, (2, 3))", "frozenset({1, (2, 3)})"};
    for (size_t i = 0; i < COUNT(keys); i++) {
        mproc_value *dict = new_of(MPROC_KIND_DICT);
        mproc_value *key = parse(keys[i]);
        mproc_value *inner = mproc_value_item_mut(key, 1);
        mproc_value *no = NULL;
        ck_assert_int_eq(mproc_value_set(dict, key, new_int(1)), 0);
        ck_assert_int_eq(mproc_value_extend(key, "i", 4), -EPERM);
        ck_assert_int_eq(mproc_value_extend(inner, "i", 4), -EPERM);
        ck_assert_int_eq(mproc_value_append(inner, dict), -EPERM);
        if (i == 0)
            ck_assert_int_eq(mproc_value_append_new(inner, MPROC_KIND_LIST, &no), -EPERM);
        assert_repr(key, keys[i]);
        ck_assert_ptr_nonnull(mproc_value_get(dict, key));
        mproc_value_free(dict);
    }
}
END_TEST

START_TEST(objects_are_keys_by_identity)
{
    mproc_value *dict = new_of(MPROC_KIND_DICT);
    mproc_value *objects[12];
    for (int i = 0; i < 12; i++) {
        mproc_value *callable = NULL;
        ck_assert_int_eq(mproc_value_new_global(&callable, "m", "C"), 0);
        ck_assert_int_eq(mproc_value_new_object(&objects[i], MPROC_NEW, callable, NULL, NULL), 0);
        ck_assert_int_eq(mproc_value_set(dict, objects[i], new_int(i)), 0);
    }
    ck_assert_uint_eq(mproc_value_length(dict), 12);
    for (int i = 0; i < 12; i++) {
        int64_t number = 42;
        ck_assert_int_eq(mproc_value_int64(mproc_value_get(dict, objects[i]), &number), 0);
        ck_assert_int_eq(number, i);
    }
    assert_round_trip(dict);
    mproc_value *copy = NULL;
    ck_assert_int_eq(mproc_value_copy(&copy, dict), 0);
    ck_assert_ptr_nonnull(mproc_value_get(copy, mproc_value_item(copy, 3)));
    ck_assert_ptr_null(mproc_value_get(copy, objects[3]));
    assert_equal(dict, copy, 1);
}
END_TEST

/* ---- == ---- */

static struct {
    char *text;
    char *row;
} matrix[128];
static size_t matrix_rows;

static void read_matrix(char *const *fields)
{
    matrix[matrix_rows].text = strdup(fields[0]);
    matrix[matrix_rows++].row = strdup(fields[1]);
}

static void check_pair(size_t i, size_t k)
{
    mproc_value *a = parse(matrix[i].text);
    mproc_value *b = parse(matrix[k].text);
    int equal = mproc_value_equal(a, b);
    ck_assert_msg(equal == matrix[i].row[k] - '0', "%s == %s is %d", matrix[i].text, matrix[k].text,
                  equal);
    mproc_value_free(a);
    mproc_value_free(b);
}

START_TEST(values_are_equal_when_pythons_are)
{
    for_each_row("equals.tsv", 2, read_matrix);
    ck_assert_uint_gt(matrix_rows, 60);
    for (size_t i = 0; i < matrix_rows; i++)
        for (size_t k = 0; k < matrix_rows; k++)
            check_pair(i, k);
    for (size_t i = 0; i < matrix_rows; i++) {
        free(matrix[i].text);
        free(matrix[i].row);
    }
}
END_TEST

/* A list that contains itself after `lead` items. */
static mproc_value *circle(int lead, int steps)
{
    mproc_value *first = new_of(MPROC_KIND_LIST);
    mproc_value *last = first;
    for (int i = 0; i < steps; i++) {
        for (int k = 0; k < lead; k++)
            ck_assert_int_eq(mproc_value_extend(last, "i", k), 0);
        mproc_value *next = NULL;
        if (i + 1 < steps)
            ck_assert_int_eq(mproc_value_append_new(last, MPROC_KIND_LIST, &next), 0);
        else
            ck_assert_int_eq(mproc_value_append(last, first), 0);
        last = next;
    }
    return first;
}

START_TEST(recursive_values_are_equal_if_they_unfold_to_the_same)
{
    assert_equal(circle(1, 1), circle(1, 1), 1);
    assert_equal(circle(1, 1), circle(1, 2), 1);
    assert_equal(circle(2, 3), circle(2, 5), 1);
    assert_equal(circle(1, 1), circle(2, 1), 0);
    assert_equal(circle(0, 7), circle(0, 11), 1);
    assert_equal(circle(1, 1), parse("[0, [0, [0]]]"), 0);
}
END_TEST

START_TEST(circles_through_dicts_and_objects_end_too)
{
    mproc_value *pair[2];
    for (int i = 0; i < 2; i++) {
        pair[i] = new_of(MPROC_KIND_DICT);
        mproc_value *list = new_of(MPROC_KIND_LIST);
        mproc_value *callable = NULL;
        mproc_value *object = NULL;
        ck_assert_int_eq(mproc_value_new_global(&callable, "m", "C"), 0);
        ck_assert_int_eq(mproc_value_new_object(&object, MPROC_NEW, callable, NULL, NULL), 0);
        ck_assert_int_eq(mproc_value_set(pair[i], new_str("list"), list), 0);
        ck_assert_int_eq(mproc_value_append(list, object), 0);
        ck_assert_int_eq(mproc_value_set_state(object, pair[i]), 0);
        assert_round_trip(pair[i]);
    }
    mproc_value *copy = NULL;
    ck_assert_int_eq(mproc_value_copy(&copy, pair[0]), 0);
    assert_equal(copy, pair[1], 1);
    mproc_value_free(pair[0]);
}
END_TEST

/* ---- copies ---- */

START_TEST(a_copy_shares_what_the_original_shares_and_no_more)
{
    mproc_value *v = new_of(MPROC_KIND_LIST);
    mproc_value *shared = parse("['s']");
    ck_assert_int_eq(mproc_value_extend(v, "OO[O]{sO}", shared, shared, shared, "k", shared), 0);
    ck_assert_int_eq(mproc_value_extend(v, "[s][s]", "s", "s"), 0);
    mproc_value *copy = NULL;
    ck_assert_int_eq(mproc_value_copy(&copy, v), 0);
    ck_assert_int_eq(mproc_value_extend(mproc_value_item_mut(copy, 0), "i", 1), 0);
    assert_repr(copy, "[['s', 1], ['s', 1], [['s', 1]], {'k': ['s', 1]}, ['s'], ['s']]");
    assert_repr(v, "[['s'], ['s'], [['s']], {'k': ['s']}, ['s'], ['s']]");
    mproc_value_free(v);
    assert_round_trip(copy);
    mproc_value_free(copy);
}
END_TEST

START_TEST(a_part_of_a_tree_can_be_copied)
{
    mproc_value *v = parse("[1, {'k': [2, 3]}, 'text']");
    mproc_value *copy = NULL;
    ck_assert_int_eq(mproc_value_copy(&copy, mproc_value_item(v, 1)), 0);
    mproc_value_free(v);
    assert_repr(copy, "{'k': [2, 3]}");
    ck_assert_int_eq(mproc_value_copy(&v, mproc_value_get_str(copy, "k")), 0);
    mproc_value_free(copy);
    assert_repr(v, "[2, 3]");
    mproc_value_free(v);
}
END_TEST

START_TEST(a_copied_key_can_be_changed_again)
{
    mproc_value *dict = parse("{(1, 2): 3}");
    mproc_value *copy = NULL;
    ck_assert_int_eq(mproc_value_copy(&copy, mproc_value_item(dict, 0)), 0);
    ck_assert_int_eq(mproc_value_extend(copy, "i", 3), 0);
    assert_repr(copy, "(1, 2, 3)");
    assert_repr(dict, "{(1, 2): 3}");
    mproc_value_free(copy);
    mproc_value_free(dict);
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("value_table");
    TCase *tc = mp_case(suite, "value_table", 20);
    tcase_add_test(tc, equal_keys_are_one_key);
    tcase_add_test(tc, keys_of_other_kinds_are_other_keys);
    tcase_add_test(tc, what_can_change_is_no_key);
    tcase_add_test(tc, order_is_that_of_first_insertion);
    tcase_add_test(tc, big_sets_hold_each_member_once);
    tcase_add_test(tc, nan_is_never_found_and_every_one_is_kept);
    tcase_add_test(tc, a_tuple_with_nan_is_found_as_itself_only);
    tcase_add_test(tc, hashes_are_spread_whatever_a_stranger_sends);
    tcase_add_test(tc, equal_keys_have_equal_hashes);
    tcase_add_test(tc, keys_nested_too_deep_are_refused_not_followed);
    tcase_add_test(tc, what_was_a_key_cannot_be_changed);
    tcase_add_test(tc, objects_are_keys_by_identity);
    tcase_add_test(tc, values_are_equal_when_pythons_are);
    tcase_add_test(tc, recursive_values_are_equal_if_they_unfold_to_the_same);
    tcase_add_test(tc, circles_through_dicts_and_objects_end_too);
    tcase_add_test(tc, a_copy_shares_what_the_original_shares_and_no_more);
    tcase_add_test(tc, a_part_of_a_tree_can_be_copied);
    tcase_add_test(tc, a_copied_key_can_be_changed_again);
    return suite;
}
