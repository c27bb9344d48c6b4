/* SPDX-License-Identifier: MIT */
/* Reading pickles: every opcode as Python reads it, and every way in which one can be malformed. */
#include "value/help.h"
#include "value/value.h"

static void check_vector(char *const *fields)
{
    size_t len;
    unsigned char *pickle = unhex(fields[0], &len);
    mproc_value *v = NULL;
    mproc_error err;
    int rc = mproc_value_unpickle(&v, pickle, len, NULL, &err);
    ck_assert_msg(rc == 0, "%s: %s", fields[0], err.text);
    assert_repr(v, fields[1]);
    assert_round_trip(v);
    mproc_value_free(v);
    free(pickle);
}

START_TEST(each_opcode_is_read_as_python_reads_it)
{
    ck_assert_uint_gt(for_each_row("decodes.tsv", 2, check_vector), 140);
}
END_TEST

struct refusal {
    const char *pickle;
    size_t len;
    int code;
    const char *text;
};

#define BAD(pickle, code, text)                                                                    \
    {                                                                                              \
        pickle, sizeof(pickle) - 1, code, text                                                     \
    }
#define MALFORMED(pickle, text) BAD(pickle, MPROC_EPICKLE, text)

static void check_refusals(const struct refusal *bad, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        /* In memory of just that size, so that a byte read too many is seen. */
        unsigned char *copy = malloc(bad[i].len + !bad[i].len);
        memcpy(copy, bad[i].pickle, bad[i].len);
        int rc = load_code(copy, bad[i].len, NULL, bad[i].text);
        ck_assert_msg(rc == bad[i].code, "number %zu (%s): %d", i, bad[i].text, rc);
        free(copy);
    }
}

static const struct refusal ends[] = {
    MALFORMED("", "cut short at offset 0"),
    MALFORMED("N", "cut short at offset 1"),
    MALFORMED("(", "cut short at offset 1"),
    MALFORMED("\x80", "offset 0"),
    MALFORMED("\x80\x04", "cut short at offset 2"),
    MALFORMED(".", "not one value at the end"),
    MALFORMED("NN.", "not one value at the end"),
    MALFORMED("(N.", "not one value at the end"),
    MALFORMED("N(.", "not one value at the end"),
    MALFORMED("N..", "bytes behind the end"),
    MALFORMED("N.\n", "bytes behind the end"),
    MALFORMED("N.N.", "bytes behind the end"),
    MALFORMED("\x80\x06N.", "unknown protocol at offset 0"),
    MALFORMED("\x80\xffN.", "unknown protocol"),
};

START_TEST(a_pickle_is_one_value_and_nothing_else)
{
    check_refusals(ends, COUNT(ends));
}
END_TEST

static const struct refusal stack[] = {
    MALFORMED("0.", "offset 0"),
    MALFORMED("1.", "no mark at offset 0"),
    MALFORMED("2.", "offset 0"),
    MALFORMED("N1.", "no mark at offset 1"),
    MALFORMED("a.", "offset 0"),
    MALFORMED("]a.", "offset 1"),
    MALFORMED("NNa.", "append to what is no list at offset 2"),
    MALFORMED("}Na.", "append to what is no list"),
    MALFORMED(")Na.", "append to what is no list"),
    MALFORMED("](Na.", "offset 3"), /* may not reach below the mark */
    MALFORMED("e.", "no mark"),
    MALFORMED("]e.", "no mark"),
    MALFORMED("(e.", "offset 1"),
    MALFORMED("(Ne.", "offset 2"),
    MALFORMED("N(Ne.", "append to what is no list"),
    MALFORMED("s.", "offset 0"),
    MALFORMED("}s.", "offset 1"),
    MALFORMED("}Ns.", "offset 2"),
    MALFORMED("]NNs.", "set item of what is no dict"),
    MALFORMED("}(NNs.", "offset 4"),
    MALFORMED("u.", "no mark"),
    MALFORMED("}(Nu.", "key without value"),
    MALFORMED("](NNu.", "set item of what is no dict"),
    MALFORMED("(Nd.", "key without value"),
    MALFORMED("d.", "no mark"),
    MALFORMED("l.", "no mark"),
    MALFORMED("t.", "no mark"),
    MALFORMED("\x85.", "offset 0"),
    MALFORMED("N\x86.", "offset 1"),
    MALFORMED("NN\x87.", "offset 2"),
    MALFORMED("N(N\x86.", "offset 3"),
    MALFORMED("\x90.", "no mark"),
    MALFORMED("](N\x90.", "add to what is no set"),
    MALFORMED("(N\x91\x94(N\x90(.", "not one value"),
    MALFORMED("\x91.", "no mark"),
    MALFORMED("\x94.", "nothing to memoize"),
    MALFORMED("(\x94.", "nothing to memoize"),
    MALFORMED("q\0.", "nothing to memoize"),
    MALFORMED("p0\n.", "nothing to memoize"),
    MALFORMED("r\0\0\0\0.", "nothing to memoize"),
};

