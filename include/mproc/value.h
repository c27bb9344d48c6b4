/* SPDX-License-Identifier: MIT */
/** @file
 * Values: what crosses a process boundary when it is more than bytes.
 *
 * A value is one of Python's plain objects: None, bool, int of any size, float, complex, str,
 * bytes, bytearray, list, tuple, dict, set, frozenset; or an inert node that stands for what Python
 * code would execute and mproc never does: a global (a class or function by its name) or an object
 * (a callable with its arguments and state). It is built with mproc_pack() or the functions below,
 * written as a pickle with mproc_value_pickle() and read with mproc_value_unpickle().
 *
 * @par Trees
 * Values live in trees, one block of memory each. A function with an `mproc_value **out` makes a
 * tree and hands out its root, which the caller frees with mproc_value_free(): everything below
 * goes with it. Pointers to values inside (items, keys, entries) stay valid until then, also after
 * their container has grown. Only a root is ever freed.
 *
 * @par Adding a value to a container
 * Where a function adds a value to a container (mproc_value_append(), mproc_value_set(), `O` of
 * mproc_pack()), it takes the value over if that is the root of another tree: the two trees become
 * one, in constant time, the pointer stays valid, and only the container's root is to be freed. A
 * value from inside the container's own tree becomes one more reference to the same node, as in
 * Python, so that shared and recursive structures can be built. A value from inside a different
 * tree is copied. On failure nothing changes hands.
 *
 * @par Text
 * str is UTF-8, in which lone surrogates are kept as the three bytes of Python's `surrogatepass`.
 * The bytes of str, bytes and bytearray are followed by a NUL byte that does not count.
 *
 * @par Threads
 * Any number of threads may read a tree (every function that takes it const) while none changes it.
 */
#ifndef MPROC_VALUE_H
#define MPROC_VALUE_H

#include <mproc/common.h>
#include <mproc/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A value; opaque. */
typedef struct mproc_value mproc_value;

/** What a value is. */
typedef enum mproc_kind {
    MPROC_KIND_NONE = 0,
    MPROC_KIND_BOOL,
    MPROC_KIND_INT,
    MPROC_KIND_FLOAT,
    MPROC_KIND_COMPLEX,
    MPROC_KIND_STR,
    MPROC_KIND_BYTES,
    MPROC_KIND_BYTEARRAY,
    MPROC_KIND_LIST,
    MPROC_KIND_TUPLE,
    MPROC_KIND_DICT,
    MPROC_KIND_SET,
    MPROC_KIND_FROZENSET,
    MPROC_KIND_GLOBAL,     /**< inert: a class or function, by module and name */
    MPROC_KIND_OBJECT,     /**< inert: callable, arguments, state, items */
    MPROC_KIND_CONNECTION, /**< a connection that travels with the value */
    MPROC_KIND_POINTER     /**< a raw pointer; never leaves the address space */
} mproc_kind;

/**
 * Kind of a value.
 *
 * @param v  a value, or NULL
 * @return its kind; MPROC_KIND_NONE for NULL
 */
MPROC_API mproc_kind mproc_value_kind(const mproc_value *v);

/**
 * Name of a kind as Python says it, such as "int" or "NoneType".
 *
 * @param kind  any number
 * @return static text; "?" for a number that is no kind
 */
MPROC_API const char *mproc_kind_name(mproc_kind kind);

/**
 * Free a tree.
 *
 * @param root  what an `out` parameter gave, or NULL. A value that lies inside a tree, or was taken
 *              over by one, is left alone: its root frees it.
 */
MPROC_API void mproc_value_free(mproc_value *root);

/* ---- building ---------------------------------------------------------------------------- */

/**
 * Make a None or an empty container.
 *
 * @param[out] out  new root, caller-owned
 * @param kind      NONE, LIST, TUPLE, DICT, SET, FROZENSET, STR, BYTES or BYTEARRAY
 * @retval -EINVAL  fatal: another kind
 * @retval -ENOMEM  act: out of memory
 */
MPROC_API int mproc_value_new(mproc_value **out, mproc_kind kind);

/**
 * Make a bool.
 *
 * @param[out] out  new root, caller-owned
 * @param truth     True unless 0
 * @retval -ENOMEM  act: out of memory
 */
MPROC_API int mproc_value_new_bool(mproc_value **out, int truth);

/**
 * Make an int.
 *
 * @param[out] out  new root, caller-owned
 * @param number    any
 * @retval -ENOMEM  act: out of memory
 */
