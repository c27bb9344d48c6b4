/* SPDX-License-Identifier: MIT */
/* Writing pickles: byte for byte what pickletools.optimize() leaves of Python's, at any size. */
#include <sodium.h>

#include "value/help.h"
#include "value/pickle.h"

/* ---- against Python's ---- */

static mproc_value *row_of_ints(mproc_kind kind, int n)
{
    mproc_value *v = new_of(kind);
    for (int i = 0; i < n; i++)
        ck_assert_int_eq(kind == MPROC_KIND_DICT ? mproc_value_extend(v, "ii", i, -i)
                                                 : mproc_value_extend(v, "i", i),
                         0);
    return v;
}

static mproc_value *row_of_texts(int n)
{
    mproc_value *v = new_of(MPROC_KIND_LIST);
    for (int i = 0; i < n; i++) {
        char text[16];
        snprintf(text, sizeof text, "%05d", i);
        ck_assert_int_eq(mproc_value_extend(v, "s", text), 0);
    }
    return v;
}

/* So many lists, each twice. */
static mproc_value *shared_lists(int n)
{
    mproc_value *v = new_of(MPROC_KIND_LIST);
    for (int i = 0; i < n; i++) {
        mproc_value *child = NULL;
        ck_assert_int_eq(mproc_value_append_new(v, MPROC_KIND_LIST, &child), 0);
    }
    for (int i = 0; i < n; i++)
        ck_assert_int_eq(mproc_value_append(v, mproc_value_item_mut(v, (size_t)i)), 0);
    return v;
}

static mproc_value *text_of(const char *what, size_t n)
{
    mproc_value *v = NULL;
    char *text = malloc(n + 1);
    memset(text, strcmp(what, "text_in_list") == 0 ? 'y' : 'x', n);
    int rc = -1;
    if (strcmp(what, "text") == 0)
        rc = mproc_value_new_str(&v, text, n);
    else if (strcmp(what, "bytes") == 0)
        rc = mproc_value_new_bytes(&v, text, n);
    else if (strcmp(what, "bytearray") == 0)
        rc = mproc_value_new_bytearray(&v, text, n);
    else if (strcmp(what, "text_in_list") == 0)
        rc = mproc_pack(&v, "[is#i]", 1, text, n, 2);
    ck_assert_msg(rc == 0, "%s", what);
    free(text);
    return v;
}

static mproc_value *make(const char *what, int n)
{
    static const struct {
        const char *name;
        mproc_kind kind;
    } rows[] = {{"list", MPROC_KIND_LIST},
                {"set", MPROC_KIND_SET},
                {"dict", MPROC_KIND_DICT},
                {"tuple", MPROC_KIND_TUPLE},
                {"frozenset", MPROC_KIND_FROZENSET}};
    for (size_t i = 0; i < COUNT(rows); i++)
        if (strcmp(rows[i].name, what) == 0)
            return row_of_ints(rows[i].kind, n);
    if (strcmp(what, "texts") == 0)
        return row_of_texts(n);
    return strcmp(what, "shared") == 0 ? shared_lists(n) : text_of(what, (size_t)n);
}

static void check_digest(char *const *fields)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    char hex[2 * sizeof digest + 1];
    struct mp_buffer pickle = {0};
    if (mp_stride(2) > 1 && atoi(fields[1]) > 3000)
        return;
    mproc_value *v = make(fields[0], atoi(fields[1]));
    dump(v, strtoul(fields[2], NULL, 10), &pickle);
    crypto_hash_sha256(digest, pickle.data, pickle.len);
    sodium_bin2hex(hex, sizeof hex, digest, sizeof digest);
    ck_assert_msg(pickle.len == strtoul(fields[3], NULL, 10), "%s of %s at protocol %s: %zu bytes",
                  fields[0], fields[1], fields[2], pickle.len);
    ck_assert_msg(strcmp(hex, fields[4]) == 0, "%s of %s at protocol %s", fields[0], fields[1],
                  fields[2]);
    mproc_value *back = load(pickle.data, pickle.len);
    ck_assert_int_eq(mproc_value_equal(v, back), 1);
    mproc_value_free(back);
    mproc_value_free(v);
    mp_buffer_clear(&pickle);
}