START_TEST(opcodes_that_find_too_little_on_the_stack_are_refused)
{
    check_refusals(stack, COUNT(stack));
}
END_TEST

static const struct refusal lengths[] = {
    MALFORMED("X\1\0\0\0.", "cut short"),
    MALFORMED("X\2\0\0\0.", "longer than the pickle"),
    MALFORMED("X\xff\xff\xff\xff.", "longer than the pickle"),
    MALFORMED("X\xff\xff\xff\x7f.", "longer than the pickle"),
    MALFORMED("X\1\0\0", "offset 0"),
    MALFORMED("\x8c\2.", "longer than the pickle"),
    MALFORMED("\x8c", "offset 0"),
    MALFORMED("\x8d\xff\xff\xff\xff\xff\xff\xff\xff.", "longer than the pickle"),
    MALFORMED("\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.", "longer than the pickle"),
    MALFORMED("\x8d\0\0\0\0\0\0\0\x80.", "longer than the pickle"),
    MALFORMED("\x8d\1\0\0", "offset 0"),
    MALFORMED("B\xff\xff\xff\xff.", "longer than the pickle"),
    MALFORMED("C\xff.", "longer than the pickle"),
    MALFORMED("\x8e\xff\xff\xff\xff\xff\xff\xff\xff.", "longer than the pickle"),
    MALFORMED("\x8e\xf0\xff\xff\xff\xff\xff\xff\x7f.", "longer than the pickle"),
    MALFORMED("\x96\xff\xff\xff\xff\xff\xff\xff\xff.", "longer than the pickle"),
    MALFORMED("\x96\x02\0\0\0\0\0\0\0.", "longer than the pickle"),
    MALFORMED("T\xff\xff\xff\xff.", "longer than the pickle"),
    MALFORMED("T\2\0\0\0.", "longer than the pickle"),
    MALFORMED("U\5abc.", "longer than the pickle"),
    MALFORMED("\x8a\xff.", "longer than the pickle"),
    MALFORMED("\x8a\2\0", "longer than the pickle"),
    MALFORMED("\x8b\xff\xff\xff\xff.", "longer than the pickle"),
    MALFORMED("\x8b\xff\xff\xff\x7f.", "longer than the pickle"),
    MALFORMED("\x8b\0\0\0\x80.", "longer than the pickle"),
    MALFORMED("\x95\xff\xff\xff\xff\xff\xff\xff\xffN.", "frame longer than the pickle"),
    MALFORMED("\x95\3\0\0\0\0\0\0\0N.", "frame longer than the pickle"),
    MALFORMED("\x95\2\0\0", "offset 0"),
    MALFORMED("G\0\0\0\0\0\0\0", "offset 0"),
    MALFORMED("J\0\0\0", "offset 0"),
    MALFORMED("M\0", "offset 0"),
    MALFORMED("K", "offset 0"),
};

START_TEST(lengths_that_lie_are_refused)
{
    check_refusals(lengths, COUNT(lengths));
}
END_TEST

static const struct refusal texts[] = {
    MALFORMED("I1", "line without end"),
    MALFORMED("I\n.", "malformed int"),
    MALFORMED("I-\n.", "malformed int"),
    MALFORMED("I+1\n.", "malformed int"),
    MALFORMED("I1 \n.", "malformed int"),
    MALFORMED("I1L\n.", "malformed int"),
    MALFORMED("I1_0\n.", "malformed int"),
    MALFORMED("I0x1\n.", "malformed int"),
    MALFORMED("L\n.", "malformed int"),
    MALFORMED("LL\n.", "malformed int"),
    MALFORMED("L1LL\n.", "malformed int"),
    MALFORMED("L--1\n.", "malformed int"),
    MALFORMED("F\n.", "malformed float"),
    MALFORMED("F1.5x\n.", "malformed float"),
    MALFORMED("F1,5\n.", "malformed float"),
    MALFORMED("F 1\n.", "malformed float"),
    MALFORMED("F0x1p3\n.", "malformed float"),
    MALFORMED("F1e\n.", "malformed float"),
    MALFORMED("Fnan(1)\n.", "malformed float"),
    MALFORMED("F1", "line without end"),
    MALFORMED("S\n.", "string without quotes"),
    MALFORMED("Sa\n.", "string without quotes"),
    MALFORMED("S'\n.", "string without quotes"),
    MALFORMED("S'a\"\n.", "string without quotes"),
    MALFORMED("S'a\n.", "string without quotes"),
    MALFORMED("S'\\'\n.", "malformed escape"),
    MALFORMED("S'\\q'\n.", "malformed escape"),
    MALFORMED("S'\\x4'\n.", "malformed escape"),
    MALFORMED("S'\\xg0'\n.", "malformed escape"),
    MALFORMED("S'\xc3\xa9'\n.", "not ASCII"),
    MALFORMED("S'\\xe9'\n.", "not ASCII"),
    MALFORMED("U\1\x80.", "not ASCII"),
    MALFORMED("T\1\0\0\0\xff.", "not ASCII"),
    MALFORMED("V\\u12\n.", "malformed escape"),
    MALFORMED("V\\uqqqq\n.", "malformed escape"),
    MALFORMED("V\\U00110000\n.", "malformed escape"),
    MALFORMED("V\\U0000\n.", "malformed escape"),
    MALFORMED("Vabc", "line without end"),
    BAD("X\1\0\0\0\xff.", MPROC_EUTF8, "not UTF-8 at offset 0"),
    BAD("\x8c\2\xc3(.", MPROC_EUTF8, "not UTF-8"),
    BAD("\x8d\1\0\0\0\0\0\0\0\x80.", MPROC_EUTF8, "not UTF-8"),
    BAD("\x8c\4\xf4\x90\x80\x80.", MPROC_EUTF8, "not UTF-8"),
};

