/* SPDX-License-Identifier: MIT */
/* Pickles cut, damaged, nested and shared beyond reason; and the limits a reader can set. */
#include "value/help.h"

/* ---- damage ---- */

/* Reads from memory of just that size. What is a value must be writable, and readable again. */
static int read_damaged(const unsigned char *data, size_t len)
{
    unsigned char *copy = malloc(len + !len);
    mproc_unpickle_options limits = MPROC_UNPICKLE_OPTIONS_INIT;
    mproc_value *v = NULL;
    memcpy(copy, data, len);
    limits.max_memory = 1 << 20;
    int rc = mproc_value_unpickle(&v, copy, len, &limits, NULL);
    free(copy);
    if (rc < 0) {
        ck_assert_ptr_null(v);
        return rc;
    }
    struct mp_buffer pickle = {0};
    char *repr = NULL;
    dump(v, 5, &pickle);
    ck_assert_int_eq(mproc_value_repr(v, &repr, NULL), 0);
    mproc_value *back = load(pickle.data, pickle.len);
    assert_repr(back, repr);
    mproc_free(repr);
    mproc_value_free(back);
    mproc_value_free(v);
    mp_buffer_clear(&pickle);
    return 0;
}

static void cut(const unsigned char *pickle, size_t len)
{
    for (size_t n = 0; n < len; n++)
        ck_assert_int_lt(read_damaged(pickle, n), 0);
}

static void flip(unsigned char *pickle, size_t len)
{
    static const unsigned char masks[] = {0x01, 0x80, 0xff, 0x10, 0x24};
    for (size_t i = 0; i < len; i++) {
        for (size_t k = 0; k < COUNT(masks); k++) {
            pickle[i] ^= masks[k];
            read_damaged(pickle, len);
            pickle[i] ^= masks[k];
        }
    }
}

/* Every byte by every opcode there is. */
static void replace(unsigned char *pickle, size_t len)
{
    static const char opcodes[] =
        "(.012FIJKLMNPQRSTUVX}])abcdeghijloqprstuGBC"
        "\x80\x81\x85\x86\x87\x88\x8a\x8b\x8c\x8f\x90\x91\x92\x93\x94\x95\x96";
    for (size_t i = 0; i < len; i++) {
        unsigned char before = pickle[i];
        for (size_t k = 0; k < sizeof opcodes - 1; k++) {
            pickle[i] = (unsigned char)opcodes[k];
            read_damaged(pickle, len);
        }
        pickle[i] = before;
    }
}

static void drop_and_double(const unsigned char *pickle, size_t len)
{
    unsigned char *changed = malloc(len + 1);
    for (size_t i = 0; i < len; i++) {
        memcpy(changed, pickle, i);
        memcpy(changed + i, pickle + i + 1, len - i - 1);
        read_damaged(changed, len - 1);
        memcpy(changed, pickle, i + 1);
        memcpy(changed + i + 1, pickle + i, len - i);
        read_damaged(changed, len + 1);
    }
    free(changed);
}

static void damage(char *const *fields)
{
    size_t len;
    unsigned char *pickle = unhex(fields[0], &len);
    cut(pickle, len);
    flip(pickle, len);
    replace(pickle, len);
    drop_and_double(pickle, len);
    free(pickle);
}

START_TEST(damaged_pickles_are_refused_or_values)
{
    for_each_row("decodes.tsv", 2, damage);
}
END_TEST

/* Objects with all they can have, shared and in circles, at each protocol there is to write. */
static mproc_value *rich_value(void)
{
    static const char pickle[] =
        "\x80\4](\x8c\1m\x94\x8c\1C\x94\x93\x94)\x81\x94}(\x8c\4self\x94h\3\x8c\1k\x94]\x94h\5aub"
        "h\2K\1\x85}\x8c\1wK\2s\x92\x94(K\1K\2eh\3h\3sh\2)R\x94(h\2h\2h\2t(\x91h\6C\1b\x94h\7\x86"
        "\x96\2\0\0\0\0\0\0\0xy\x94h\x08\x85\x8f(h\2K\5\x90"
        "e.";
    return load(pickle, sizeof pickle - 1);
}

