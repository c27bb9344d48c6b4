/* SPDX-License-Identifier: MIT */
/*
 * Lists, small dicts and small sets at speed, as decode_frequent.c does what they hold: whatever
 * does not fit or is not well-formed is left to decode_rare.c.
 */
#include "value/quick.h"
#include "value/utf8.h"

/* mp_deepest() of the topmost cells: mostly known from how they came, without a look at each. */
static uint32_t deepest_of(const struct mp_quick *q, const mproc_value *items, size_t n)
{
    if (items == q->from || (items > q->from && q->deepest == 0))
        return q->deepest;
    return mp_deepest(items, n);
}

/* An empty list, dict or set in memory at hand. */
static bool make_empty(const struct mp_decoder *d, struct mp_quick *q, mproc_kind kind,
                       mproc_value *made)
{
    size_t bytes = kind == MPROC_KIND_LIST ? sizeof(struct mp_node) : sizeof(struct mp_table);
    if ((size_t)(q->memory_end - q->memory) < bytes || q->nodes_left == 0 || !d->tree->chunks)
        return false;
    struct mp_node *node = (struct mp_node *)(void *)q->memory;
    memset(node, 0, bytes);
    node->tree = d->tree;
    node->depth = 1;
    q->memory += bytes;
    q->nodes_left--;
    *made = mp_node_cell(kind, node);
    return true;
}

/*
 * What lies on top becomes what the container below it holds, in memory at hand. Only if that holds
 * nothing yet; and if nothing refers to it, which might be one of its items.
 */
static bool move_top(const struct mp_decoder *d, struct mp_quick *q, const mproc_value *items,
                     size_t n, size_t width)
{
    struct mp_node *node = items[-1].u.node;
    size_t bytes = n * sizeof *items;
    if ((size_t)(q->memory_end - q->memory) < bytes || node->cap > 0 || node->flags != 0)
        return false;
    uint32_t depth = deepest_of(q, items, n) + 1;
    if (depth > d->limits.max_depth)
        return false;
    mp_quick_note_depth(q, items - 1, depth);
    node->depth = depth;
    node->u.items = (mproc_value *)(void *)q->memory;
    node->len = node->cap = n / width;
    q->memory += bytes;
    mp_copy_cells(node->u.items, items, n);
    return true;
}

/* Keys that are soon told from each other: strs, and ints of 64 bits. */
static bool is_plain_key(const mproc_value *v)
{
    return mp_form(v) == MPROC_KIND_STR || mp_form(v) == MPROC_KIND_INT;
}

static bool is_same_key(const mproc_value *a, const mproc_value *b)
{
    size_t len = mp_len(a);
    if (a->meta != b->meta)
        return false;
    if (mp_kind(a) == MPROC_KIND_INT)
        return a->u.i == b->u.i;
    return len == 0 || (*a->u.text == *b->u.text && memcmp(a->u.text, b->u.text, len) == 0);
}

/* Entries of so many cells whose keys, the first ones, are plain and all unlike each other. */
static bool are_entries(const mproc_value *cells, size_t n, size_t width)
{
    for (size_t i = 0; i < n; i += width) {
        if (!is_plain_key(&cells[i]))
            return false;
        for (size_t k = 0; k < i; k += width)
            if (is_same_key(&cells[k], &cells[i]))
                return false;
    }
    return n % width == 0;
}

/* APPENDS, APPEND: not of nothing, which is no item at all. */
static bool append_top(const struct mp_decoder *d, struct mp_quick *q, const mproc_value *items,
                       size_t n)
{
    return n > 0 && mp_kind(&items[-1]) == MPROC_KIND_LIST && move_top(d, q, items, n, 1);
}

/* SETITEMS, SETITEM: of a dict that needs no index. */
static bool set_top(const struct mp_decoder *d, struct mp_quick *q, const mproc_value *pairs,
                    size_t n)
{
    return n > 0 && n <= 2 * MP_SMALL_TABLE && mp_kind(&pairs[-1]) == MPROC_KIND_DICT &&
           are_entries(pairs, n, 2) && move_top(d, q, pairs, n, 2);
}