MPROC_API int mproc_value_new_int64(mproc_value **out, int64_t number);

/**
 * Make an int.
 *
 * @param[out] out  new root, caller-owned
 * @param number    any
 * @retval -ENOMEM  act: out of memory
 */
MPROC_API int mproc_value_new_uint64(mproc_value **out, uint64_t number);

/**
 * Make an int of any size.
 *
 * @param[out] out  new root, caller-owned
 * @param data      little-endian two's complement, copied; need not be the shortest form
 * @param len       bytes in `data`; none is 0
 * @retval -ENOMEM  act: out of memory
 */
MPROC_API int mproc_value_new_bigint(mproc_value **out, const void *data, size_t len);

/**
 * Make a float.
 *
 * @param[out] out  new root, caller-owned
 * @param number    any, infinities and nan included
 * @retval -ENOMEM  act: out of memory
 */
MPROC_API int mproc_value_new_float(mproc_value **out, double number);

/**
 * Make a complex.
 *
 * @param[out] out  new root, caller-owned
 * @param real      real part
 * @param imag      imaginary part
 * @retval -ENOMEM  act: out of memory
 */
MPROC_API int mproc_value_new_complex(mproc_value **out, double real, double imag);

/**
 * Make a str.
 *
 * @param[out] out  new root, caller-owned
 * @param utf8      text, copied; may contain NUL; NULL with len 0 is the empty text
 * @param len       bytes, or SIZE_MAX for all up to the NUL
 * @retval MPROC_EUTF8  act: not UTF-8 (lone surrogates in three bytes each are allowed)
 * @retval -ENOMEM      act: out of memory
 */
MPROC_API int mproc_value_new_str(mproc_value **out, const char *utf8, size_t len);

/**
 * Make bytes.
 *
 * @param[out] out  new root, caller-owned
 * @param data      copied; NULL with len 0 is fine
 * @param len       bytes
 * @retval -ENOMEM  act: out of memory
 */
MPROC_API int mproc_value_new_bytes(mproc_value **out, const void *data, size_t len);

/**
 * Make a bytearray.
 *
 * @param[out] out  new root, caller-owned
 * @param data      copied; NULL with len 0 is fine
 * @param len       bytes
 * @retval -ENOMEM  act: out of memory
 */
MPROC_API int mproc_value_new_bytearray(mproc_value **out, const void *data, size_t len);

/**
 * Make a global: the inert name of a Python class or function.
 *
 * @param[out] out  new root, caller-owned
 * @param module    such as "builtins"; UTF-8, copied
 * @param name      such as "float" or "Outer.Inner"; UTF-8, copied
 * @retval MPROC_EUTF8  act: not UTF-8
 * @retval -ENOMEM      act: out of memory
 */
MPROC_API int mproc_value_new_global(mproc_value **out, const char *module, const char *name);

/** How Python is to make an object from an inert one. */
typedef enum mproc_construct {
    MPROC_CALL = 0,  /**< callable(*args) */
    MPROC_NEW = 1,   /**< callable.__new__(callable, *args) */
    MPROC_NEW_EX = 2 /**< callable.__new__(callable, *args, **kwargs) */
} mproc_construct;

/**
 * Make an inert object. mproc never calls anything; a Python process that unpickles it does.
 *
 * Items and state are added to it afterwards: mproc_value_append() for what `extend` would get,
 * mproc_value_set() for what `__setitem__` would, mproc_value_set_state().
 *
 * @param[out] out  new root, caller-owned
 * @param how       what Python is to do
 * @param callable  a global or another object; added as described at the top of this file
 * @param args      a tuple; added likewise; NULL for none
 * @param kwargs    a dict for MPROC_NEW_EX, else NULL; added likewise
 * @retval MPROC_EKIND  fatal: an argument is of the wrong kind
 * @retval -EINVAL      fatal: `how` is none of them
 * @retval -ENOMEM      act: out of memory
 */
MPROC_API int mproc_value_new_object(mproc_value **out, mproc_construct how, mproc_value *callable,
                                     mproc_value *args, mproc_value *kwargs);

/**
 * Give an inert object its state, what Python hands to `__setstate__` or puts into `__dict__`.
 *
 * A second call puts the new state in the place of the old one.
 *
 * @param object  an inert object
 * @param state   any value; added as described at the top of this file
 * @retval MPROC_EKIND  fatal: not an object
 * @retval -EINVAL      fatal: `state` is NULL
 * @retval -ENOMEM      act: out of memory
 */