START_TEST(numbers_and_texts_must_be_well_formed)
{
    check_refusals(texts, COUNT(texts));
}
END_TEST

static const struct refusal memos[] = {
    MALFORMED("h\0.", "memo entry that was never put"),
    MALFORMED("j\0\0\0\0.", "memo entry that was never put"),
    MALFORMED("g0\n.", "memo entry that was never put"),
    MALFORMED("N\x94h\1.", "memo entry that was never put at offset 2"),
    MALFORMED("Nq\3h\2.", "memo entry that was never put"),
    MALFORMED("Nq\3h\4.", "memo entry that was never put"),
    MALFORMED("j\xff\xff\xff\xff.", "memo entry that was never put"),
    MALFORMED("g-1\n.", "malformed memo index"),
    MALFORMED("g\n.", "malformed memo index"),
    MALFORMED("g1x\n.", "malformed memo index"),
    MALFORMED("g9999999999999999\n.", "malformed memo index"),
    MALFORMED("g999999999999999\n.", "memo entry that was never put"),
    MALFORMED("Np-1\n.", "malformed memo index"),
    MALFORMED("Np99999999999999999999999\n.", "malformed memo index"),
    BAD("Np999999999999999\n.", MPROC_ELIMIT, "memo index too high"),
    BAD("Nr\xff\xff\xff\xff.", MPROC_ELIMIT, "memo index too high"),
    BAD("Nr\xff\xff\xff\x7f.", MPROC_ELIMIT, "memo index too high"),
    BAD("Nq\xff.", MPROC_ELIMIT, "memo index too high"),
};

START_TEST(the_memo_gives_only_what_was_put)
{
    check_refusals(memos, COUNT(memos));
}
END_TEST

static const struct refusal objects[] = {
    MALFORMED("cmodule\nname", "line without end"),
    MALFORMED("cmodule", "line without end"),
    MALFORMED("c\nname\n.", "malformed name"),
    MALFORMED("cmodule\n\n.", "malformed name"),
    MALFORMED("cmo\0ule\nname\n.", "malformed name"),
    BAD("cmod\xff\nname\n.", MPROC_EUTF8, "not UTF-8"),
    BAD("cmod\nname\xc3\n.", MPROC_EUTF8, "not UTF-8"),
    MALFORMED("\x93.", "offset 0"),
    MALFORMED("\x8c\1m\x93.", "offset 3"),
    MALFORMED("\x8c\1mN\x93.", "global whose name is no str"),
    MALFORMED("NN\x93.", "global whose name is no str"),
    MALFORMED("C\1mC\1n\x93.", "global whose name is no str"),
    MALFORMED("\x8c\1m\x8c\2n\0\x93.", "malformed name"),
    MALFORMED("R.", "offset 0"),
    MALFORMED("NR.", "offset 1"),
    MALFORMED("N)R.", "call of what is no global or object"),
    MALFORMED("])R.", "call of what is no global or object"),
    MALFORMED("cm\nf\nNR.", "arguments that are no tuple"),
    MALFORMED("cm\nf\n]R.", "arguments that are no tuple"),
    MALFORMED("cbuiltins\nset\n]R.", "arguments that are no tuple"),
    MALFORMED("N)\x81.", "call of what is no global or object"),
    MALFORMED("cm\nC\n]\x81.", "arguments that are no tuple"),
    MALFORMED("cm\nC\n)N\x92.", "keyword arguments that are no dict"),
    MALFORMED("cm\nC\n)]\x92.", "keyword arguments that are no dict"),
    MALFORMED("cm\nC\n)\x92.", "offset 6"),
    MALFORMED("(o.", "object without class"),
    MALFORMED("(No.", "call of what is no global or object"),
    MALFORMED("o.", "no mark"),
    MALFORMED("im\nC\n.", "no mark"),
    MALFORMED("(im\n", "line without end"),
    MALFORMED("b.", "offset 0"),
    MALFORMED("Nb.", "offset 1"),
    MALFORMED("NNb.", "state for what takes none"),
    MALFORMED("]Nb.", "state for what takes none"),
    MALFORMED("cm\nC\nNb.", "state for what takes none"),
    MALFORMED("cm\nC\n)\x81NbNb.", "state for what takes none"),
    MALFORMED("P0\n.", "persistent id at offset 0"),
    MALFORMED("Pabc\n.", "persistent id"),
    MALFORMED("NQ.", "persistent id at offset 1"),
    MALFORMED("K\1Q.", "persistent id"),
    MALFORMED("Q.", "offset 0"),
    MALFORMED("\x82\1.", "extension code"),
    MALFORMED("\x83\1\0.", "extension code"),
    MALFORMED("\x84\1\0\0\0.", "extension code"),
    MALFORMED("\x97.", "out-of-band buffer"),
    MALFORMED("\x97\x98.", "out-of-band buffer"),
    MALFORMED("C\1x\x98.", "out-of-band buffer at offset 3"),
    BAD("cbuiltins\nset\n(]l\x85R.", MPROC_EUNHASHABLE, "cannot be one"),
    BAD("cbuiltins\nfrozenset\n(}l\x85R.", MPROC_EUNHASHABLE, "cannot be one"),
    BAD("}]Ns.", MPROC_EUNHASHABLE, "cannot be one at offset 3"),
    BAD("}(]Nu.", MPROC_EUNHASHABLE, "cannot be one"),
    BAD("(]Nd.", MPROC_EUNHASHABLE, "cannot be one"),
    BAD("(]\x91.", MPROC_EUNHASHABLE, "cannot be one"),
    BAD("\x8f(}\x90.", MPROC_EUNHASHABLE, "cannot be one"),
    BAD("}]\x85Ns.", MPROC_EUNHASHABLE, "cannot be one"),
    BAD("}\x8fNs.", MPROC_EUNHASHABLE, "cannot be one"),
    BAD("}\x96\0\0\0\0\0\0\0\0Ns.", MPROC_EUNHASHABLE, "cannot be one"),
};

