/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct error_entry {
    int code;
    const char *name;
    const char *message;
};

#define ERROR_ENTRY(name, value, message) {(value), #name, (message)},
static const struct error_entry error_table[] = {MPROC_ERRORS(ERROR_ENTRY){0, "OK", "success"}};
#undef ERROR_ENTRY

static const struct error_entry *find_entry(int code)
{
    for (size_t i = 0; i < sizeof error_table / sizeof error_table[0]; i++)
        if (error_table[i].code == code)
            return &error_table[i];
    return NULL;
}

/* glibc's tables are static and thread-safe; elsewhere strerror(3) is what there is. */
static const char *errno_message(int number)
{
#if defined __GLIBC__
    return strerrordesc_np(number);
#else
    return strerror(number);
#endif
}

static const char *errno_name(int number)
{
#if defined __GLIBC__
    return strerrorname_np(number);
#else
    return number > 0 ? "ERRNO" : NULL;
#endif
}

static bool is_errno(int code)
{
    return code < 0 && code > -5000;
}

const char *mproc_strerror(int code)
{
    const struct error_entry *entry = find_entry(code);
    if (entry)
        return entry->message;
    const char *message = is_errno(code) ? errno_message(-code) : NULL;
    return message ? message : "unknown error";
}

const char *mproc_error_name(int code)
{
    const struct error_entry *entry = find_entry(code);
    if (entry)
        return entry->name;
    const char *name = is_errno(code) ? errno_name(-code) : NULL;
    return name ? name : "UNKNOWN";
}

void mproc_free(void *memory)
{
    free(memory);
}

void mp_error_clear(mproc_error *err)
{
    if (!err)
        return;
    err->code = 0;
    err->sys_errno = 0;
    err->text[0] = '\0';
}

static bool is_open(const mproc_error *err)
{
    return err && err->code == 0;
}

int mp_fail(mproc_error *err, int code, const char *format, ...)
{
    if (!is_open(err))
        return code;
    va_list args;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    err->code = code;
    err->sys_errno = is_errno(code) ? -code : 0;
    return code;
}

int mp_fail_errno(mproc_error *err, int sys_errno, const char *format, ...)
{
    if (!is_open(err))
        return -sys_errno;
    va_list args;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    size_t used = strlen(err->text);
    snprintf(err->text + used, sizeof err->text - used, ": %s", mproc_strerror(-sys_errno));
    err->code = -sys_errno;
    err->sys_errno = is_errno(err->code) ? sys_errno : 0;
    return err->code;
}