MPROC_API int mproc_value_set_state(mproc_value *object, mproc_value *state);

/**
 * Add an item: at the end of a list, tuple or object, or into a set or frozenset unless an equal
 * one is there.
 *
 * @param container  where to
 * @param item       added as described at the top of this file
 * @retval MPROC_EKIND        fatal: not a container of items
 * @retval MPROC_EUNHASHABLE  fatal: the item cannot be a member of a set
 * @retval MPROC_ELIMIT       fatal: a member of a set that is nested too deep
 * @retval -EPERM             fatal: a tuple or frozenset that is or was looked up as a key, or lies
 * in one
 * @retval -EINVAL            fatal: an argument to add is NULL
 * @retval -ENOMEM            act: out of memory
 */
MPROC_API int mproc_value_append(mproc_value *container, mproc_value *item);

/**
 * Add an empty container, made in the same tree, as the last item of a list, tuple or object.
 *
 * @param container   where to
 * @param kind        as in mproc_value_new()
 * @param[out] child  the new value; belongs to the tree
 * @return as mproc_value_append(); -EINVAL is another kind
 */
MPROC_API int mproc_value_append_new(mproc_value *container, mproc_kind kind, mproc_value **child);

/**
 * Set an entry of a dict, or of the dict items of an object. An equal key stays where it is and
 * gets the new value.
 *
 * @param dict   where to
 * @param key    any hashable value; added as described at the top of this file
 * @param value  likewise
 * @return as mproc_value_append()
 */
MPROC_API int mproc_value_set(mproc_value *dict, mproc_value *key, mproc_value *value);

/**
 * Add items in a row, described as for mproc_pack(): to a list, tuple, set, frozenset or object one
 * by one, to a dict in pairs (`mproc_value_extend(dict, "sisi", "a", 1, "b", 2)`).
 *
 * @param container  where to
 * @param format     any number of items
 * @return as mproc_value_append(), or as mproc_pack(); items before the one that failed have been
 * added, what was given for that one and those behind it is still the caller's
 */
MPROC_API int mproc_value_extend(mproc_value *container, const char *format, ...);

/**
 * Append bytes to a bytearray.
 *
 * @param bytearray  where to
 * @param data       copied; may be the content of the same bytearray
 * @param len        bytes
 * @retval MPROC_EKIND  fatal: not a bytearray
 * @retval -ENOMEM      act: out of memory
 */
MPROC_API int mproc_value_append_bytes(mproc_value *bytearray, const void *data, size_t len);

/**
 * Copy a value and all below it into a tree of its own. Shared and recursive references are kept.
 *
 * Connections are copied as borrowed pointers: the original stays their owner.
 *
 * @param[out] out  new root, caller-owned
 * @param v         any value
 * @retval -ENOMEM  act: out of memory
 */
MPROC_API int mproc_value_copy(mproc_value **out, const mproc_value *v);

/* ---- reading ----------------------------------------------------------------------------- */

/** 1 for True, 0 for False, MPROC_EKIND for anything else. */
MPROC_API int mproc_value_bool(const mproc_value *v);

/**
 * An int (or bool) as int64_t.
 *
 * @retval MPROC_EKIND  act: not an int
 * @retval -ERANGE      act: does not fit
 */
MPROC_API int mproc_value_int64(const mproc_value *v, int64_t *out);

/** An int (or bool) as uint64_t; errors as mproc_value_int64(). */
MPROC_API int mproc_value_uint64(const mproc_value *v, uint64_t *out);

/**
 * An int (or bool) of any size in little-endian two's complement, in the fewest bytes that hold its
 * sign; 0 takes one byte.
 *
 * @param v    an int
 * @param buf  where to, or NULL to ask for the length only
 * @param cap  bytes in `buf`; a longer destination is sign-extended to cap bytes
 * @return bytes needed, or a negative code:
 * @retval MPROC_EKIND  act: not an int
 * @retval -ERANGE      act: longer than `cap`; buf is untouched
 */
MPROC_API ssize_t mproc_value_bigint(const mproc_value *v, void *buf, size_t cap);

/**
 * A float, or an int or bool as the nearest double.
 *
 * @retval MPROC_EKIND  act: neither
 * @retval -ERANGE      act: an int beyond the range of double
 */
MPROC_API int mproc_value_float(const mproc_value *v, double *out);

/** A complex, or what mproc_value_float() takes with imaginary part 0. Either pointer may be NULL.
 */
MPROC_API int mproc_value_complex(const mproc_value *v, double *real, double *imag);