START_TEST(calls_and_names_must_be_well_formed)
{
    check_refusals(objects, COUNT(objects));
}
END_TEST

START_TEST(bytes_that_are_no_opcode_are_refused)
{
    static const char opcodes[] = "(.012FIJKLMNPQRSTUVX}])abcdeghijloqprstuGBC";
    for (int op = 0; op < 256; op++) {
        char pickle[3] = {'N', (char)op, '.'};
        if (op >= 0x80 ? op <= 0x98 : op && strchr(opcodes, op))
            continue;
        ck_assert_int_eq(load_code(pickle, 3, NULL, "unknown opcode at offset 1"), MPROC_EPICKLE);
    }
}
END_TEST

/* ---- what becomes of calls ---- */

static const struct {
    const char *pickle;
    size_t len;
    const char *repr;
} inert[] = {
#define INERT(pickle, repr)                                                                        \
    {                                                                                              \
        pickle, sizeof(pickle) - 1, repr                                                           \
    }
    INERT("cm\nf\n.", "<m.f>"),
    INERT("cm\nf\n)R.", "<m.f()>"),
    INERT("cm\nf\nK\1\x85R.", "<m.f(1,)>"),
    INERT("cm\nC\n)\x81.", "<m.C.__new__()>"),
    INERT("cm\nC\n)}\x92.", "<m.C.__new__() kwargs={}>"),
    INERT("cm\nC\nK\1\x85}\x8c\1kK\2s\x92.", "<m.C.__new__(1,) kwargs={'k': 2}>"),
    INERT("cm\nC\n)\x81}\x8c\1aK\1sb.", "<m.C.__new__() state={'a': 1}>"),
    INERT("cm\nC\n)\x81N}\x86"
          "b.",
          "<m.C.__new__() state=(None, {})>"),
    INERT("cm\nC\n)\x81K\1a.", "<m.C.__new__() list=[1]>"),
    INERT("cm\nC\n)\x81(K\1K\2e.", "<m.C.__new__() list=[1, 2]>"),
    INERT("cm\nC\n)\x81K\1K\2s.", "<m.C.__new__() dict={1: 2}>"),
    INERT("cm\nC\n)\x81(K\1K\2K\1K\3u.", "<m.C.__new__() dict={1: 3}>"),
    INERT("cm\nC\n)R(K\1eK\2K\3sNb.", "<m.C() state=None list=[1] dict={2: 3}>"),
    INERT("(K\1im\nC\n.", "<m.C(1,)>"),
    INERT("(im\nC\n.", "<m.C()>"),
    INERT("(cm\nC\nK\1o.", "<m.C(1,)>"),
    INERT("(cm\nC\no}b.", "<m.C() state={}>"),
    INERT("cm\nf\n)R)R.", "<<m.f()>()>"),
    INERT("\x80\4\x8c\1m\x8c\3A.B\x93.", "<m.A.B>"),
    INERT("\x80\2cbuiltins\ngetattr\ncm\nA\nX\1\0\0\0B\x86R.", "<builtins.getattr(<m.A>, 'B')>"),
    INERT("c__builtin__\nunicode\n.", "<builtins.str>"),
    INERT("\x80\2"
          "c__builtin__\nxrange\n.",
          "<builtins.range>"),
    INERT("\x80\3"
          "c__builtin__\nxrange\n.",
          "<__builtin__.xrange>"),
    INERT("\x80\2"
          "ccopy_reg\n_reconstructor\n.",
          "<copyreg._reconstructor>"),
    /* Not the plain forms: calls like any other. */
    INERT("cbuiltins\nset\nN\x85R.", "<builtins.set(None,)>"),
    INERT("cbuiltins\nset\n]]\x86R.", "<builtins.set([], [])>"),
    INERT("cbuiltins\nbytes\nK\5\x85R.", "<builtins.bytes(5,)>"),
    INERT("cbuiltins\nbytearray\nK\5\x85R.", "<builtins.bytearray(5,)>"),
    INERT("cbuiltins\ncomplex\nN\x85R.", "<builtins.complex(None,)>"),
    INERT("cbuiltins\ncomplex\nNN\x86R.", "<builtins.complex(None, None)>"),
    INERT("cbuiltins\nset\n)\x81.", "<builtins.set.__new__()>"),
    INERT("cbuiltins\nbytes\nX\1\0\0\0aX\4\0\0\0utf8\x86R.", "<builtins.bytes('a', 'utf8')>"),
    INERT("c_codecs\nencode\nX\2\0\0\0\xc4\x80X\6\0\0\0latin1\x86R.",
          "<_codecs.encode('\xc4\x80', 'latin1')>"),
};