START_TEST(batches_frames_and_memos_are_pythons)
{
    ck_assert_uint_gt(for_each_row("encodes.tsv", 5, check_digest), 300);
}
END_TEST

static void check_rewrite(char *const *fields)
{
    size_t len;
    unsigned char *pickle = unhex(fields[1], &len);
    mproc_value *v = load(pickle, len);
    struct mp_buffer again = {0};
    dump(v, strtoul(fields[0], NULL, 10), &again);
    ck_assert_msg(again.len == len && memcmp(again.data, pickle, len) == 0,
                  "protocol %s: %zu bytes, not %zu: %.100s", fields[0], again.len, len, fields[1]);
    mp_buffer_clear(&again);
    mproc_value_free(v);
    free(pickle);
}

START_TEST(what_python_wrote_is_written_as_python_wrote_it)
{
    ck_assert_uint_gt(for_each_row("rewrites.tsv", 2, check_rewrite), 300);
}
END_TEST

/* ---- frames ---- */

/* Frames follow each other without a gap but for the large texts, and end with the pickle. */
static size_t count_frames(const struct mp_buffer *pickle)
{
    size_t frames = 0;
    for (size_t at = 2; at < pickle->len && pickle->data[at] == 0x95;) {
        uint64_t len = 0;
        for (size_t i = 8; i-- > 0;)
            len = len << 8 | pickle->data[at + 1 + i];
        ck_assert_uint_le(len, pickle->len - at - 9);
        ck_assert_uint_ge(len, 4);
        at += 9 + (size_t)len;
        frames++;
        ck_assert(at == pickle->len || pickle->data[at] == 0x95);
    }
    return frames;
}

START_TEST(frames_are_cut_at_64_kib)
{
    static const struct {
        int texts;
        size_t frames;
    } cases[] = {{1, 1}, {1000, 1}, {10000, 2}, {30000, 4}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct mp_buffer pickle = {0};
        mproc_value *v = row_of_texts(cases[i].texts);
        dump(v, 4, &pickle);
        ck_assert_uint_eq(count_frames(&pickle), cases[i].frames);
        mp_buffer_clear(&pickle);
        dump(v, 3, &pickle);
        ck_assert_uint_eq(count_frames(&pickle), 0);
        mp_buffer_clear(&pickle);
        mproc_value_free(v);
    }
}
END_TEST

START_TEST(what_is_too_short_for_a_frame_has_none)
{
    static const struct {
        const char *literal;
        const char *pickle;
        size_t len;
    } cases[] = {{"None", "\x80\4N.", 4},
                 {"1", "\x80\4K\1.", 5},
                 {"256", "\x80\4\x95\4\0\0\0\0\0\0\0M\0\1.", 15},
                 {"()", "\x80\4).", 4},
                 {"''", "\x80\4\x8c\0.", 5},
                 {"'a'", "\x80\4\x95\4\0\0\0\0\0\0\0\x8c\1a.", 15}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct mp_buffer pickle = {0};
        mproc_value *v = parse(cases[i].literal);
        dump(v, 4, &pickle);
        ck_assert_uint_eq(pickle.len, cases[i].len);
        ck_assert_mem_eq(pickle.data, cases[i].pickle, cases[i].len);
        mp_buffer_clear(&pickle);
        mproc_value_free(v);
    }
}
END_TEST

/* {'k': [1.5, 'text…']}, so many times. */
static mproc_value *small_containers(int n, size_t text)
{
    static const char xs[256] = {0};
    mproc_value *v = new_of(MPROC_KIND_LIST);
    for (int i = 0; i < n; i++)
        ck_assert_int_eq(mproc_value_extend(v, "{s[ds#]}", "k", 1.5, xs, text), 0);
    return v;
}