START_TEST(damaged_objects_are_refused_or_values)
{
    mproc_value *v = rich_value();
    for (uint64_t protocol = 2; protocol <= 5; protocol++) {
        struct mp_buffer pickle = {0};
        dump(v, protocol, &pickle);
        cut(pickle.data, pickle.len);
        flip(pickle.data, pickle.len);
        drop_and_double(pickle.data, pickle.len);
        if (protocol == 2 || protocol == 4)
            replace(pickle.data, pickle.len);
        mp_buffer_clear(&pickle);
    }
    mproc_value_free(v);
}
END_TEST

/* Random opcodes, by a generator of its own so that each run is the same. */
START_TEST(random_programs_end)
{
    static const char ops[] = "(N012])}lade\x85\x86\x87\x88\x94tsuR\x81\x8f\x90\221bo2222]]]";
    uint64_t state = 88172645463325252u;
    int values = 0;
    for (int round = 0; round < 30000; round++) {
        unsigned char program[60] = "(";
        size_t n = 1;
        size_t end = 2 + (size_t)round % (sizeof program - 12);
        while (n < end) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            size_t pick = (size_t)(state >> 33) % (sizeof ops + 2);
            if (pick >= sizeof ops - 1) {
                program[n++] = pick % 2 ? 'h' : 'K';
                program[n++] = (unsigned char)(state >> 20 & 3);
            } else if (ops[pick] == 'R' || ops[pick] == 'o') {
                memcpy(program + n, "cm\nC\n)", 6);
                n += 6;
                program[n++] = 'R';
            } else {
                program[n++] = (unsigned char)ops[pick];
            }
        }
        program[n++] = 't';
        program[n++] = '.';
        values += read_damaged(program, n) == 0;
    }
    ck_assert_int_gt(values, 1000);
}
END_TEST

/* ---- depth ---- */

static void repeat(struct mp_buffer *out, const char *text, size_t len, size_t times)
{
    for (size_t i = 0; i < times; i++)
        ck_assert_int_eq(mp_buffer_append(out, text, len), 0);
}

static const struct {
    const char *open;
    size_t open_len;
    const char *close;
    size_t close_len;
} shapes[] = {
    {"]", 1, "a", 1},
    {"(", 1, "t", 1},
    {"(", 1, "l", 1},
    {"", 0, "\x85", 1},
    {"N", 1, "\x86", 1},
    {"}N", 2, "s", 1},
    {"(N", 2, "d", 1},
    {"cm\nf\n", 5, "\x85R", 2},
    {"cm\nC\n)\x81", 7, "b", 1},
    {"cm\nC\n)\x81", 7, "a", 1},
    {"cm\nC\n)\x81N", 8, "s", 1},
};

static void nested(struct mp_buffer *out, size_t shape, size_t depth)
{
    repeat(out, shapes[shape].open, shapes[shape].open_len, depth);
    repeat(out, "N", 1, 1);
    repeat(out, shapes[shape].close, shapes[shape].close_len, depth);
    repeat(out, ".", 1, 1);
}

static void check_deep(const struct mp_buffer *pickle)
{
    mproc_unpickle_options any = MPROC_UNPICKLE_OPTIONS_INIT;
    mproc_value *v = NULL;
    mproc_value *copy = NULL;
    char *repr = NULL;
    any.max_depth = SIZE_MAX;
    ck_assert_int_eq(mproc_value_unpickle(&v, pickle->data, pickle->len, &any, NULL), 0);
    ck_assert_int_eq(mproc_value_copy(&copy, v), 0);
    ck_assert_int_eq(mproc_value_equal(v, copy), 1);
    ck_assert_int_eq(mproc_value_repr(copy, &repr, NULL), 0);
    for (uint64_t protocol = 2; protocol <= 5; protocol++) {
        struct mp_buffer again = {0};
        dump(copy, protocol, &again);
        mproc_value *back = NULL;
        ck_assert_int_eq(mproc_value_unpickle(&back, again.data, again.len, &any, NULL), 0);
        ck_assert_int_eq(mproc_value_equal(v, back), 1);
        mproc_value_free(back);
        mp_buffer_clear(&again);
    }
    mproc_free(repr);
    mproc_value_free(v);
    mproc_value_free(copy);
}

START_TEST(nesting_of_every_kind_costs_no_stack)
{
    for (size_t i = 0; i < COUNT(shapes); i++) {
        struct mp_buffer pickle = {0};
        nested(&pickle, i, 100000);
        ck_assert_int_eq(load_code(pickle.data, pickle.len, NULL, "max_depth"), MPROC_ELIMIT);
        check_deep(&pickle);
        mp_buffer_clear(&pickle);
    }
}
END_TEST

