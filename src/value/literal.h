/* SPDX-License-Identifier: MIT */
/* The literal parser's state: literal.c has the grammar, literal_text.c strings and numbers. */
#ifndef MP_VALUE_LITERAL_H
#define MP_VALUE_LITERAL_H

#include "base/buffer.h"
#include "value/tree.h"

struct mp_parser {
    struct mp_tree *tree;
    const char *start;
    const char *at;
    const char *end;
    struct mp_buffer scratch; /* of the string or number being read */
    unsigned depth;
    bool minus_zero; /* the int before was written -0: a complex keeps the sign */
    mproc_error *err;
};

/* 0 or a negative code, with the offset recorded. */
int mp_parse_fail(struct mp_parser *p, int code, const char *what);

/* One or more string literals in a row, starting at a prefix or quote. */
int mp_parse_strings(struct mp_parser *p, mproc_value *out);
bool mp_parse_at_string(const struct mp_parser *p);

/* A number without sign; an imaginary one is a complex. */
int mp_parse_number(struct mp_parser *p, mproc_value *out);

int mp_parse_complex(struct mp_parser *p, double real, double imag, mproc_value *out);

/* Blanks, newlines and comments. */
void mp_parse_skip(struct mp_parser *p);

static inline char mp_parse_peek(const struct mp_parser *p, size_t ahead)
{
    if ((size_t)(p->end - p->at) <= ahead)
        return '\0';
    return p->at[ahead];
}

#endif