START_TEST(calls_become_inert_objects)
{
    for (size_t i = 0; i < COUNT(inert); i++) {
        mproc_value *v = load(inert[i].pickle, inert[i].len);
        assert_repr(v, inert[i].repr);
        for (uint64_t protocol = 4; protocol <= 5; protocol++) {
            struct mp_buffer pickle = {0};
            dump(v, protocol, &pickle);
            mproc_value *back = load(pickle.data, pickle.len);
            assert_repr(back, inert[i].repr);
            mproc_value_free(back);
            mp_buffer_clear(&pickle);
        }
        mproc_value_free(v);
    }
}
END_TEST

/* ---- rows of numbers ---- */

/* Assertions are too slow to be made for each number. */
static void put(struct mp_buffer *out, const char *data, size_t len)
{
    if (mp_buffer_append(out, data, len) < 0)
        abort();
}

static void put_text(struct mp_buffer *out, const char *text)
{
    put(out, text, strlen(text));
}

/* Numbers of every opcode there is for them, in turn, some of them at the ends of their ranges. */
static void put_number(struct mp_buffer *out, size_t i)
{
    static const struct {
        const char *pickle;
        size_t len;
    } forms[] = {
        {"K\0", 2},   {"M\0\1", 3},       {"J\xff\xff\xff\xff", 5}, {"G\x3f\xf8\0\0\0\0\0\0", 9},
        {"K\xff", 2}, {"J\0\0\0\x80", 5}, {"M\xff\xff", 3}};
    size_t which = i % COUNT(forms);
    put(out, forms[which].pickle, forms[which].len);
}

static bool is_number(const mproc_value *v, size_t i)
{
    static const double numbers[] = {0, 256, -1, 1.5, 255, -2147483648.0, 65535};
    double number = numbers[i % COUNT(numbers)];
    double read = 7;
    int64_t whole = 7;
    if (number == 1.5)
        return mproc_value_float(v, &read) == 0 && read == number;
    return mproc_value_int64(v, &whole) == 0 && whole == (int64_t)number;
}

/* A list of `n` numbers in batches, above `below` other values on the stack. */
static void check_list(size_t n, size_t batch, size_t below)
{
    struct mp_buffer pickle = {0};
    put_text(&pickle, "(");
    for (size_t i = 0; i < below; i++)
        put_text(&pickle, "N");
    put_text(&pickle, "]\x94");
    for (size_t i = 0; i < n;) {
        put_text(&pickle, "(");
        for (size_t k = 0; k < batch && i < n; k++)
            put_number(&pickle, i++);
        put_text(&pickle, "e");
    }
    put_text(&pickle, "t.");
    mproc_value *v = load(pickle.data, pickle.len);
    const mproc_value *list = mproc_value_item(v, below);
    ck_assert_uint_eq(mproc_value_length(v), below + 1);
    ck_assert_uint_eq(mproc_value_length(list), n);
    size_t right = 0;
    while (right < n && is_number(mproc_value_item(list, right), right))
        right++;
    ck_assert_uint_eq(right, n);
    mproc_value_free(v);
    mp_buffer_clear(&pickle);
}

START_TEST(lists_of_numbers_are_read_whatever_their_length)
{
    static const size_t counts[] = {998,  999,  1000, 1001, 1999, 2000, 2039,
                                    2040, 2041, 2100, 4095, 5000, 70000};
    for (size_t n = 0; n < 70; n++)
        for (size_t batch = 1; batch <= n + 1; batch += 3)
            check_list(n, batch, 0);
    for (size_t i = 0; i < COUNT(counts); i++) {
        check_list(counts[i], 1000, 0);
        check_list(counts[i], 7, 0);
        check_list(counts[i], SIZE_MAX, 0);
    }
}
END_TEST