START_TEST(depth_is_counted_the_same_for_every_kind)
{
    for (size_t i = 0; i < COUNT(shapes); i++) {
        mproc_unpickle_options limits = MPROC_UNPICKLE_OPTIONS_INIT;
        struct mp_buffer pickle = {0};
        nested(&pickle, i, 20);
        size_t least = 1;
        for (;; least++) {
            limits.max_depth = least;
            int rc = load_code(pickle.data, pickle.len, &limits, "max_depth");
            if (rc == 0)
                break;
            ck_assert_int_eq(rc, MPROC_ELIMIT);
        }
        ck_assert_msg(least >= 20 && least <= 62, "shape %zu: %zu", i, least);
        mp_buffer_clear(&pickle);
    }
}
END_TEST

START_TEST(references_to_itself_are_not_depth)
{
    struct mp_buffer pickle = {0};
    repeat(&pickle, "]\x94(", 3, 1);
    repeat(&pickle, "h\0", 2, 30000);
    repeat(&pickle, "e.", 2, 1);
    mproc_value *v = load(pickle.data, pickle.len);
    ck_assert_uint_eq(mproc_value_length(v), 30000);
    mproc_value *copy = NULL;
    ck_assert_int_eq(mproc_value_copy(&copy, v), 0);
    assert_equal(v, copy, 1);
    mp_buffer_clear(&pickle);
}
END_TEST

/* 2^60 lists, if they were followed one by one. */
START_TEST(references_do_not_multiply)
{
    struct mp_buffer pickle = {0};
    repeat(&pickle, "]", 1, 1);
    repeat(&pickle, "2\x86", 2, 60);
    repeat(&pickle, ".", 1, 1);
    mproc_value *v = load(pickle.data, pickle.len);
    mproc_value *copy = NULL;
    struct mp_buffer again = {0};
    ck_assert_int_eq(mproc_value_copy(&copy, v), 0);
    dump(copy, 4, &again);
    ck_assert_uint_lt(again.len, 1000);
    assert_equal(v, copy, 1);
    mp_buffer_clear(&again);
    mp_buffer_clear(&pickle);
}
END_TEST

START_TEST(deep_keys_are_refused)
{
    struct mp_buffer pickle = {0};
    repeat(&pickle, "}", 1, 1);
    repeat(&pickle, ")", 1, 1);
    repeat(&pickle, "\x85", 1, 5000);
    repeat(&pickle, "Ns.", 3, 1);
    ck_assert_int_eq(load_code(pickle.data, pickle.len, NULL, "key nested too deep"), MPROC_ELIMIT);
    mp_buffer_clear(&pickle);
}
END_TEST

/* Each key holds the one before, so that no more than a level is new when it is hashed. */
START_TEST(deep_keys_are_refused_in_steps_too)
{
    for (size_t depth = 198; depth < 204; depth++) {
        struct mp_buffer pickle = {0};
        repeat(&pickle, "()", 2, 1);
        repeat(&pickle, "\x85" /* wrap it */ "2" /* and keep this one */, 2, depth - 2);
        repeat(&pickle, "\x85\x91.", 3, 1);
        if (depth > 200) {
            int rc = load_code(pickle.data, pickle.len, NULL, "key nested too deep");
            ck_assert_int_eq(rc, MPROC_ELIMIT);
        } else {
            mproc_value *v = load(pickle.data, pickle.len);
            mproc_value *copy = NULL;
            ck_assert_int_eq(mproc_value_copy(&copy, v), 0);
            assert_equal(v, copy, 1);
        }
        mp_buffer_clear(&pickle);
    }
}
END_TEST

/* ---- limits ---- */

START_TEST(nodes_are_counted)
{
    static const char *const four[] = {"(]]]l.", "(]})l.", "(]]\x8fl.", "cm\nf\n)R\x85.",
                                       "(]N\x85N\x85l."};
    for (size_t i = 0; i < COUNT(four); i++) {
        mproc_unpickle_options limits = MPROC_UNPICKLE_OPTIONS_INIT;
        limits.max_nodes = 4;
        ck_assert_int_eq(load_code(four[i], strlen(four[i]), &limits, NULL), 0);
        limits.max_nodes = 3;
        ck_assert_int_eq(load_code(four[i], strlen(four[i]), &limits, "max_nodes"), MPROC_ELIMIT);
    }
}
END_TEST