START_TEST(frames_are_cut_inside_of_small_containers)
{
    for (size_t text = 0; text < 256; text += 17) {
        struct mp_buffer pickle = {0};
        mproc_value *v = small_containers(2000, text);
        dump(v, 4, &pickle);
        size_t len = pickle.len;
        ck_assert_uint_eq(count_frames(&pickle), (len - 2 + 65535) / 65536);
        mproc_value *back = load(pickle.data, len);
        ck_assert_int_eq(mproc_value_equal(v, back), 1);
        mproc_value_free(back);
        mproc_value_free(v);
        mp_buffer_clear(&pickle);
    }
}
END_TEST

/* ---- room ---- */

static size_t count_byte(const unsigned char *data, size_t len, unsigned char byte)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += data[i] == byte;
    return n;
}

/*
 * What is there already and how much room is left decide where in the pickle the output grows; none
 * of it may show.
 */
static void check_wherever_it_grows(const mproc_value *v, size_t most, size_t step)
{
    struct mp_buffer wanted = {0};
    dump(v, 4, &wanted);
    for (size_t start = 0; start < most; start += step) {
        struct mp_buffer out = {0};
        ck_assert_int_eq(mp_buffer_reserve(&out, start + 1), 0);
        memset(out.data, '#', start);
        out.len = start;
        ck_assert_int_eq(mp_pickle(v, &out, NULL, NULL, NULL), 0);
        ck_assert_uint_eq(out.len, start + wanted.len);
        ck_assert_mem_eq(out.data + start, wanted.data, wanted.len);
        ck_assert_uint_eq(count_byte(out.data, start, '#'), start);
        mp_buffer_clear(&out);
    }
    mp_buffer_clear(&wanted);
}

START_TEST(the_output_may_grow_at_any_item)
{
    static const size_t texts[] = {0, 3, 4, 8, 16, 17, 100, 254, 255};
    for (size_t i = 0; i < COUNT(texts); i++) {
        mproc_value *v = small_containers(20, texts[i]);
        check_wherever_it_grows(v, 2100, 7 * mp_stride(10) | 1);
        mproc_value_free(v);
    }
    mproc_value *v = parse("[[[[1]]], ((((256,), 65536), -1.5), 2, 3), [[[], [[]]], {1: {2: {}}}],"
                           " {1, 2}, [True, [None]], b'12345678', {'a': 'ä€😀'}]");
    check_wherever_it_grows(v, 2100, mp_stride(10) | 1);
    mproc_value_free(v);
}
END_TEST

/* Closing many containers in a row takes room without an item: twice as many as any reserve. */
START_TEST(the_output_may_grow_at_the_end_of_a_container)
{
    static const int depths[] = {1, 6, 7, 8, 9, 15, 16, 17, 500, 2000, 10000};
    static const mproc_kind kinds[] = {MPROC_KIND_LIST, MPROC_KIND_TUPLE};
    for (size_t i = 0; i < 2 * COUNT(depths); i++) {
        size_t depth = (size_t)depths[i / 2];
        mproc_kind kind = kinds[i % 2];
        struct mp_buffer pickle = {0};
        mproc_value *v = new_of(kind);
        for (size_t d = 1; d < depth; d++) {
            mproc_value *outer = new_of(kind);
            ck_assert_int_eq(mproc_value_append(outer, v), 0);
            v = outer;
        }
        dump(v, 2, &pickle);
        ck_assert_uint_eq(pickle.len, 2 + 1 + (depth - 1) * (i % 2 ? 1 : 2) + 1);
        const unsigned char *ends = pickle.data + pickle.len - depth;
        ck_assert_uint_eq(count_byte(ends, depth - 1, i % 2 ? 0x85 : 'a'), depth - 1);
        mp_buffer_clear(&pickle);
        mproc_value_free(v);
    }
}
END_TEST