START_TEST(lists_of_numbers_are_read_on_a_stack_that_is_nearly_full)
{
    for (size_t below = 2020; below < 2060; below++)
        for (size_t n = 1; n < 24; n += 5)
            check_list(n, 1000, below);
    check_list(1500, 1000, 1500);
}
END_TEST

/* Whatever stands among the numbers. */
static const struct {
    const char *pickle;
    size_t len;
    const char *repr;
} mixed[] = {
#define MIXED(pickle, repr)                                                                        \
    {                                                                                              \
        pickle, sizeof(pickle) - 1, repr                                                           \
    }
    MIXED("](e.", "[]"),
    MIXED("](K\1e.", "[1]"),
    MIXED("](K\1K\2e(K\3K\4e.", "[1, 2, 3, 4]"),
    MIXED("](K\1K\2K\3e(K\4e(Ne(K\5e.", "[1, 2, 3, 4, None, 5]"),
    MIXED("](K\1K\2K\3NK\4e.", "[1, 2, 3, None, 4]"),
    MIXED("](K\1K\2t\x86.", "([], (1, 2))"),
    MIXED("](K\1K\2K\3K\4K\5l0.", "[]"),
    MIXED("](K\1K\2K\3K\4K\5K\6K\7ta.", "[(1, 2, 3, 4, 5, 6, 7)]"),
    MIXED("](K\1K\2K\3K\4K\5K\6(K\7K\10te.", "[1, 2, 3, 4, 5, 6, (7, 8)]"),
    MIXED("]\x94(](K\1K\2K\3K\4K\5K\6eK\7h\0e.", "[[1, 2, 3, 4, 5, 6], 7, [...]]"),
    MIXED("]\x94(K\1K\2K\3K\4K\5K\6h\0K\7e.", "[1, 2, 3, 4, 5, 6, [...], 7]"),
    MIXED("](\x8c\1aK\1K\2K\3K\4K\5e.", "['a', 1, 2, 3, 4, 5]"),
    MIXED("\x8c\1a](K\1K\2K\3K\4K\5e\x86.", "('a', [1, 2, 3, 4, 5])"),
    MIXED("]\x8c\1aa(K\1K\2K\3K\4K\5e.", "['a', 1, 2, 3, 4, 5]"),
    MIXED("](\x8c\1a(K\1K\2K\3K\4K\5te.", "['a', (1, 2, 3, 4, 5)]"),
};

START_TEST(rows_of_numbers_may_be_anything_in_the_end)
{
    for (size_t i = 0; i < COUNT(mixed); i++) {
        mproc_value *v = load(mixed[i].pickle, mixed[i].len);
        assert_repr(v, mixed[i].repr);
        assert_round_trip(v);
        mproc_value_free(v);
    }
}
END_TEST

static int load_limited(const struct mp_buffer *pickle, size_t depth, size_t memory)
{
    mproc_unpickle_options limits = MPROC_UNPICKLE_OPTIONS_INIT;
    limits.max_depth = depth;
    limits.max_memory = memory;
    return load_code(pickle->data, pickle->len, &limits, NULL);
}

START_TEST(lists_of_numbers_cut_short_or_limited_are_refused)
{
    struct mp_buffer pickle = {0};
    put_text(&pickle, "](");
    for (size_t i = 0; i < 1000; i++)
        put_number(&pickle, i);
    put_text(&pickle, "e.");
    for (size_t n = 0; n < pickle.len; n++) {
        unsigned char *cut = malloc(n + !n);
        memcpy(cut, pickle.data, n);
        ck_assert_int_eq(load_code(cut, n, NULL, "cut short at offset"), MPROC_EPICKLE);
        free(cut);
    }
    ck_assert_int_eq(load_limited(&pickle, 0, SIZE_MAX), MPROC_ELIMIT);
    ck_assert_int_eq(load_limited(&pickle, 1, SIZE_MAX), 0);
    ck_assert_int_eq(load_limited(&pickle, 1, 15000), MPROC_ELIMIT);
    ck_assert_int_eq(load_limited(&pickle, 1, 17000), 0);
    mp_buffer_clear(&pickle);
}
END_TEST

/* --- how deep ----------------------------------------------------------------------------------
 */

struct nest {
    struct mp_buffer pickle;
    uint64_t random;
    unsigned known; /* containers in the memo */
};

static unsigned choose(struct nest *nest, unsigned n)
{
    nest->random = nest->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (unsigned)(nest->random >> 33) % n;
}

static void put_nest(struct nest *nest, int levels);

static void put_nests(struct nest *nest, int levels, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        put_nest(nest, levels - 1);
}

static void put_entries(struct nest *nest, int levels, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        const char key[] = {(char)('a' + i), 0};
        put_text(&nest->pickle, "\x8c\1");
        put_text(&nest->pickle, key);
        put_nest(nest, levels - 1);
    }
}