/**
 * Text of a str.
 *
 * @param v         a str
 * @param[out] len  its bytes, without the NUL that follows; may be NULL
 * @return UTF-8 inside the tree, or NULL if v is not a str
 */
MPROC_API const char *mproc_value_str(const mproc_value *v, size_t *len);

/** Content of bytes or bytearray, as mproc_value_str(). Valid until a bytearray changes. */
MPROC_API const void *mproc_value_bytes(const mproc_value *v, size_t *len);

/**
 * How much is in it: items, entries of a dict, bytes of a str, bytes or bytearray, list items of an
 * object. 0 for everything else.
 */
MPROC_API size_t mproc_value_length(const mproc_value *v);

/**
 * Item of a list, tuple, set or frozenset, key of a dict, list item of an object, by position. Sets
 * and dicts are in insertion order.
 *
 * @return a value inside the tree, or NULL past the end and for other kinds
 */
MPROC_API const mproc_value *mproc_value_item(const mproc_value *v, size_t index);

/**
 * The same, for changing what is below it. The item itself stays what it is.
 *
 * @return a value inside the tree, or NULL
 */
MPROC_API mproc_value *mproc_value_item_mut(mproc_value *v, size_t index);

/**
 * Entry of a dict by position, in insertion order.
 *
 * @param v           a dict, or an object for its dict items
 * @param index       0 .. length - 1
 * @param[out] key    may be NULL
 * @param[out] value  may be NULL
 * @return 1, or 0 past the end, or MPROC_EKIND
 */
MPROC_API int mproc_value_entry(const mproc_value *v, size_t index, const mproc_value **key,
                                const mproc_value **value);

/**
 * Look up a key in a dict, or a member in a set. 1, 1.0 and True are one key, as in Python. Inert
 * objects are keys by identity.
 *
 * @return the value inside the dict, the member inside the set, or NULL if there is none
 */
MPROC_API const mproc_value *mproc_value_get(const mproc_value *v, const mproc_value *key);

/** Look up a str key, NUL-terminated UTF-8, in a dict. NULL if there is none. */
MPROC_API const mproc_value *mproc_value_get_str(const mproc_value *v, const char *key);

/** Module of a global, NUL-terminated; NULL for other kinds. */
MPROC_API const char *mproc_value_module(const mproc_value *v);

/** Name of a global inside its module, NUL-terminated; NULL for other kinds. */
MPROC_API const char *mproc_value_name(const mproc_value *v);

/** Parts of an inert object. */
typedef enum mproc_part {
    MPROC_PART_CALLABLE = 0,
    MPROC_PART_ARGS,
    MPROC_PART_KWARGS, /**< NULL unless MPROC_NEW_EX */
    MPROC_PART_STATE,  /**< NULL unless it has one */
    MPROC_PART_LIST,   /**< list of appended items, NULL unless there are any */
    MPROC_PART_DICT    /**< dict of set items, NULL unless there are any */
} mproc_part;

/**
 * A part of an inert object.
 *
 * @return a value inside the tree; NULL if the object has no such part, or v is not an object
 */
MPROC_API const mproc_value *mproc_value_part(const mproc_value *v, mproc_part part);

/** How Python makes the object: an mproc_construct, or MPROC_EKIND. */
MPROC_API int mproc_value_construct(const mproc_value *v);

/**
 * Python's `a == b`, for all kinds: 1 == 1.0 == True, bytes == bytearray, set == frozenset, dicts
 * and sets without regard to order, nan equal to nothing unless the two are the same reference.
 * Inert nodes are equal if all their parts are. Recursive structures are equal if they unfold to
 * the same.
 *
 * @return 1 or 0, or a negative code:
 * @retval -ENOMEM       act: out of memory
 * @retval MPROC_ELIMIT  fatal: sets nested too deep
 */
MPROC_API int mproc_value_equal(const mproc_value *a, const mproc_value *b);

/* ---- pack and unpack --------------------------------------------------------------------- */

