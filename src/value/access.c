/* SPDX-License-Identifier: MIT */
/* Reading values. */
#include <errno.h>
#include <math.h>

#include "value/container.h"
#include "value/number.h"

mproc_kind mproc_value_kind(const mproc_value *v)
{
    return v ? mp_kind(v) : MPROC_KIND_NONE;
}

const char *mproc_kind_name(mproc_kind kind)
{
    static const char *const names[] = {"NoneType",   "bool",   "int",       "float",  "complex",
                                        "str",        "bytes",  "bytearray", "list",   "tuple",
                                        "dict",       "set",    "frozenset", "global", "object",
                                        "connection", "pointer"};
    return (size_t)kind < sizeof names / sizeof names[0] ? names[kind] : "?";
}

int mproc_value_bool(const mproc_value *v)
{
    return mproc_value_kind(v) == MPROC_KIND_BOOL ? (int)v->u.i : MPROC_EKIND;
}

static bool is_int(const mproc_value *v)
{
    return v && (mp_kind(v) == MPROC_KIND_INT || mp_kind(v) == MPROC_KIND_BOOL);
}

int mproc_value_int64(const mproc_value *v, int64_t *out)
{
    if (!is_int(v))
        return MPROC_EKIND;
    if (!out)
        return -EINVAL;
    if (mp_is_big(v))
        return -ERANGE;
    *out = v->u.i;
    return 0;
}

int mproc_value_uint64(const mproc_value *v, uint64_t *out)
{
    if (!is_int(v))
        return MPROC_EKIND;
    if (!out)
        return -EINVAL;
    if (!mp_is_big(v)) {
        if (v->u.i < 0)
            return -ERANGE;
        *out = (uint64_t)v->u.i;
        return 0;
    }
    if (mp_len(v) != 9 || v->u.text[8] != 0)
        return -ERANGE;
    uint64_t number = 0;
    for (size_t i = 8; i-- > 0;)
        number = number << 8 | v->u.text[i];
    *out = number;
    return 0;
}

ssize_t mproc_value_bigint(const mproc_value *v, void *buf, size_t cap)
{
    if (!is_int(v))
        return MPROC_EKIND;
    unsigned char small[8];
    size_t len;
    const unsigned char *data = mp_int_bytes(v, small, &len);
    if (!buf)
        return (ssize_t)len;
    if (len > cap)
        return -ERANGE;
    memcpy(buf, data, len);
    memset((unsigned char *)buf + len, data[len - 1] & 0x80 ? 0xff : 0, cap - len);
    return (ssize_t)len;
}

int mproc_value_float(const mproc_value *v, double *out)
{
    if (!out)
        return -EINVAL;
    if (mproc_value_kind(v) == MPROC_KIND_FLOAT) {
        *out = v->u.f;
        return 0;
    }
    if (!is_int(v))
        return MPROC_EKIND;
    double number = mp_is_big(v) ? mp_big_to_double(v->u.text, mp_len(v)) : (double)v->u.i;
    if (isinf(number))
        return -ERANGE;
    *out = number;
    return 0;
}

int mproc_value_complex(const mproc_value *v, double *real, double *imag)
{
    double parts[2] = {0, 0};
    int rc = 0;
    if (mproc_value_kind(v) == MPROC_KIND_COMPLEX)
        memcpy(parts, v->u.complex, sizeof parts);
    else
        rc = mproc_value_float(v, &parts[0]);
    if (rc < 0)
        return rc;
    if (real)
        *real = parts[0];
    if (imag)
        *imag = parts[1];
    return 0;
}

const char *mproc_value_str(const mproc_value *v, size_t *len)
{
    if (mproc_value_kind(v) != MPROC_KIND_STR)
        return NULL;
    if (len)
        *len = mp_len(v);
    return (const char *)v->u.text;
}