/* ADDITEMS: to a set that needs no index. */
static bool add_top(const struct mp_decoder *d, struct mp_quick *q, const mproc_value *members,
                    size_t n)
{
    return n > 0 && n <= MP_SMALL_TABLE && mp_kind(&members[-1]) == MPROC_KIND_SET &&
           are_entries(members, n, 1) && move_top(d, q, members, n, 1);
}

/* Is there a cell right below the topmost mark, which is above what another one keeps? */
static bool has_container(const struct mp_decoder *d, const mproc_value *floor)
{
    return d->n_marks > 0 && floor > mp_quick_floor_below(d, d->n_marks - 1);
}

static bool start_container(const struct mp_decoder *d, mproc_kind kind, struct mp_run *run)
{
    mproc_value made;
    if (!make_empty(d, &run->q, kind, &made))
        return false;
    mp_quick_note_depth(&run->q, run->top, 1);
    *run->top++ = made;
    run->op = *++run->at;
    if (run->op == OP_MEMOIZE && mp_quick_memoize(&run->q, made))
        run->op = *++run->at;
    return true;
}

typedef bool fill_top(const struct mp_decoder *d, struct mp_quick *q, const mproc_value *items,
                      size_t n);

/* With all that is above the topmost mark. */
static bool fill_marked(struct mp_decoder *d, fill_top *fill, struct mp_run *run)
{
    size_t n = (size_t)(run->top - run->floor);
    if (!has_container(d, run->floor) || !fill(d, &run->q, run->floor, n))
        return false;
    run->top = run->floor;
    d->n_marks--;
    run->floor = mp_quick_floor(d);
    run->op = *++run->at;
    return true;
}

/* With a single item, or a key and a value. */
static bool fill_one(const struct mp_decoder *d, fill_top *fill, size_t n, struct mp_run *run)
{
    if ((size_t)(run->top - run->floor) <= n)
        return false;
    mproc_value *items = run->top - n;
    if (!fill(d, &run->q, items, n))
        return false;
    run->top = items;
    run->op = *++run->at;
    return true;
}

static bool short_text(mproc_kind kind, struct mp_run *run)
{
    size_t n = run->at[1];
    if ((size_t)(run->stop - run->at) < n ||
        (kind == MPROC_KIND_STR && !mp_utf8_ok(run->at + 2, n)))
        return false;
    const mproc_value made = mp_text(kind, run->at + 2, n);
    *run->top++ = made;
    run->at += 2 + n;
    run->op = *run->at;
    *run->at = '\0';
    if (run->op == OP_MEMOIZE && mp_quick_memoize(&run->q, made))
        run->op = *++run->at;
    return true;
}

static bool long_get(const struct mp_decoder *d, struct mp_run *run)
{
    if (!mp_quick_get(d, &run->q, mp_load_le(run->at + 1, 4), run->top))
        return false;
    run->top++;
    run->at += 5;
    run->op = *run->at;
    return true;
}

static bool decode_one(struct mp_decoder *d, unsigned op, struct mp_run *run)
{
    switch (op) {
    case OP_EMPTY_LIST:
        return start_container(d, MPROC_KIND_LIST, run);
    case OP_EMPTY_DICT:
        return start_container(d, MPROC_KIND_DICT, run);
    case OP_EMPTY_SET:
        return start_container(d, MPROC_KIND_SET, run);
    case OP_APPENDS:
        return fill_marked(d, append_top, run);
    case OP_SETITEMS:
        return fill_marked(d, set_top, run);
    case OP_ADDITEMS:
        return fill_marked(d, add_top, run);
    case OP_APPEND:
        return fill_one(d, append_top, 1, run);
    case OP_SETITEM:
        return fill_one(d, set_top, 2, run);
    case OP_SHORT_BINBYTES:
        return short_text(MPROC_KIND_BYTES, run);
    case OP_SHORT_BINUNICODE: /* not ASCII */
        return short_text(MPROC_KIND_STR, run);
    case OP_LONG_BINGET:
        return long_get(d, run);
    default:
        return false;
    }
}

bool mp_decode_container(struct mp_decoder *d, struct mp_run *run)
{
    bool any = false;
    while (run->at < run->stop && decode_one(d, run->op, run))
        any = true;
    return any;
}
