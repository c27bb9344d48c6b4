/* SPDX-License-Identifier: MIT */
/*
 * Option structs of every size against every size known: the first byte chooses what the library
 * knows, the rest is the caller's struct, behind a true size field.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"

#define KNOWN_MAX (sizeof(size_t) + 255)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static bool any_set(const unsigned char *from, const unsigned char *end)
{
    for (; from < end; from++)
        if (*from != 0)
            return true;
    return false;
}

/* The caller's struct in a block of exactly its size, so that a read behind it is seen. */
static unsigned char *make_given(const uint8_t *data, size_t size)
{
    size_t total = sizeof total + size;
    unsigned char *given = malloc(total);
    if (!given)
        abort();
    memcpy(given, &total, sizeof total);
    if (size > 0)
        memcpy(given + sizeof total, data, size);
    return given;
}

static void check_read(size_t known_size, const unsigned char *given, size_t given_size)
{
    unsigned char known[KNOWN_MAX];
    unsigned char before[KNOWN_MAX];
    memset(known, 0xA5, sizeof known);
    memcpy(before, known, sizeof known);
    mproc_error err = MPROC_ERROR_INIT;
    int rc = mp_options_read(known, known_size, given, &err);
    if (given_size > known_size && any_set(given + known_size, given + given_size)) {
        require(rc == -E2BIG && err.code == rc && err.text[0] != '\0');
        require(memcmp(known, before, sizeof known) == 0);
        return;
    }
    size_t taken = given_size < known_size ? given_size : known_size;
    require(rc == 0 && err.code == 0);
    require(memcmp(known, &known_size, sizeof known_size) == 0);
    require(memcmp(known + sizeof(size_t), given + sizeof(size_t), taken - sizeof(size_t)) == 0);
    require(memcmp(known + taken, before + taken, sizeof known - taken) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    unsigned char *given = make_given(data + 1, size - 1);
    check_read(sizeof(size_t) + data[0], given, sizeof(size_t) + size - 1);
    free(given);
    return 0;
}