START_TEST(scalars_are_no_nodes)
{
    mproc_unpickle_options limits = MPROC_UNPICKLE_OPTIONS_INIT;
    limits.max_nodes = 0;
    ck_assert_int_eq(load_code("K\1.", 3, &limits, NULL), 0);
    ck_assert_int_eq(load_code("\x8c\1x.", 4, &limits, NULL), 0);
    ck_assert_int_eq(load_code("].", 2, &limits, "max_nodes"), MPROC_ELIMIT);
    ck_assert_int_eq(load_code(").", 2, &limits, "max_nodes"), MPROC_ELIMIT);
    ck_assert_int_eq(load_code("cm\nf\n.", 6, &limits, "max_nodes"), MPROC_ELIMIT);
}
END_TEST

START_TEST(memo_entries_are_bounded_by_the_pickle_and_by_the_reader)
{
    mproc_unpickle_options limits = MPROC_UNPICKLE_OPTIONS_INIT;
    limits.max_memo = 1;
    ck_assert_int_eq(load_code("N\x94.", 3, &limits, NULL), 0);
    ck_assert_int_eq(load_code("Nq\0.", 4, &limits, NULL), 0);
    ck_assert_int_eq(load_code("N\x94\x94.", 4, &limits, "memo index too high"), MPROC_ELIMIT);
    ck_assert_int_eq(load_code("Nq\1.", 4, &limits, "memo index too high"), MPROC_ELIMIT);
    limits.max_memo = 0;
    ck_assert_int_eq(load_code("N\x94.", 3, &limits, "memo index too high"), MPROC_ELIMIT);
    ck_assert_int_eq(load_code("N.", 2, &limits, NULL), 0);
}
END_TEST

START_TEST(memory_is_bounded_by_the_reader)
{
    mproc_unpickle_options limits = MPROC_UNPICKLE_OPTIONS_INIT;
    struct mp_buffer pickle = {0};
    repeat(&pickle, "(", 1, 1);
    repeat(&pickle, "]", 1, 100000);
    repeat(&pickle, "l.", 2, 1);
    limits.max_memory = 100000;
    ck_assert_int_eq(load_code(pickle.data, pickle.len, &limits, "max_memory"), MPROC_ELIMIT);
    limits.max_memory = 100000000;
    ck_assert_int_eq(load_code(pickle.data, pickle.len, &limits, NULL), 0);
    ck_assert_int_eq(load_code(pickle.data, pickle.len, NULL, NULL), 0);
    mp_buffer_clear(&pickle);
}
END_TEST

START_TEST(options_of_another_size_are_read_or_refused)
{
    mproc_unpickle_options limits = MPROC_UNPICKLE_OPTIONS_INIT;
    limits.size = offsetof(mproc_unpickle_options, max_nodes); /* an older caller's */
    limits.max_nodes = 0;
    ck_assert_int_eq(load_code("].", 2, &limits, NULL), 0);
    limits.max_depth = 1;
    ck_assert_int_eq(load_code("]]a.", 4, &limits, "max_depth"), MPROC_ELIMIT);
    limits.size = 0;
    ck_assert_int_lt(load_code("].", 2, &limits, NULL), 0);
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("value_damage");
    TCase *tc = mp_case(suite, "value_damage", 30);
    tcase_add_test(tc, damaged_pickles_are_refused_or_values);
    tcase_add_test(tc, damaged_objects_are_refused_or_values);
    tcase_add_test(tc, random_programs_end);
    tcase_add_test(tc, nesting_of_every_kind_costs_no_stack);
    tcase_add_test(tc, depth_is_counted_the_same_for_every_kind);
    tcase_add_test(tc, references_to_itself_are_not_depth);
    tcase_add_test(tc, references_do_not_multiply);
    tcase_add_test(tc, deep_keys_are_refused);
    tcase_add_test(tc, deep_keys_are_refused_in_steps_too);
    tcase_add_test(tc, nodes_are_counted);
    tcase_add_test(tc, scalars_are_no_nodes);
    tcase_add_test(tc, memo_entries_are_bounded_by_the_pickle_and_by_the_reader);
    tcase_add_test(tc, memory_is_bounded_by_the_reader);
    tcase_add_test(tc, options_of_another_size_are_read_or_refused);
    return suite;
}