/**
 * Build a value from C arguments.
 *
 * Letters, those of CPython's Py_BuildValue where they exist:
 *
 * | letter | C argument                    | value                                          |
 * |--------|-------------------------------|------------------------------------------------|
 * | `i I`  | int, unsigned int             | int                                            |
 * | `l k`  | long, unsigned long           | int                                            |
 * | `L K`  | long long, unsigned long long | int                                            |
 * | `n`    | ssize_t                       | int                                            |
 * | `d`    | double                        | float                                          |
 * | `?`    | int                           | bool                                           |
 * | `s`    | const char *                  | str; NULL is an error                          |
 * | `z`    | const char *                  | str, or None for NULL                          |
 * | `s#`   | const char *, size_t          | str of so many bytes                           |
 * | `z#`   | const char *, size_t          | the same, or None for NULL                     |
 * | `y#`   | const void *, size_t          | bytes                                          |
 * | `O`    | mproc_value *                 | that value, added as described at the top      |
 * | `C`    | mproc_conn *                  | a connection, borrowed                         |
 * | `P`    | void *                        | a raw pointer                                  |
 * | `(…)`  |                               | tuple                                          |
 * | `[…]`  |                               | list                                           |
 * | `{…}`  |                               | dict, of keys and values in turn               |
 *
 * Spaces, commas and colons between items mean nothing. No item makes None, one makes itself,
 * several make a tuple.
 *
 * @param[out] out  new root, caller-owned
 * @param format    letters above
 * @retval MPROC_EFORMAT      fatal: malformed format
 * @retval MPROC_EUTF8        act: a text is not UTF-8
 * @retval MPROC_EUNHASHABLE  fatal: a key cannot be one
 * @retval -EINVAL            fatal: NULL for `s`, `O`, `C`, or `y#` with a length
 * @retval MPROC_ELIMIT       fatal: a key nested too deep
 * @retval -ENOMEM            act: out of memory
 */
MPROC_API int mproc_pack(mproc_value **out, const char *format, ...);

/** mproc_pack() with detail: which letter of the format, and why. `err` may be NULL. */
MPROC_API int mproc_pack_err(mproc_value **out, mproc_error *err, const char *format, ...);

/**
 * Take a value apart into C variables; the letters of mproc_pack() with pointers to them.
 *
 * `s` gives a const char * into the tree and refuses a text with NULs, `z` also takes None and
 * gives NULL; `s#` and `y#` give pointer and size_t, `y#` for bytes and bytearray; `O` gives a
 * const mproc_value *; `i`…`n` check the range; `d` takes ints too; `?` takes bools only. `(…)`
 * fits a tuple or list of as many items, and so does `[…]`; `{…}` has a key to look up, written `s`
 * with a const char * argument, before each variable. Several items without parentheses fit a tuple
 * or list of as many.
 *
 * Nothing is stored unless everything fits.
 *
 * @param v       value to take apart
 * @param format  as in mproc_pack()
 * @param err     where it did not fit, such as "unpack: item 2.1: expected int, got str"; may be
 * NULL
 * @retval MPROC_EFORMAT  fatal: malformed format
 * @retval MPROC_EKIND    act: another kind, or another number of items
 * @retval -ERANGE        act: an int that does not fit, or a text with NUL for `s`
 * @retval -ENOENT        act: a key that is not there
 * @retval -EINVAL        fatal: `v` or `format` is NULL
 */
MPROC_API int mproc_unpack_err(const mproc_value *v, mproc_error *err, const char *format, ...);

/** mproc_unpack_err() without detail. */
MPROC_API int mproc_unpack(const mproc_value *v, const char *format, ...);

/* ---- text -------------------------------------------------------------------------------- */

/**
 * Python's repr() of a value.
 *
 * Exactly Python's for plain values, sets in insertion order; an int of more than 4300 digits,
 * which Python refuses, is written in hexadecimal. Inert nodes have a form of their own:
 * `<builtins.float>` for a global, and for an object
 * `<builtins.ValueError('bad', 3)>`: the callable and the repr of the tuple of arguments, with
 * `.__new__` between them unless it is MPROC_CALL, then ` kwargs={…}`, ` state=…`, ` list=[…]` and
 * ` dict={…}` as far as there are any. `<connection>`, `<pointer 0x…>`.
 *
 * @param v         any value
 * @param[out] out  NUL-terminated UTF-8 text; lone surrogates are escaped; mproc_free() it
 * @param[out] len  its length without the NUL; may be NULL
 * @retval MPROC_ELIMIT  act: more than 2 GiB, which many references to one container can make
 * @retval -ENOMEM       act: out of memory
 */
MPROC_API int mproc_value_repr(const mproc_value *v, char **out, size_t *len);

