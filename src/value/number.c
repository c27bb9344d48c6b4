/* SPDX-License-Identifier: MIT */
#include "value/number.h"

#include <errno.h>
#include <math.h>

#define LIMBS (MP_DECIMAL_BYTES / 4)
#define CHUNK 1000000000u /* the most decimal digits that fit a 32-bit limb */
#define CHUNK_DIGITS 9

size_t mp_big_shortest(const unsigned char *data, size_t len)
{
    while (len > 1) {
        unsigned char sign = data[len - 2] & 0x80 ? 0xff : 0;
        if (data[len - 1] != sign)
            break;
        len--;
    }
    return len;
}

static int64_t small_from_bytes(const unsigned char *data, size_t len)
{
    uint64_t bits = len > 0 && data[len - 1] & 0x80 ? UINT64_MAX : 0;
    for (size_t i = len; i-- > 0;)
        bits = bits << 8 | data[i];
    return (int64_t)bits;
}

mproc_value mp_big_cell(const unsigned char *data, size_t len)
{
    len = mp_big_shortest(data, len);
    if (len <= 8)
        return mp_int(small_from_bytes(data, len));
    mproc_value v = mp_text(MPROC_KIND_INT, data, len);
    v.meta |= MP_CELL_BIG << 8;
    return v;
}

int mp_big_new(struct mp_tree *tree, const unsigned char *data, size_t len, mproc_value *out)
{
    mproc_value v = mp_big_cell(data, len);
    if (mp_is_big(&v)) {
        v.u.text = mp_alloc_text(tree, data, mp_len(&v));
        if (!v.u.text)
            return mp_alloc_error(tree);
    }
    *out = v;
    return 0;
}