/* ---- recursion ---- */

static void check_circle(mproc_value *v, const char *repr)
{
    assert_repr(v, repr);
    assert_round_trip(v);
    mproc_value_free(v);
}

START_TEST(circles_through_containers_are_written_at_every_protocol)
{
    mproc_value *v = new_of(MPROC_KIND_LIST);
    ck_assert_int_eq(mproc_value_append(v, v), 0);
    check_circle(v, "[[...]]");

    v = new_of(MPROC_KIND_DICT);
    ck_assert_int_eq(mproc_value_set(v, new_int(1), v), 0);
    check_circle(v, "{1: {...}}");

    v = new_of(MPROC_KIND_LIST);
    ck_assert_int_eq(mproc_value_extend(v, "(O)", v), 0);
    check_circle(v, "[([...],)]");

    v = new_of(MPROC_KIND_LIST);
    ck_assert_int_eq(mproc_value_extend(v, "(OOOO){s(O)}", v, v, v, v, "k", v), 0);
    check_circle(v, "[([...], [...], [...], [...]), {'k': ([...],)}]");
}
END_TEST

/* (…([…],)…): the tuple is met again inside itself before it is whole. */
START_TEST(circles_that_begin_in_a_tuple_are_written_too)
{
    for (int n = 1; n < 6; n++) {
        mproc_value *tuple = new_of(MPROC_KIND_TUPLE);
        mproc_value *list = NULL;
        ck_assert_int_eq(mproc_value_append_new(tuple, MPROC_KIND_LIST, &list), 0);
        for (int i = 1; i < n; i++)
            ck_assert_int_eq(mproc_value_extend(tuple, "i", i), 0);
        ck_assert_int_eq(mproc_value_append(list, tuple), 0);
        for (uint64_t protocol = 2; protocol <= 5; protocol++) {
            struct mp_buffer pickle = {0};
            dump(tuple, protocol, &pickle);
            mproc_value *back = load(pickle.data, pickle.len);
            ck_assert_int_eq(mproc_value_equal(tuple, back), 1);
            /* The same tuple inside, not one more. */
            const mproc_value *inner = mproc_value_item(mproc_value_item(back, 0), 0);
            ck_assert_ptr_eq(mproc_value_item(inner, 0), mproc_value_item(back, 0));
            mproc_value_free(back);
            mp_buffer_clear(&pickle);
        }
        mproc_value_free(tuple);
    }
}
END_TEST

START_TEST(a_tuple_of_itself_alone_cannot_be_written)
{
    mproc_value *tuple = new_of(MPROC_KIND_TUPLE);
    mproc_error err;
    void *data = NULL;
    size_t len = 42;
    ck_assert_int_eq(mproc_value_append(tuple, tuple), 0);
    ck_assert_int_eq(mproc_value_pickle(tuple, &data, &len, NULL, &err), MPROC_EUNPICKLABLE);
    ck_assert_ptr_nonnull(strstr(err.text, "contains itself"));
    ck_assert_ptr_null(data);
    ck_assert_uint_eq(len, 42);
    mproc_value_free(tuple);
}
END_TEST

START_TEST(objects_in_circles_are_made_once)
{
    static const char pickle[] = "\x80\4\x8c\1m\x8c\1C\x93)\x81\x94}(\x8c\4self\x94h\0\x8c\1l]h\0au"
                                 "b.";
    mproc_value *v = load(pickle, sizeof pickle - 1);
    check_circle(v, "<m.C.__new__() state={'self': <...>, 'l': [<...>]}>");
}
END_TEST

/* ---- memo ---- */