/**
 * Read a Python literal: what ast.literal_eval() takes, and what repr() writes for plain values
 * (`inf`, `nan`, `frozenset({1})`, `bytearray(b'x')` as well).
 *
 * Not read are characters by name (`\\N{DASH}`), the ellipsis, lines joined by a backslash,
 * parentheses around a part of a number (`-(1)`), and floats of more than 4096 characters. A
 * complex is the one whose repr it is, `-5j` with a real part of 0.0, where literal_eval() would
 * evaluate a sum. Blanks and line breaks may stand anywhere between tokens.
 *
 * @param[out] out  new root, caller-owned
 * @param text      UTF-8
 * @param len       bytes, or SIZE_MAX for all up to the NUL
 * @param err       what is wrong and at which offset; may be NULL
 * @retval MPROC_ELITERAL     act: not a literal
 * @retval MPROC_ELIMIT       act: nested deeper than 1000, or an int of more than 4300 decimal
 * digits
 * @retval MPROC_EUNHASHABLE  act: a key or member of a set that cannot be one
 * @retval MPROC_EUTF8        act: not UTF-8
 * @retval -EINVAL            fatal: `text` is NULL
 * @retval -ENOMEM            act: out of memory
 */
MPROC_API int mproc_value_parse(mproc_value **out, const char *text, size_t len, mproc_error *err);

/* ---- pickle ------------------------------------------------------------------------------ */

/** Options of mproc_value_pickle(). */
typedef struct mproc_pickle_options {
    size_t size;       /**< set by MPROC_PICKLE_OPTIONS_INIT */
    uint64_t protocol; /**< 2 to 5; 4 by default */
} mproc_pickle_options;

#define MPROC_PICKLE_OPTIONS_INIT                                                                  \
    {                                                                                              \
        sizeof(mproc_pickle_options), 4                                                            \
    }

/**
 * Write a value as a pickle, as Python's pickle.dumps() does.
 *
 * Only what is referred to more than once is put into the pickle's memo.
 *
 * @param v         any value
 * @param[out] out  the pickle, mproc_free() it
 * @param[out] len  its bytes
 * @param options   NULL for defaults
 * @param err       what could not be pickled; may be NULL
 * @retval MPROC_EUNPICKLABLE  fatal: a pointer or connection, a tuple or frozenset that contains
 * itself without a list, dict or set between, a global with a newline in its name before protocol 4
 * @retval -EINVAL             fatal: an option out of range
 * @retval -ENOMEM             act: out of memory
 */
MPROC_API int mproc_value_pickle(const mproc_value *v, void **out, size_t *len,
                                 const mproc_pickle_options *options, mproc_error *err);

/** Options of mproc_value_unpickle(): bounds for pickles from strangers. */
typedef struct mproc_unpickle_options {
    size_t size;       /**< set by MPROC_UNPICKLE_OPTIONS_INIT */
    size_t max_depth;  /**< nesting of containers; 10,000 by default */
    size_t max_nodes;  /**< containers, globals and objects; no bound by default */
    size_t max_memo;   /**< memo entries; as many as the pickle has bytes by default */
    size_t max_memory; /**< bytes the value may take beside the pickle; by default 256 for each byte
                            of it, which no pickle needs, and 64 KiB */
} mproc_unpickle_options;

#define MPROC_UNPICKLE_OPTIONS_INIT                                                                \
    {                                                                                              \
        sizeof(mproc_unpickle_options), 10000, SIZE_MAX, SIZE_MAX, SIZE_MAX                        \
    }

/**
 * Read a pickle of protocol 0 to 5, as CPython writes them. Nothing is ever called: what Python
 * would import is a global, what it would call is an object. Calls that stand for plain data
 * (bytes, bytearray, set, frozenset, complex of the older protocols) become that data.
 *
 * The whole input must be one pickle. Memory grows with what the pickle holds, never with what it
 * claims. Persistent ids, extension codes and out-of-band buffers are refused.
 * Takes about 34 KiB of the calling thread's stack.
 *
 * @param[out] out  new root, caller-owned
 * @param data      the pickle, copied
 * @param len       its bytes
 * @param options   NULL for defaults
 * @param err       what is wrong and at which offset; may be NULL
 * @retval MPROC_EPICKLE      fatal: malformed, truncated, trailing bytes, or refused
 * @retval MPROC_ELIMIT       fatal: a bound exceeded
 * @retval MPROC_EUTF8        fatal: a str that is not UTF-8
 * @retval MPROC_EUNHASHABLE  fatal: a key or member of a set that cannot be one
 * @retval -ENOMEM            act: out of memory
 */
MPROC_API int mproc_value_unpickle(mproc_value **out, const void *data, size_t len,
                                   const mproc_unpickle_options *options, mproc_error *err);

#ifdef __cplusplus
}
#endif

#endif
