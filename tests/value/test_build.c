/* SPDX-License-Identifier: MIT */
/* Building: whose a value is after each call, what a failure leaves behind, what stays valid. */
#include "value/help.h"

START_TEST(every_kind_that_can_be_empty_is_made_empty)
{
    static const struct {
        mproc_kind kind;
        const char *repr;
    } cases[] = {{MPROC_KIND_NONE, "None"},
                 {MPROC_KIND_STR, "''"},
                 {MPROC_KIND_BYTES, "b''"},
                 {MPROC_KIND_BYTEARRAY, "bytearray(b'')"},
                 {MPROC_KIND_LIST, "[]"},
                 {MPROC_KIND_TUPLE, "()"},
                 {MPROC_KIND_DICT, "{}"},
                 {MPROC_KIND_SET, "set()"},
                 {MPROC_KIND_FROZENSET, "frozenset()"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        mproc_value *v = new_of(cases[i].kind);
        ck_assert_int_eq(mproc_value_kind(v), cases[i].kind);
        ck_assert_uint_eq(mproc_value_length(v), 0);
        ck_assert_ptr_null(mproc_value_item(v, 0));
        assert_repr(v, cases[i].repr);
        assert_round_trip(v);
        mproc_value_free(v);
    }
}
END_TEST

START_TEST(kinds_that_need_content_are_refused)
{
    static const mproc_kind kinds[] = {MPROC_KIND_BOOL,    MPROC_KIND_INT,       MPROC_KIND_FLOAT,
                                       MPROC_KIND_COMPLEX, MPROC_KIND_GLOBAL,    MPROC_KIND_OBJECT,
                                       MPROC_KIND_POINTER, MPROC_KIND_CONNECTION};
    mproc_value *list = new_of(MPROC_KIND_LIST);
    for (size_t i = 0; i < COUNT(kinds); i++) {
        mproc_value *v = NULL;
        ck_assert_int_eq(mproc_value_new(&v, kinds[i]), -EINVAL);
        ck_assert_int_eq(mproc_value_append_new(list, kinds[i], &v), -EINVAL);
        ck_assert_ptr_null(v);
    }
    mproc_value *v = NULL;
    ck_assert_int_eq(mproc_value_new(&v, (mproc_kind)99), -EINVAL);
    ck_assert_ptr_null(v);
    assert_repr(list, "[]");
    mproc_value_free(list);
}
END_TEST

START_TEST(every_kind_has_pythons_name)
{
    static const char *const names[] = {"NoneType",   "bool",   "int",       "float",  "complex",
                                        "str",        "bytes",  "bytearray", "list",   "tuple",
                                        "dict",       "set",    "frozenset", "global", "object",
                                        "connection", "pointer"};
    for (size_t i = 0; i < COUNT(names); i++)
        ck_assert_str_eq(mproc_kind_name((mproc_kind)i), names[i]);
    ck_assert_str_eq(mproc_kind_name((mproc_kind)COUNT(names)), "?");
    ck_assert_str_eq(mproc_kind_name((mproc_kind)-1), "?");
}
END_TEST

START_TEST(null_reads_as_none)
{
    mproc_value *copy = NULL;
    ck_assert_int_eq(mproc_value_kind(NULL), MPROC_KIND_NONE);
    assert_repr(NULL, "None");
    ck_assert_int_eq(mproc_value_copy(&copy, NULL), 0);
    ck_assert_int_eq(mproc_value_equal(NULL, copy), 1);
    ck_assert_int_eq(mproc_value_equal(NULL, NULL), 1);
    mproc_value_free(copy);
    ck_assert_uint_eq(mproc_value_length(NULL), 0);
    ck_assert_ptr_null(mproc_value_item(NULL, 0));
    ck_assert_ptr_null(mproc_value_item_mut(NULL, 0));
    ck_assert_ptr_null(mproc_value_get(NULL, NULL));
    ck_assert_ptr_null(mproc_value_get_str(NULL, "x"));
    ck_assert_ptr_null(mproc_value_part(NULL, MPROC_PART_ARGS));
    ck_assert_ptr_null(mproc_value_name(NULL));
    ck_assert_int_eq(mproc_value_entry(NULL, 0, NULL, NULL), MPROC_EKIND);
    struct mp_buffer pickle = {0};
    dump(NULL, 4, &pickle);
    ck_assert_mem_eq(pickle.data, "\x80\x04N.", 4);
    mp_buffer_clear(&pickle);
    mproc_value_free(NULL);
}
END_TEST

START_TEST(null_cannot_be_added)
{
    mproc_value *list = new_of(MPROC_KIND_LIST);
    mproc_value *dict = new_of(MPROC_KIND_DICT);
    mproc_value *one = new_int(1);
    ck_assert_int_eq(mproc_value_append(list, NULL), -EINVAL);
    ck_assert_int_eq(mproc_value_append(NULL, one), MPROC_EKIND);
    ck_assert_int_eq(mproc_value_set(dict, NULL, one), -EINVAL);
    ck_assert_int_eq(mproc_value_set(dict, one, NULL), -EINVAL);
    ck_assert_int_eq(mproc_value_set(NULL, one, one), MPROC_EKIND);
    assert_repr(list, "[]");
    assert_repr(dict, "{}");
    mproc_value_free(list);
    mproc_value_free(dict);
    mproc_value_free(one); /* never taken over */
}
END_TEST

/* ---- whose it is ---- */

START_TEST(a_root_that_was_taken_over_is_no_root)
{
    mproc_value *list = new_of(MPROC_KIND_LIST);
    mproc_value *inner = parse("['text', 12345678901234567890, (1+2j)]");
    ck_assert_int_eq(mproc_value_append(list, inner), 0);
    mproc_value_free(inner); /* left alone */
    mproc_value_free(inner);
    ck_assert_int_eq(mproc_value_extend(inner, "i", 4), 0);
    assert_repr(inner, "['text', 12345678901234567890, (1+2j), 4]");
    assert_repr(list, "[['text', 12345678901234567890, (1+2j), 4]]");
    mproc_value_free(list);
}
END_TEST

START_TEST(what_lies_inside_is_never_freed_alone)
{
    mproc_value *list = parse("[[1], {'k': [2]}]");
    mproc_value_free(mproc_value_item_mut(list, 0));
    mproc_value_free(mproc_value_item_mut(mproc_value_item_mut(list, 1), 0));
    assert_repr(list, "[[1], {'k': [2]}]");
    mproc_value_free(list);
}
END_TEST

START_TEST(scalars_are_taken_over_as_well)
{
    static const char *const scalars[] = {"None", "True",   "7",        "1.5",
                                          "2j",   "'text'", "b'bytes'", "99999999999999999999"};
    mproc_value *list = new_of(MPROC_KIND_LIST);
    for (size_t i = 0; i < COUNT(scalars); i++) {
        mproc_value *v = parse(scalars[i]);
        ck_assert_int_eq(mproc_value_append(list, v), 0);
        mproc_value_free(v);
        assert_repr(v, scalars[i]); /* the pointer stays good */
    }
    assert_repr(list, "[None, True, 7, 1.5, 2j, 'text', b'bytes', 99999999999999999999]");
    mproc_value_free(list);
}
END_TEST

START_TEST(a_second_reference_is_the_same_node)
{
    mproc_value *list = new_of(MPROC_KIND_LIST);
    mproc_value *inner = new_of(MPROC_KIND_LIST);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(mproc_value_append(list, inner), 0);
    ck_assert_int_eq(mproc_value_append(list, mproc_value_item_mut(list, 0)), 0);
    ck_assert_int_eq(mproc_value_extend(mproc_value_item_mut(list, 2), "s", "x"), 0);
    assert_repr(list, "[['x'], ['x'], ['x'], ['x']]");
    mproc_value_free(list);
}
END_TEST

START_TEST(key_and_value_can_be_the_same_node)
{
    mproc_value *dict = new_of(MPROC_KIND_DICT);
    mproc_value *callable = NULL;
    mproc_value *object = NULL;
    ck_assert_int_eq(mproc_value_new_global(&callable, "m", "C"), 0);
    ck_assert_int_eq(mproc_value_new_object(&object, MPROC_NEW, callable, NULL, NULL), 0);
    ck_assert_int_eq(mproc_value_set(dict, object, object), 0);
    const mproc_value *key = NULL;
    const mproc_value *value = NULL;
    for (int round = 0; round < 2; round++) {
        ck_assert_int_eq(mproc_value_entry(dict, 0, &key, &value), 1);
        /* An object is a key by identity: found only if it is the same. */
        ck_assert_ptr_eq(mproc_value_get(dict, value), value);
        struct mp_buffer pickle = {0};
        dump(dict, 4, &pickle);
        mproc_value_free(dict);
        dict = load(pickle.data, pickle.len);
        mp_buffer_clear(&pickle);
    }
    mproc_value *copy = NULL;
    ck_assert_int_eq(mproc_value_copy(&copy, dict), 0);
    ck_assert_int_eq(mproc_value_entry(copy, 0, &key, &value), 1);
    ck_assert_ptr_eq(mproc_value_get(copy, value), value);
    mproc_value_free(copy);
    mproc_value_free(dict);
}
END_TEST

START_TEST(from_inside_another_tree_it_is_a_copy)
{
    mproc_value *from = parse("[[1, ['deep']], 'text', b'b']");
    mproc_value *to = new_of(MPROC_KIND_LIST);
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(mproc_value_append(to, mproc_value_item_mut(from, i)), 0);
    ck_assert_int_eq(mproc_value_extend(mproc_value_item_mut(to, 0), "i", 2), 0);
    assert_repr(from, "[[1, ['deep']], 'text', b'b']");
    mproc_value_free(from);
    assert_repr(to, "[[1, ['deep'], 2], 'text', b'b']");
    mproc_value_free(to);
}
END_TEST

START_TEST(trees_can_be_joined_from_any_side)
{
    mproc_value *a = parse("['a']");
    mproc_value *b = parse("['b']");
    mproc_value *c = parse("['c']");
    ck_assert_int_eq(mproc_value_append(b, c), 0);
    ck_assert_int_eq(mproc_value_append(a, b), 0);
    /* c is in a's tree now: what is added to it belongs to a, too. */
    mproc_value *d = parse("['d']");
    ck_assert_int_eq(mproc_value_append(c, d), 0);
    ck_assert_int_eq(mproc_value_append(d, a), 0); /* and leads back */
    assert_repr(a, "['a', ['b', ['c', ['d', [...]]]]]");
    mproc_value *copy = NULL;
    ck_assert_int_eq(mproc_value_copy(&copy, a), 0);
    ck_assert_int_eq(mproc_value_equal(a, copy), 1);
    mproc_value_free(a);
    assert_repr(copy, "['a', ['b', ['c', ['d', [...]]]]]");
    mproc_value_free(copy);
}
END_TEST

START_TEST(pointers_stay_good_while_their_container_grows)
{
    mproc_value *list = new_of(MPROC_KIND_LIST);
    mproc_value *first = NULL;
    ck_assert_int_eq(mproc_value_append_new(list, MPROC_KIND_LIST, &first), 0);
    for (int i = 0; i < 10000; i++) {
        ck_assert_int_eq(mproc_value_extend(list, "i", i), 0);
        if (i % 1000 == 0)
            ck_assert_int_eq(mproc_value_extend(first, "i", i), 0);
    }
    assert_repr(mproc_value_item(list, 0),
                "[0, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000]");
    mproc_value_free(list);
}
END_TEST

START_TEST(new_children_belong_to_the_tree)
{
    mproc_value *list = new_of(MPROC_KIND_LIST);
    mproc_value *tuple = NULL;
    mproc_value *dict = NULL;
    mproc_value *none = NULL;
    ck_assert_int_eq(mproc_value_append_new(list, MPROC_KIND_TUPLE, &tuple), 0);
    ck_assert_int_eq(mproc_value_append_new(tuple, MPROC_KIND_DICT, &dict), 0);
    ck_assert_int_eq(mproc_value_append_new(tuple, MPROC_KIND_NONE, &none), 0);
    ck_assert_int_eq(mproc_value_extend(dict, "si", "k", 1), 0);
    assert_repr(list, "[({'k': 1}, None)]");
    mproc_value_free(dict);
    mproc_value *no = NULL;
    ck_assert_int_eq(mproc_value_append_new(dict, MPROC_KIND_LIST, &no), MPROC_EKIND);
    ck_assert_int_eq(mproc_value_append_new(none, MPROC_KIND_LIST, &no), MPROC_EKIND);
    ck_assert_int_eq(mproc_value_append_new(NULL, MPROC_KIND_LIST, &no), MPROC_EKIND);
    ck_assert_ptr_null(no);
    mproc_value_free(list);
}
END_TEST

/* ---- failure ---- */

/* Each of these is the caller's again: changed, and freed alone. */
static void still_mine(mproc_value *v, const char *before, const char *after)
{
    assert_repr(v, before);
    ck_assert_int_eq(mproc_value_extend(v, "i", 9), 0);
    assert_repr(v, after);
    mproc_value_free(v);
}

START_TEST(a_failed_append_leaves_both_alone)
{
    mproc_value *set = parse("{1}");
    mproc_value *list = parse("[2]");
    ck_assert_int_eq(mproc_value_append(set, list), MPROC_EUNHASHABLE);
    assert_repr(set, "{1}");
    mproc_value_free(set);
    still_mine(list, "[2]", "[2, 9]");
}
END_TEST

START_TEST(a_failed_set_leaves_all_three_alone)
{
    mproc_value *dict = parse("{1: 2}");
    mproc_value *key = parse("[3]");
    mproc_value *value = parse("[4]");
    ck_assert_int_eq(mproc_value_set(dict, key, value), MPROC_EUNHASHABLE);
    assert_repr(dict, "{1: 2}");
    mproc_value_free(dict);
    still_mine(key, "[3]", "[3, 9]");
    still_mine(value, "[4]", "[4, 9]");
}
END_TEST

START_TEST(a_failed_extend_gives_back_what_it_did_not_add)
{
    mproc_value *set = parse("{1}");
    mproc_value *list = parse("[2]");
    ck_assert_int_eq(mproc_value_extend(set, "O", list), MPROC_EUNHASHABLE);
    assert_repr(set, "{1}");
    mproc_value_free(set);
    still_mine(list, "[2]", "[2, 9]");

    mproc_value *outer = parse("[0]");
    mproc_value *added = parse("[1]");
    mproc_value *held = parse("[2]");
    ck_assert_int_eq(mproc_value_extend(outer, "O(Oq)", added, held), MPROC_EFORMAT);
    assert_repr(outer, "[0, [1]]"); /* items before the one that failed */
    mproc_value_free(added);
    assert_repr(outer, "[0, [1]]");
    mproc_value_free(outer);
    still_mine(held, "[2]", "[2, 9]");

    mproc_value *dict = new_of(MPROC_KIND_DICT);
    mproc_value *key = parse("[3]");
    mproc_value *value = parse("[4]");
    ck_assert_int_eq(mproc_value_extend(dict, "OO", key, value), MPROC_EUNHASHABLE);
    mproc_value_free(dict);
    still_mine(key, "[3]", "[3, 9]");
    still_mine(value, "[4]", "[4, 9]");
}
END_TEST

START_TEST(extend_gives_back_inside_a_tree_that_was_taken_over)
{
    mproc_value *top = new_of(MPROC_KIND_LIST);
    mproc_value *middle = new_of(MPROC_KIND_LIST);
    mproc_value *kept = parse("['kept']");
    mproc_value *refused = parse("['refused']");
    ck_assert_int_eq(mproc_value_append(top, middle), 0);
    ck_assert_int_eq(mproc_value_append(middle, kept), 0);
    ck_assert_int_eq(mproc_value_extend(middle, "(O", refused), MPROC_EFORMAT);
    assert_repr(top, "[[['kept']]]");
    mproc_value_free(top);
    still_mine(refused, "['refused']", "['refused', 9]");
}
END_TEST

START_TEST(extend_wants_a_container_and_a_format)
{
    mproc_value *list = new_of(MPROC_KIND_LIST);
    mproc_value *number = new_int(1);
    mproc_value *array = new_of(MPROC_KIND_BYTEARRAY);
    ck_assert_int_eq(mproc_value_extend(list, NULL), MPROC_EFORMAT);
    ck_assert_int_eq(mproc_value_extend(number, "i", 1), MPROC_EKIND);
    ck_assert_int_eq(mproc_value_extend(array, "i", 1), MPROC_EKIND);
    ck_assert_int_eq(mproc_value_extend(NULL, "i", 1), MPROC_EKIND);
    ck_assert_int_eq(mproc_value_extend(list, ""), 0);
    ck_assert_int_eq(mproc_value_extend(list, " , : "), 0);
    assert_repr(list, "[]");
    mproc_value_free(list);
    mproc_value_free(number);
    mproc_value_free(array);
}
END_TEST

START_TEST(a_failed_pack_gives_everything_back)
{
    mproc_value *a = parse("[1]");
    mproc_value *b = parse("[2]");
    mproc_value *v = NULL;
    ck_assert_int_eq(mproc_pack(&v, "([O]{s(O)}[", a, "k", b), MPROC_EFORMAT);
    ck_assert_int_eq(mproc_pack(&v, "[O]{Oi}", a, b, 1), MPROC_EUNHASHABLE);
    ck_assert_int_eq(mproc_pack(&v, "OOs", a, b, "\xff"), MPROC_EUTF8);
    ck_assert_int_eq(mproc_pack(&v, "OOs", a, b, (char *)NULL), -EINVAL);
    ck_assert_int_eq(mproc_pack(&v, "OOO", a, b, (mproc_value *)NULL), -EINVAL);
    ck_assert_ptr_null(v);
    still_mine(a, "[1]", "[1, 9]");
    still_mine(b, "[2]", "[2, 9]");
}
END_TEST

/* ---- objects ---- */

static mproc_value *global(const char *module, const char *name)
{
    mproc_value *v = NULL;
    ck_assert_int_eq(mproc_value_new_global(&v, module, name), 0);
    return v;
}

START_TEST(objects_check_their_parts)
{
    mproc_value *callable = global("m", "f");
    mproc_value *tuple = new_of(MPROC_KIND_TUPLE);
    mproc_value *list = new_of(MPROC_KIND_LIST);
    mproc_value *dict = new_of(MPROC_KIND_DICT);
    mproc_value *v = NULL;
    ck_assert_int_eq(mproc_value_new_object(&v, MPROC_CALL, NULL, tuple, NULL), MPROC_EKIND);
    ck_assert_int_eq(mproc_value_new_object(&v, MPROC_CALL, tuple, tuple, NULL), MPROC_EKIND);
    ck_assert_int_eq(mproc_value_new_object(&v, MPROC_CALL, callable, list, NULL), MPROC_EKIND);
    ck_assert_int_eq(mproc_value_new_object(&v, MPROC_CALL, callable, tuple, dict), MPROC_EKIND);
    ck_assert_int_eq(mproc_value_new_object(&v, MPROC_NEW, callable, tuple, dict), MPROC_EKIND);
    ck_assert_int_eq(mproc_value_new_object(&v, MPROC_NEW_EX, callable, tuple, NULL), MPROC_EKIND);
    ck_assert_int_eq(mproc_value_new_object(&v, MPROC_NEW_EX, callable, tuple, list), MPROC_EKIND);
    ck_assert_int_eq(mproc_value_new_object(&v, (mproc_construct)3, callable, tuple, NULL),
                     -EINVAL);
    ck_assert_ptr_null(v);
    ck_assert_int_eq(mproc_value_new_object(&v, MPROC_NEW_EX, callable, tuple, dict), 0);
    assert_repr(v, "<m.f.__new__() kwargs={}>");
    ck_assert_int_eq(mproc_value_construct(v), MPROC_NEW_EX);
    struct mp_buffer pickle = {0};
    dump(v, 2, &pickle); /* which has no opcode for it */
    mproc_value *back = load(pickle.data, pickle.len);
    assert_repr(back, "<copyreg.__newobj_ex__(<m.f>, (), {})>");
    mproc_value_free(back);
    mp_buffer_clear(&pickle);
    mproc_value_free(v);
    mproc_value_free(list);
}
END_TEST

START_TEST(objects_hold_items_entries_and_state)
{
    mproc_value *v = NULL;
    ck_assert_int_eq(mproc_value_new_object(&v, MPROC_CALL, global("m", "f"), NULL, NULL), 0);
    ck_assert_ptr_null(mproc_value_part(v, MPROC_PART_LIST));
    ck_assert_ptr_null(mproc_value_part(v, MPROC_PART_DICT));
    ck_assert_ptr_null(mproc_value_part(v, MPROC_PART_STATE));
    ck_assert_ptr_null(mproc_value_part(v, MPROC_PART_KWARGS));
    ck_assert_uint_eq(mproc_value_length(mproc_value_part(v, MPROC_PART_ARGS)), 0);
    ck_assert_int_eq(mproc_value_entry(v, 0, NULL, NULL), 0);
    ck_assert_int_eq(mproc_value_extend(v, "is", 1, "two"), 0);
    ck_assert_int_eq(mproc_value_set(v, new_str("k"), new_int(3)), 0);
    ck_assert_int_eq(mproc_value_set_state(v, parse("{'x': 1}")), 0);
    assert_repr(v, "<m.f() state={'x': 1} list=[1, 'two'] dict={'k': 3}>");
    ck_assert_uint_eq(mproc_value_length(v), 2);
    assert_repr(mproc_value_item(v, 1), "'two'");
    const mproc_value *key = NULL;
    ck_assert_int_eq(mproc_value_entry(v, 0, &key, NULL), 1);
    assert_repr(key, "'k'");
    assert_repr(mproc_value_get_str(v, "k"), "3");
    assert_round_trip(v);
    ck_assert_int_eq(mproc_value_set_state(v, parse("(1, 2)")), 0);
    assert_repr(mproc_value_part(v, MPROC_PART_STATE), "(1, 2)");
    ck_assert_ptr_null(mproc_value_part(v, (mproc_part)6));
    ck_assert_ptr_null(mproc_value_part(v, (mproc_part)-1));
    mproc_value_free(v);
    v = new_int(1);
    ck_assert_int_eq(mproc_value_set_state(v, v), MPROC_EKIND);
    mproc_value_free(v);
}
END_TEST

START_TEST(a_failed_set_leaves_an_object_without_entries)
{
    mproc_value *v = NULL;
    mproc_value *key = parse("[1]");
    ck_assert_int_eq(mproc_value_new_object(&v, MPROC_CALL, global("m", "f"), NULL, NULL), 0);
    ck_assert_int_eq(mproc_value_set(v, key, key), MPROC_EUNHASHABLE);
    ck_assert_ptr_null(mproc_value_part(v, MPROC_PART_DICT));
    assert_repr(v, "<m.f()>");
    mproc_value_free(v);
    still_mine(key, "[1]", "[1, 9]");
}
END_TEST

START_TEST(an_object_can_call_what_an_object_makes)
{
    mproc_value *inner = NULL;
    mproc_value *outer = NULL;
    ck_assert_int_eq(
        mproc_value_new_object(&inner, MPROC_CALL, global("m", "make"), parse("(1,)"), NULL), 0);
    ck_assert_int_eq(mproc_value_new_object(&outer, MPROC_CALL, inner, parse("(2,)"), NULL), 0);
    assert_repr(outer, "<<m.make(1,)>(2,)>");
    assert_round_trip(outer);
    mproc_value_free(outer);
}
END_TEST

START_TEST(an_object_can_be_its_own_state)
{
    mproc_value *v = NULL;
    ck_assert_int_eq(mproc_value_new_object(&v, MPROC_NEW, global("m", "C"), NULL, NULL), 0);
    mproc_value *state = parse("{}");
    ck_assert_int_eq(mproc_value_set_state(v, state), 0);
    ck_assert_int_eq(mproc_value_set(state, new_str("self"), v), 0);
    assert_repr(v, "<m.C.__new__() state={'self': <...>}>");
    assert_round_trip(v);
    mproc_value_free(v);
}
END_TEST

START_TEST(globals_have_two_names)
{
    mproc_value *v = global("package.module", "Outer.Inner");
    ck_assert_str_eq(mproc_value_module(v), "package.module");
    ck_assert_str_eq(mproc_value_name(v), "Outer.Inner");
    assert_repr(v, "<package.module.Outer.Inner>");
    struct mp_buffer pickle = {0};
    dump(v, 4, &pickle);
    mproc_value *back = load(pickle.data, pickle.len);
    mp_buffer_clear(&pickle);
    assert_equal(v, back, 1);
    assert_equal(global("a", "b"), global("a", "c"), 0);
    assert_equal(global("a", "b"), global("b", "b"), 0);
    mproc_value *no = NULL;
    ck_assert_int_eq(mproc_value_new_global(&no, "\xff", "x"), MPROC_EUTF8);
    ck_assert_int_eq(mproc_value_new_global(&no, "x", "\xc3"), MPROC_EUTF8);
    ck_assert_ptr_null(no);
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("value_build");
    TCase *tc = mp_case(suite, "value_build", 20);
    tcase_add_test(tc, every_kind_that_can_be_empty_is_made_empty);
    tcase_add_test(tc, kinds_that_need_content_are_refused);
    tcase_add_test(tc, every_kind_has_pythons_name);
    tcase_add_test(tc, null_reads_as_none);
    tcase_add_test(tc, null_cannot_be_added);
    tcase_add_test(tc, a_root_that_was_taken_over_is_no_root);
    tcase_add_test(tc, what_lies_inside_is_never_freed_alone);
    tcase_add_test(tc, scalars_are_taken_over_as_well);
    tcase_add_test(tc, a_second_reference_is_the_same_node);
    tcase_add_test(tc, key_and_value_can_be_the_same_node);
    tcase_add_test(tc, from_inside_another_tree_it_is_a_copy);
    tcase_add_test(tc, trees_can_be_joined_from_any_side);
    tcase_add_test(tc, pointers_stay_good_while_their_container_grows);
    tcase_add_test(tc, new_children_belong_to_the_tree);
    tcase_add_test(tc, a_failed_append_leaves_both_alone);
    tcase_add_test(tc, a_failed_set_leaves_all_three_alone);
    tcase_add_test(tc, a_failed_extend_gives_back_what_it_did_not_add);
    tcase_add_test(tc, extend_gives_back_inside_a_tree_that_was_taken_over);
    tcase_add_test(tc, extend_wants_a_container_and_a_format);
    tcase_add_test(tc, a_failed_pack_gives_everything_back);
    tcase_add_test(tc, objects_check_their_parts);
    tcase_add_test(tc, objects_hold_items_entries_and_state);
    tcase_add_test(tc, a_failed_set_leaves_an_object_without_entries);
    tcase_add_test(tc, an_object_can_call_what_an_object_makes);
    tcase_add_test(tc, an_object_can_be_its_own_state);
    tcase_add_test(tc, globals_have_two_names);
    return suite;
}
