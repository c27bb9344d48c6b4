/* SPDX-License-Identifier: MIT */
#include "value/help.h"

void assert_repr(const mproc_value *v, const char *expected)
{
    char *repr = NULL;
    size_t len = 0;
    ck_assert_int_eq(mproc_value_repr(v, &repr, &len), 0);
    ck_assert_str_eq(repr, expected);
    ck_assert_uint_eq(len, strlen(expected));
    mproc_free(repr);
}

mproc_value *parse(const char *text)
{
    mproc_value *v = NULL;
    mproc_error err;
    int rc = mproc_value_parse(&v, text, SIZE_MAX, &err);
    ck_assert_msg(rc == 0, "%s: %s", text, err.text);
    return v;
}

mproc_value *new_of(mproc_kind kind)
{
    mproc_value *v = NULL;
    ck_assert_int_eq(mproc_value_new(&v, kind), 0);
    return v;
}

mproc_value *new_int(int64_t number)
{
    mproc_value *v = NULL;
    ck_assert_int_eq(mproc_value_new_int64(&v, number), 0);
    return v;
}

mproc_value *new_str(const char *text)
{
    mproc_value *v = NULL;
    ck_assert_int_eq(mproc_value_new_str(&v, text, SIZE_MAX), 0);
    return v;
}

mproc_value *load(const void *data, size_t len)
{
    mproc_value *v = NULL;
    mproc_error err;
    int rc = mproc_value_unpickle(&v, data, len, NULL, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    return v;
}

int load_code(const void *data, size_t len, const mproc_unpickle_options *options, const char *text)
{
    mproc_value *v = NULL;
    mproc_error err = MPROC_ERROR_INIT;
    int rc = mproc_value_unpickle(&v, data, len, options, &err);
    if (rc < 0) {
        ck_assert_int_eq(err.code, rc);
        ck_assert_ptr_null(v);
        ck_assert_msg(!text || strstr(err.text, text), "\"%s\" is not in \"%s\"", text, err.text);
    }
    mproc_value_free(v);
    return rc;
}

void dump(const mproc_value *v, uint64_t protocol, struct mp_buffer *out)
{
    mproc_pickle_options options = MPROC_PICKLE_OPTIONS_INIT;
    mproc_error err;
    void *data = NULL;
    size_t len = 0;
    options.protocol = protocol;
    int rc = mproc_value_pickle(v, &data, &len, &options, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    ck_assert_int_eq(mp_buffer_append(out, data, len), 0);
    mproc_free(data);
}

void assert_round_trip(const mproc_value *v)
{
    char *repr = NULL;
    ck_assert_int_eq(mproc_value_repr(v, &repr, NULL), 0);
    for (uint64_t protocol = 2; protocol <= 5; protocol++) {
        struct mp_buffer pickle = {0};
        dump(v, protocol, &pickle);
        mproc_value *back = load(pickle.data, pickle.len);
        assert_repr(back, repr);
        mproc_value_free(back);
        mp_buffer_clear(&pickle);
    }
    mproc_free(repr);
}

void assert_equal(mproc_value *a, mproc_value *b, int expected)
{
    ck_assert_int_eq(mproc_value_equal(a, b), expected);
    ck_assert_int_eq(mproc_value_equal(b, a), expected);
    mproc_value_free(a);
    mproc_value_free(b);
}

static void split(char *line, size_t fields, char **out)
{
    for (size_t i = 0; i < fields; i++) {
        out[i] = line;
        char *tab = line ? strchr(line, '\t') : NULL;
        ck_assert_msg(line && (tab || i + 1 == fields), "too few fields");
        if (tab)
            *tab = '\0';
        line = tab ? tab + 1 : NULL;
    }
}

size_t for_each_row(const char *file, size_t fields, void (*row)(char *const *fields))
{
    char path[4096];
    char *line = NULL;
    size_t room = 0;
    size_t rows = 0;
    snprintf(path, sizeof path, "%s/vectors/value/%s", getenv("MPROC_TEST_DATA"), file);
    FILE *from = fopen(path, "r");
    ck_assert_msg(from, "%s: %s", path, strerror(errno));
    for (ssize_t n; (n = getline(&line, &room, from)) > 0;) {
        char *parts[MAX_FIELDS];
        if (line[0] == '#')
            continue;
        line[n - 1] = '\0';
        split(line, fields, parts);
        row(parts);
        rows++;
    }
    free(line);
    fclose(from);
    return rows;
}

unsigned char *unhex(const char *hex, size_t *len)
{
    size_t n = strcmp(hex, "-") == 0 ? 0 : strlen(hex) / 2;
    unsigned char *bytes = malloc(n + 1);
    ck_assert_ptr_nonnull(bytes);
    for (size_t i = 0; i < n; i++) {
        char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        bytes[i] = (unsigned char)strtoul(digits, NULL, 16);
    }
    bytes[n] = '\0';
    *len = n;
    return bytes;
}

double double_of(const char *hex)
{
    uint64_t bits = strtoull(hex, NULL, 16);
    double number;
    memcpy(&number, &bits, sizeof number);
    return number;
}