START_TEST(texts_that_are_shared_are_written_once_also_beyond_256)
{
    struct mp_buffer pickle = {0};
    mp_buffer_append(&pickle, "\x80\4(", 3);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 300; i++) {
            unsigned char get[5] = {'j', (unsigned char)i, (unsigned char)(i >> 8), 0, 0};
            char put[8];
            int n = snprintf(put, sizeof put, "\x8c\4%04d", i);
            mp_buffer_append(&pickle, round ? (const char *)get : put, round ? 5 : (size_t)n);
            if (!round)
                mp_buffer_append(&pickle, "\x94", 1);
        }
    }
    mp_buffer_append(&pickle, "l.", 2);
    mproc_value *v = load(pickle.data, pickle.len);
    ck_assert_uint_eq(mproc_value_length(v), 600);
    for (uint64_t protocol = 2; protocol <= 5; protocol++) {
        struct mp_buffer again = {0};
        dump(v, protocol, &again);
        ck_assert_uint_lt(again.len, 300 * (9 + 5 + 5) + 100);
        mproc_value *back = load(again.data, again.len);
        ck_assert_int_eq(mproc_value_equal(v, back), 1);
        ck_assert_ptr_eq(mproc_value_str(mproc_value_item(back, 299), NULL),
                         mproc_value_str(mproc_value_item(back, 599), NULL));
        mproc_value_free(back);
        mp_buffer_clear(&again);
    }
    mproc_value_free(v);
    mp_buffer_clear(&pickle);
}
END_TEST

START_TEST(equal_texts_that_are_not_shared_are_written_twice)
{
    mproc_value *v = parse("['spam', 'spam']");
    struct mp_buffer pickle = {0};
    dump(v, 3, &pickle);
    static const char expected[] = "\x80\3](X\4\0\0\0spamX\4\0\0\0spame.";
    ck_assert_uint_eq(pickle.len, sizeof expected - 1);
    ck_assert_mem_eq(pickle.data, expected, pickle.len);
    mp_buffer_clear(&pickle);
    mproc_value_free(v);
}
END_TEST

/* ---- names ---- */

static void check_global(const char *name, uint64_t protocol, const char *expected, size_t len)
{
    mproc_value *v = NULL;
    struct mp_buffer pickle = {0};
    ck_assert_int_eq(mproc_value_new_global(&v, "builtins", name), 0);
    dump(v, protocol, &pickle);
    ck_assert_uint_eq(pickle.len, len);
    ck_assert_mem_eq(pickle.data, expected, len);
    mp_buffer_clear(&pickle);
    mproc_value_free(v);
}

START_TEST(globals_are_written_as_each_protocol_has_them)
{
    check_global("range", 2,
                 "\x80\2"
                 "c__builtin__\nxrange\n.",
                 23);
    check_global("range", 3,
                 "\x80\3"
                 "cbuiltins\nrange\n.",
                 19);
    check_global("range", 4,
                 "\x80\4\x95\x13\0\0\0\0\0\0\0\x8c\x08"
                 "builtins\x8c\5range\x93.",
                 30);
    check_global("a.b", 4,
                 "\x80\4\x95\x11\0\0\0\0\0\0\0\x8c\x08"
                 "builtins\x8c\3a.b\x93.",
                 28);
    static const char dotted[] = "\x80\3"
                                 "cbuiltins\ngetattr\nq\0cbuiltins\na\nX\1\0\0\0b\x86R.";
    struct mp_buffer pickle = {0};
    mproc_value *v = NULL;
    ck_assert_int_eq(mproc_value_new_global(&v, "builtins", "a.b.c"), 0);
    dump(v, 3, &pickle);
    mproc_value *back = load(pickle.data, pickle.len);
    assert_repr(back, "<builtins.getattr(<builtins.getattr(<builtins.a>, 'b')>, 'c')>");
    ck_assert_mem_eq(pickle.data, dotted, 18);
    mproc_value_free(back);
    mproc_value_free(v);
    mp_buffer_clear(&pickle);
}
END_TEST