static void put_container(struct nest *nest, int levels)
{
    const char *const tuples[] = {")", "\x85", "\x86", "\x87"};
    unsigned n = choose(nest, 4);
    switch (choose(nest, 8)) {
    case 0:
    case 1:
        put_nests(nest, levels, n);
        put_text(&nest->pickle, tuples[n]);
        break;
    case 2:
        put_text(&nest->pickle, "(");
        put_nests(nest, levels, 2 * n);
        put_text(&nest->pickle, "t");
        break;
    case 3:
        put_text(&nest->pickle, "](");
        put_nests(nest, levels, 2 * n);
        put_text(&nest->pickle, "e");
        break;
    case 4:
        put_text(&nest->pickle, "}(");
        put_entries(nest, levels, 3 * n);
        put_text(&nest->pickle, "u");
        break;
    case 5:
        put_text(&nest->pickle, "]");
        put_nests(nest, levels, 1);
        put_text(&nest->pickle, "a");
        break;
    case 6:
        put_text(&nest->pickle, "\x8f(K\1K\2\x90");
        break;
    default:
        put_text(&nest->pickle, "}");
        put_entries(nest, levels, 1);
        put_text(&nest->pickle, "s");
        break;
    }
    if (nest->known < 256 && choose(nest, 2)) {
        put_text(&nest->pickle, "\x94");
        nest->known++;
    }
}

/* A number, a container from the memo, or a new one. */
static void put_nest(struct nest *nest, int levels)
{
    unsigned kind = levels > 0 ? choose(nest, 8) : 0;
    if (kind < 2) {
        put_text(&nest->pickle, choose(nest, 2) ? "K\7" : "N");
    } else if (kind == 2 && nest->known > 0) {
        const unsigned char index = (unsigned char)choose(nest, nest->known);
        put_text(&nest->pickle, "h");
        mp_buffer_append(&nest->pickle, &index, 1);
    } else {
        put_container(nest, levels);
    }
}

static uint32_t check_depths(const mproc_value *v)
{
    uint32_t deepest = 0;
    if (!mp_has_node(v))
        return 0;
    for (size_t i = 0; i < mproc_value_length(v); i++) {
        const mproc_value *key;
        const mproc_value *item = mproc_value_item(v, i);
        if (mproc_value_kind(v) == MPROC_KIND_DICT)
            ck_assert_int_eq(mproc_value_entry(v, i, &key, &item), 1);
        uint32_t depth = check_depths(item);
        deepest = depth > deepest ? depth : deepest;
    }
    ck_assert_uint_eq(v->u.node->depth, deepest + 1);
    return deepest + 1;
}

START_TEST(depths_are_known_however_a_value_came_together)
{
    for (uint64_t seed = 0; seed < 3000; seed++) {
        struct nest nest = {.random = seed * UINT64_C(0x9e3779b97f4a7c15)};
        put_nests(&nest, 6, 5);
        put_text(&nest.pickle, "\x87\x87.");
        mproc_value *v = load(nest.pickle.data, nest.pickle.len);
        uint32_t depth = check_depths(v);
        ck_assert_int_eq(load_limited(&nest.pickle, depth, SIZE_MAX), 0);
        ck_assert_int_eq(load_limited(&nest.pickle, depth - 1, SIZE_MAX), MPROC_ELIMIT);
        mproc_value_free(v);
        mp_buffer_clear(&nest.pickle);
    }
}
END_TEST

/* --- containers --------------------------------------------------------------------------------
 */

/* Small messages have no memory to make containers in at once. */
static mproc_value *load_behind(const char *pickle, size_t len, size_t others)
{
    struct mp_buffer whole = {0};
    put_text(&whole, "](");
    for (size_t i = 0; i < others; i++)
        put_text(&whole, "K\1");
    put_text(&whole, "e0");
    mp_buffer_append(&whole, pickle, len);
    mproc_value *v = load(whole.data, whole.len);
    mp_buffer_clear(&whole);
    return v;
}

#define KEYS8 "\x8c\1aK\1\x8c\1bK\2\x8c\1cK\3\x8c\1dK\4\x8c\1eK\5\x8c\1fK\6\x8c\1gK\7\x8c\1hK\10"
#define REPR8 "'a': 1, 'b': 2, 'c': 3, 'd': 4, 'e': 5, 'f': 6, 'g': 7, 'h': 8"

