/* SPDX-License-Identifier: MIT */
#include "value/text.h"

#include <float.h>
#include <langinfo.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FLOAT_TEXT 4096

struct decimal {
    char digits[24];
    size_t n;     /* digits, without trailing zeros, at least one */
    int exponent; /* of ten, with the point before the first digit */
};

/* Take "-d.ddde±xx" apart; what stands for the point depends on the locale, so digits are picked.
 */
static void split(const char *text, struct decimal *d)
{
    d->n = 0;
    for (; *text != 'e'; text++)
        if (*text >= '0' && *text <= '9')
            d->digits[d->n++] = *text;
    while (d->n > 1 && d->digits[d->n - 1] == '0')
        d->n--;
    d->exponent = (int)strtol(text + 1, NULL, 10) + 1;
}

/* Add one to the last digit. */
static void count_up(struct decimal *d)
{
    size_t i = d->n;
    while (i > 0 && d->digits[i - 1] == '9')
        i--;
    if (i == 0) { /* all nines */
        d->digits[0] = '0';
        d->exponent++;
        i = 1;
    }
    d->digits[i - 1]++;
    d->n = i;
}

/*
 * Below a power of two doubles lie twice as dense as above it, so that its nearest decimal of 16
 * digits may belong to the double below while the next one up still is its own.
 */
static bool power_of_two(double number, struct decimal *d)
{
    int exponent;
    char text[64];
    if (frexp(number, &exponent) != 0.5)
        return false;
    snprintf(text, sizeof text, "%.15e", number);
    split(text, d);
    if (d->n < 16)
        return false;
    count_up(d);
    snprintf(text, sizeof text, "0.%.*se%d", (int)d->n, d->digits, d->exponent);
    double back;
    return mp_double_parse(text, strlen(text), &back) && back == number;
}

static void shortest(double number, struct decimal *d)
{
    char text[64];
    /* 15 digits are always kept by a normal double; a subnormal has fewer. */
    for (int precision = number < DBL_MIN ? 0 : 14; precision <= 16; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, number);
        if (strtod(text, NULL) == number)
            break;
        if (precision == 15 && power_of_two(number, d))
            return;
    }
    split(text, d);
}

static char *put(char *to, const char *from, size_t n)
{
    memcpy(to, from, n);
    return to + n;
}

static char *zeros(char *to, int n)
{
    while (n-- > 0)
        *to++ = '0';
    return to;
}

static char *put_plain(char *to, const struct decimal *d)
{
    int n = (int)d->n;
    if (d->exponent <= 0) {
        to = zeros(put(to, "0.", 2), -d->exponent);
        return put(to, d->digits, d->n);
    }
    if (n <= d->exponent) {
        to = zeros(put(to, d->digits, d->n), d->exponent - n);
        return put(to, ".0", 2);
    }
    to = put(to, d->digits, (size_t)d->exponent);
    *to++ = '.';
    return put(to, d->digits + d->exponent, (size_t)(n - d->exponent));
}

static char *put_scientific(char *to, const struct decimal *d)
{
    *to++ = d->digits[0]; /* NOLINT(clang-analyzer-core.uninitialized.Assign): never empty */
    if (d->n > 1) {
        *to++ = '.';
        to = put(to, d->digits + 1, d->n - 1);
    }
    return to + sprintf(to, "e%+03d", d->exponent - 1);
}

size_t mp_double_repr(double number, char out[MP_DOUBLE_TEXT])
{
    char *to = out;
    if (isnan(number))
        return (size_t)sprintf(out, "nan");
    if (signbit(number))
        *to++ = '-';
    number = fabs(number);
    if (isinf(number)) {
        to = put(to, "inf", 3);
    } else if (number == 0) {
        to = put(to, "0.0", 3);
    } else {
        struct decimal d;
        shortest(number, &d);
        to = d.exponent > -4 && d.exponent <= 16 ? put_plain(to, &d) : put_scientific(to, &d);
    }
    *to = '\0';
    return (size_t)(to - out);
}

static bool special(const char *text, size_t len, double *out)
{
    static const struct {
        const char *text;
        double number;
    } names[] = {{"inf", INFINITY}, {"infinity", INFINITY}, {"nan", NAN}};
    double sign = 1;
    if (len > 0 && (*text == '-' || *text == '+')) {
        sign = *text == '-' ? -1 : 1;
        text++;
        len--;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strlen(names[i].text) == len && memcmp(names[i].text, text, len) == 0) {
            *out = copysign(names[i].number, sign);
            return true;
        }
    }
    return false;
}

static bool is_decimal(const char *text, size_t len)
{
    size_t i = len > 0 && (*text == '-' || *text == '+');
    size_t digits = 0;
    for (; i < len && text[i] >= '0' && text[i] <= '9'; i++)
        digits++;
    if (i < len && text[i] == '.')
        for (i++; i < len && text[i] >= '0' && text[i] <= '9'; i++)
            digits++;
    if (digits == 0)
        return false;
    if (i == len)
        return true;
    if (text[i] != 'e' && text[i] != 'E')
        return false;
    i++;
    i += i < len && (text[i] == '-' || text[i] == '+');
    size_t first = i;
    while (i < len && text[i] >= '0' && text[i] <= '9')
        i++;
    return i == len && i > first;
}

bool mp_double_parse(const char *text, size_t len, double *out)
{
    if (special(text, len, out))
        return true;
    if (len > MAX_FLOAT_TEXT || !is_decimal(text, len))
        return false;
    const char *radix = nl_langinfo(RADIXCHAR); /* NOLINT(concurrency-mt-unsafe): only read */
    size_t radix_len = strlen(radix);
    char local[MAX_FLOAT_TEXT + 16];
    if (radix_len > 15)
        return false;
    char *to = local;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '.')
            to = put(to, radix, radix_len);
        else
            *to++ = text[i];
    }
    *to = '\0';
    *out = strtod(local, NULL);
    return true;
}