const void *mproc_value_bytes(const mproc_value *v, size_t *len)
{
    mproc_kind kind = mproc_value_kind(v);
    if (kind != MPROC_KIND_BYTES && kind != MPROC_KIND_BYTEARRAY)
        return NULL;
    if (len)
        *len = mproc_value_length(v);
    return kind == MPROC_KIND_BYTES ? v->u.text : v->u.node->u.bytes;
}

/* What index and length of a value are about: an object stands for its list. */
static const mproc_value *items_of(const mproc_value *v)
{
    if (v && mp_kind(v) == MPROC_KIND_OBJECT)
        return mproc_value_part(v, MPROC_PART_LIST);
    return v;
}

size_t mproc_value_length(const mproc_value *v)
{
    v = items_of(v);
    mproc_kind kind = mproc_value_kind(v);
    if (kind == MPROC_KIND_STR || kind == MPROC_KIND_BYTES)
        return mp_len(v);
    if (kind == MPROC_KIND_BYTEARRAY || mp_is_sequence(kind) || mp_is_table(kind))
        return v->u.node->len;
    return 0;
}

mproc_value *mproc_value_item_mut(mproc_value *v, size_t index)
{
    const mproc_value *from = items_of(v);
    mproc_kind kind = mproc_value_kind(from);
    if ((!mp_is_sequence(kind) && !mp_is_table(kind)) || index >= from->u.node->len)
        return NULL;
    return &from->u.node->u.items[index * mp_table_width(kind)];
}

const mproc_value *mproc_value_item(const mproc_value *v, size_t index)
{
    /* Changes nothing; the cast only reaches the one function behind both. */
    return mproc_value_item_mut((mproc_value *)(uintptr_t)v, index);
}

int mproc_value_entry(const mproc_value *v, size_t index, const mproc_value **key,
                      const mproc_value **value)
{
    if (mproc_value_kind(v) == MPROC_KIND_OBJECT) {
        v = mproc_value_part(v, MPROC_PART_DICT);
        if (!v)
            return 0;
    }
    if (mproc_value_kind(v) != MPROC_KIND_DICT)
        return MPROC_EKIND;
    if (index >= v->u.node->len)
        return 0;
    if (key)
        *key = &v->u.node->u.items[2 * index];
    if (value)
        *value = &v->u.node->u.items[2 * index + 1];
    return 1;
}

const mproc_value *mproc_value_get(const mproc_value *v, const mproc_value *key)
{
    if (mproc_value_kind(v) == MPROC_KIND_OBJECT)
        v = mproc_value_part(v, MPROC_PART_DICT);
    mproc_kind kind = mproc_value_kind(v);
    if (!mp_is_table(kind) || !key)
        return NULL;
    ssize_t at = mp_table_find(mp_table(v), kind, key);
    if (at < 0)
        return NULL;
    size_t width = mp_table_width(kind);
    return &v->u.node->u.items[(size_t)at * width + (width - 1)];
}

const mproc_value *mproc_value_get_str(const mproc_value *v, const char *key)
{
    if (!key)
        return NULL;
    mproc_value text = mp_text(MPROC_KIND_STR, (const unsigned char *)key, strlen(key));
    return mproc_value_get(v, &text);
}

static const char *global_text(const mproc_value *v, size_t which)
{
    if (mproc_value_kind(v) != MPROC_KIND_GLOBAL)
        return NULL;
    return (const char *)v->u.node->u.items[which].u.text;
}

const char *mproc_value_module(const mproc_value *v)
{
    return global_text(v, 0);
}

const char *mproc_value_name(const mproc_value *v)
{
    return global_text(v, 1);
}

const mproc_value *mproc_value_part(const mproc_value *v, mproc_part part)
{
    if (mproc_value_kind(v) != MPROC_KIND_OBJECT || (unsigned)part > MPROC_PART_DICT)
        return NULL;
    return mp_has_part(mp_object(v), part) ? &mp_object(v)->part[part] : NULL;
}

int mproc_value_construct(const mproc_value *v)
{
    return mproc_value_kind(v) == MPROC_KIND_OBJECT ? (int)mp_object(v)->how : MPROC_EKIND;
}