mproc_value mp_uint64_cell(struct mp_tree *tree, uint64_t number, int *rc)
{
    *rc = 0;
    if (number <= INT64_MAX)
        return mp_int((int64_t)number);
    unsigned char bytes[9] = {0};
    for (size_t i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(number >> (8 * i));
    mproc_value v = mp_none();
    *rc = mp_big_new(tree, bytes, sizeof bytes, &v);
    return v;
}

const unsigned char *mp_int_bytes(const mproc_value *v, unsigned char small[8], size_t *len)
{
    if (mp_is_big(v)) {
        *len = mp_len(v);
        return v->u.text;
    }
    uint64_t bits = (uint64_t)v->u.i;
    for (size_t i = 0; i < 8; i++)
        small[i] = (unsigned char)(bits >> (8 * i));
    *len = mp_big_shortest(small, 8);
    return small;
}

/* limbs = limbs * factor + addend; returns the new number of limbs. */
static size_t multiply_add(uint32_t *limbs, size_t n, uint32_t factor, uint32_t addend)
{
    uint64_t carry = addend;
    for (size_t i = 0; i < n; i++) {
        carry += (uint64_t)limbs[i] * factor;
        limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry)
        limbs[n++] = (uint32_t)carry;
    return n;
}

static void store_limbs(const uint32_t *limbs, size_t n, bool negative, unsigned char *out)
{
    uint64_t carry = negative;
    for (size_t i = 0; i < n; i++) {
        carry += negative ? ~limbs[i] : limbs[i];
        for (size_t b = 0; b < 4; b++)
            out[4 * i + b] = (unsigned char)((uint32_t)carry >> (8 * b));
        carry >>= 32;
    }
}

ssize_t mp_big_from_decimal(const char *digits, size_t len, bool negative,
                            unsigned char out[MP_DECIMAL_BYTES])
{
    uint32_t limbs[LIMBS] = {0};
    size_t n = 0;
    size_t count = 0;
    uint32_t chunk = 0;
    uint32_t factor = 1;
    for (size_t i = 0; i < len; i++) {
        if (digits[i] == '_')
            continue;
        if (++count > MP_MAX_DIGITS)
            return MPROC_ELIMIT;
        chunk = chunk * 10 + (uint32_t)(digits[i] - '0');
        factor *= 10;
        if (factor == CHUNK || i + 1 == len) {
            n = multiply_add(limbs, n, factor, chunk);
            chunk = 0;
            factor = 1;
        }
    }
    n++; /* one limb more, for the sign */
    store_limbs(limbs, n, negative, out);
    return (ssize_t)(4 * n);
}

static size_t load_magnitude(const unsigned char *data, size_t len, uint32_t *limbs)
{
    bool negative = data[len - 1] & 0x80;
    size_t n = (len + 3) / 4;
    uint64_t carry = negative;
    for (size_t i = 0; i < n; i++) {
        uint32_t limb = 0;
        for (size_t b = 0; b < 4; b++) {
            size_t at = 4 * i + b;
            uint32_t byte = at < len ? data[at] : (negative ? 0xffu : 0u);
            limb |= byte << (8 * b);
        }
        carry += negative ? ~limb : limb;
        limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    while (n > 0 && limbs[n - 1] == 0)
        n--;
    return n;
}

static uint32_t divide(uint32_t *limbs, size_t *n)
{
    uint64_t rest = 0;
    for (size_t i = *n; i-- > 0;) {
        rest = rest << 32 | limbs[i];
        limbs[i] = (uint32_t)(rest / CHUNK);
        rest %= CHUNK;
    }
    while (*n > 0 && limbs[*n - 1] == 0)
        --*n;
    return (uint32_t)rest;
}

ssize_t mp_big_to_decimal(const unsigned char *data, size_t len, char *out)
{
    uint32_t limbs[LIMBS];
    if (len > MP_DECIMAL_BYTES)
        return MPROC_ELIMIT;
    size_t n = len > 0 ? load_magnitude(data, len, limbs) : 0;
    char reversed[MP_MAX_DIGITS + 2 * CHUNK_DIGITS];
    size_t count = 0;
    while (n > 0 && count <= MP_MAX_DIGITS) {
        uint32_t chunk = divide(limbs, &n);
        for (int i = 0; i < CHUNK_DIGITS && (n > 0 || chunk > 0); i++, chunk /= 10)
            reversed[count++] = (char)('0' + chunk % 10);
    }
    if (count > MP_MAX_DIGITS)
        return MPROC_ELIMIT;
    if (count == 0)
        reversed[count++] = '0';
    char *to = out;
    if (len > 0 && data[len - 1] & 0x80)
        *to++ = '-';
    while (count > 0)
        *to++ = reversed[--count];
    *to = '\0';
    return to - out;
}

/* Byte i of the magnitude of a negative number needs the carry of all below it. */
static size_t first_nonzero(const unsigned char *data, size_t len)
{
    size_t i = 0;
    while (i < len && data[i] == 0)
        i++;
    return i;
}

static unsigned char magnitude_byte(const unsigned char *data, size_t i, size_t low, bool negative)
{
    if (!negative || i < low)
        return data[i];
    return (unsigned char)(i == low ? -data[i] : ~data[i]);
}

double mp_big_to_double(const unsigned char *data, size_t len)
{
    bool negative = len > 0 && data[len - 1] & 0x80;
    size_t low = first_nonzero(data, len);
    size_t top = len;
    while (top > 0 && magnitude_byte(data, top - 1, low, negative) == 0)
        top--;
    if (top > 200)
        return negative ? -INFINITY : INFINITY;
    uint64_t bits = 0;
    size_t used = 0;
    /* Leave the lowest bits for rounding: 56 to 63 significant ones are more than a double has. */
    while (used < top && bits >> 55 == 0) {
        bits = bits << 8 | magnitude_byte(data, top - 1 - used, low, negative);
        used++;
    }
    if (top - used > low) /* something below what was taken */
        bits |= 1;
    double number = ldexp((double)bits, (int)(8 * (top - used)));
    return negative ? -number : number;
}

bool mp_double_as_int(double number, unsigned char room[MP_DOUBLE_BYTES], mproc_value *out)
{
    if (!isfinite(number) || number != floor(number))
        return false;
    if (number >= -9223372036854775808.0 && number < 9223372036854775808.0) {
        *out = mp_int((int64_t)number);
        return true;
    }
    int exponent;
    double fraction = frexp(number, &exponent);
    int64_t mantissa = (int64_t)ldexp(fraction, 53);
    unsigned shift = (unsigned)(exponent - 53);
    memset(room, mantissa < 0 ? 0xff : 0, MP_DOUBLE_BYTES);
    memset(room, 0, shift / 8);
    /* The mantissa has 53 bits and a sign: shifted by up to 7 it still fits 64. */
    uint64_t bits = (uint64_t)mantissa << shift % 8;
    for (size_t i = 0; i < 8; i++)
        room[shift / 8 + i] = (unsigned char)(bits >> (8 * i));
    *out = mp_big_cell(room, MP_DOUBLE_BYTES);
    return true;
}

static bool ints_equal(const mproc_value *a, const mproc_value *b)
{
    if (mp_is_big(a) != mp_is_big(b))
        return false;
    if (!mp_is_big(a))
        return a->u.i == b->u.i;
    return mp_len(a) == mp_len(b) && memcmp(a->u.text, b->u.text, mp_len(a)) == 0;
}

static bool int_equals_float(const mproc_value *i, double f)
{
    unsigned char room[MP_DOUBLE_BYTES];
    mproc_value as_int;
    return mp_double_as_int(f, room, &as_int) && ints_equal(i, &as_int);
}

bool mp_numbers_equal(const mproc_value *a, const mproc_value *b)
{
    mproc_kind ka = mp_kind(a);
    mproc_kind kb = mp_kind(b);
    if (ka > kb)
        return mp_numbers_equal(b, a);
    if (kb == MPROC_KIND_COMPLEX) {
        if (ka == MPROC_KIND_COMPLEX)
            return a->u.complex[0] == b->u.complex[0] && a->u.complex[1] == b->u.complex[1];
        mproc_value real = mp_float(b->u.complex[0]);
        return b->u.complex[1] == 0 && mp_numbers_equal(a, &real);
    }
    if (kb != MPROC_KIND_FLOAT)
        return ints_equal(a, b);
    return ka == MPROC_KIND_FLOAT ? a->u.f == b->u.f : int_equals_float(a, b->u.f);
}