static const struct {
    const char *pickle;
    size_t len;
    const char *repr;
} containers[] = {
    MIXED("]}\x86.", "([], {})"),
    MIXED("](e}(u\x86.", "([], {})"),
    MIXED("]K\1a.", "[1]"),
    MIXED("]K\1aK\2a(K\3K\4eK\5a.", "[1, 2, 3, 4, 5]"),
    MIXED("}\x8c\1aK\1s.", "{'a': 1}"),
    MIXED("}\x8c\1aK\1s\x8c\1bK\2s\x8c\1aK\3s.", "{'a': 3, 'b': 2}"),
    MIXED("}(\x8c\1aK\1\x8c\1aK\2u.", "{'a': 2}"),
    MIXED("}(\x8c\0K\1\x8c\1\0K\2\x8c\0K\3u.", "{'': 3, '\\x00': 2}"),
    MIXED("}(\x8c\2abK\1\x8c\2acK\2\x8c\2abK\3u.", "{'ab': 3, 'ac': 2}"),
    MIXED("}(\x8c\1aK\1K\1K\2u.", "{'a': 1, 1: 2}"),
    MIXED("}(K\1K\2\x88K\3u.", "{1: 3}"),
    MIXED("}(\x8c\1aK\1C\1aK\2u.", "{'a': 1, b'a': 2}"),
    MIXED("}(" KEYS8 "u.", "{" REPR8 "}"),
    MIXED("}(" KEYS8 "\x8c\1iK\11u.", "{" REPR8 ", 'i': 9}"),
    MIXED("}(" KEYS8 "u\x8c\1iK\11s.", "{" REPR8 ", 'i': 9}"),
    MIXED("}(" KEYS8 "u(\x8c\1hK\11\x8c\1iK\12u.",
          "{'a': 1, 'b': 2, 'c': 3, 'd': 4, 'e': 5, 'f': 6, 'g': 7, 'h': 9, 'i': 10}"),
    MIXED("]\x94]\x94h\1a\x86.", "([], [[...]])"),
    MIXED("}\x94}\x94\x8c\1ah\1s\x86.", "({}, {'a': {...}})"),
    MIXED("](](K\1e}(\x8c\1a](K\2eue.", "[[1], {'a': [2]}]"),
    MIXED("\x8f\x94.", "set()"),
    MIXED("\x8f(\x90.", "set()"),
    MIXED("\x8f(K\1K\2K\1\x90.", "{1, 2}"),
    MIXED("\x8f(K\1\x90(K\2K\1\x90.", "{1, 2}"),
    MIXED("\x8f(K\1\x88G\x3f\xf0\0\0\0\0\0\0\x90.", "{1}"),
    MIXED("\x8f(\x8c\1aK\1\x8c\1a\x8c\1b\x90.", "{'a', 1, 'b'}"),
    MIXED("\x8f(\x8c\1aC\1aK\1\x85N\x90.", "{'a', b'a', (1,), None}"),
    MIXED("\x8f(K\1K\2K\3K\4K\5K\6K\7K\10\x90.", "{1, 2, 3, 4, 5, 6, 7, 8}"),
    MIXED("\x8f(K\1K\2K\3K\4K\5K\6K\7K\10K\11\x90.", "{1, 2, 3, 4, 5, 6, 7, 8, 9}"),
    MIXED("\x8f(K\1K\2\x90](\x8f(K\3\x90K\4e\x86.", "({1, 2}, [{3}, 4])"),
    MIXED("\x8f\x94h\0(K\1\x90\x86.", "({1}, {1})"),
    MIXED("}(K\1K\2K\3K\4K\1K\5\x8c\1aK\6u.", "{1: 5, 3: 4, 'a': 6}"),
    MIXED("](C\0C\3a\0bC\1xe.", "[b'', b'a\\x00b', b'x']"),
    MIXED("(C\1x\x94j\0\0\0\0h\0t.", "(b'x', b'x', b'x')"),
    MIXED("](\x8c\2\xc3\xa9\x8c\3\xe2\x82\xac\x8c\4\xf0\x9f\x98\x80"
          "e.",
          "['\u00e9', '\u20ac', '\U0001f600']"),
};

START_TEST(containers_are_read_in_large_messages_as_in_small_ones)
{
    for (size_t i = 0; i < COUNT(containers); i++) {
        uint32_t depth = 0;
        for (size_t others = 0; others < 100; others += 33) {
            mproc_value *v = load_behind(containers[i].pickle, containers[i].len, others);
            assert_repr(v, containers[i].repr);
            assert_round_trip(v);
            ck_assert(others == 0 || v->u.node->depth == depth);
            depth = v->u.node->depth;
            mproc_value_free(v);
        }
    }
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("value_decode");
    TCase *tc = mp_case(suite, "value_decode", 20);
    tcase_add_test(tc, each_opcode_is_read_as_python_reads_it);
    tcase_add_test(tc, a_pickle_is_one_value_and_nothing_else);
    tcase_add_test(tc, opcodes_that_find_too_little_on_the_stack_are_refused);
    tcase_add_test(tc, lengths_that_lie_are_refused);
    tcase_add_test(tc, numbers_and_texts_must_be_well_formed);
    tcase_add_test(tc, the_memo_gives_only_what_was_put);
    tcase_add_test(tc, calls_and_names_must_be_well_formed);
    tcase_add_test(tc, bytes_that_are_no_opcode_are_refused);
    tcase_add_test(tc, calls_become_inert_objects);
    tcase_add_test(tc, lists_of_numbers_are_read_whatever_their_length);
    tcase_add_test(tc, lists_of_numbers_are_read_on_a_stack_that_is_nearly_full);
    tcase_add_test(tc, rows_of_numbers_may_be_anything_in_the_end);
    tcase_add_test(tc, lists_of_numbers_cut_short_or_limited_are_refused);
    tcase_add_test(tc, containers_are_read_in_large_messages_as_in_small_ones);
    tcase_add_test(tc, depths_are_known_however_a_value_came_together);
    return suite;
}