START_TEST(names_with_a_newline_need_protocol_4)
{
    mproc_value *v = NULL;
    void *data = NULL;
    size_t len = 0;
    mproc_error err;
    mproc_pickle_options options = MPROC_PICKLE_OPTIONS_INIT;
    options.protocol = 3;
    ck_assert_int_eq(mproc_value_new_global(&v, "m", "a\nb"), 0);
    ck_assert_int_eq(mproc_value_pickle(v, &data, &len, &options, &err), MPROC_EUNPICKLABLE);
    ck_assert_ptr_nonnull(strstr(err.text, "newline"));
    ck_assert_ptr_null(data);
    options.protocol = 4;
    ck_assert_int_eq(mproc_value_pickle(v, &data, &len, &options, &err), 0);
    mproc_value *back = load(data, len);
    assert_equal(v, back, 1);
    mproc_free(data);
}
END_TEST

/* ---- refusals ---- */

START_TEST(only_protocols_2_to_5_are_written)
{
    static const uint64_t protocols[] = {0, 1, 6, 7, 255, 256, UINT64_MAX};
    mproc_value *v = new_int(1);
    for (size_t i = 0; i < COUNT(protocols); i++) {
        mproc_pickle_options options = MPROC_PICKLE_OPTIONS_INIT;
        mproc_error err;
        void *data = NULL;
        size_t len = 42;
        options.protocol = protocols[i];
        ck_assert_int_eq(mproc_value_pickle(v, &data, &len, &options, &err), -EINVAL);
        ck_assert_int_eq(err.code, -EINVAL);
        ck_assert(!data && len == 42);
    }
    mproc_value_free(v);
}
END_TEST

START_TEST(what_cannot_leave_the_process_is_refused_wherever_it_is)
{
    static const char *const formats[] = {"P", "[P]", "(iP)", "{sP}"};
    int here;
    for (size_t i = 0; i < COUNT(formats); i++) {
        mproc_value *v = NULL;
        void *data = NULL;
        size_t len = 42;
        mproc_error err;
        int rc = i == 2   ? mproc_pack(&v, formats[i], 1, &here)
                 : i == 3 ? mproc_pack(&v, formats[i], "k", &here)
                          : mproc_pack(&v, formats[i], &here);
        ck_assert_int_eq(rc, 0);
        ck_assert_int_eq(mproc_value_pickle(v, &data, &len, NULL, &err), MPROC_EUNPICKLABLE);
        ck_assert(!data && len == 42);
        ck_assert_ptr_nonnull(strstr(err.text, "pointer"));
        mproc_value_free(v);
    }
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("value_encode");
    TCase *tc = mp_case(suite, "value_encode", 30);
    tcase_add_test(tc, batches_frames_and_memos_are_pythons);
    tcase_add_test(tc, what_python_wrote_is_written_as_python_wrote_it);
    tcase_add_test(tc, frames_are_cut_at_64_kib);
    tcase_add_test(tc, frames_are_cut_inside_of_small_containers);
    tcase_add_test(tc, the_output_may_grow_at_any_item);
    tcase_add_test(tc, the_output_may_grow_at_the_end_of_a_container);
    tcase_add_test(tc, what_is_too_short_for_a_frame_has_none);
    tcase_add_test(tc, circles_through_containers_are_written_at_every_protocol);
    tcase_add_test(tc, circles_that_begin_in_a_tuple_are_written_too);
    tcase_add_test(tc, a_tuple_of_itself_alone_cannot_be_written);
    tcase_add_test(tc, objects_in_circles_are_made_once);
    tcase_add_test(tc, texts_that_are_shared_are_written_once_also_beyond_256);
    tcase_add_test(tc, equal_texts_that_are_not_shared_are_written_twice);
    tcase_add_test(tc, globals_are_written_as_each_protocol_has_them);
    tcase_add_test(tc, names_with_a_newline_need_protocol_4);
    tcase_add_test(tc, only_protocols_2_to_5_are_written);
    tcase_add_test(tc, what_cannot_leave_the_process_is_refused_wherever_it_is);
    return suite;
}
