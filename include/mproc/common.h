/* SPDX-License-Identifier: MIT */
/** @file
 * What every mproc header needs: linkage, the library's version, the platform's waitable handle,
 * and the unit of time.
 */
#ifndef MPROC_COMMON_H
#define MPROC_COMMON_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** @def MPROC_API
 * Marks what the library exports.
 *
 * @def MPROC_PRINTF
 * Marks a function whose argument number `fmt` is a printf format for those from number `args` on.
 */
#if defined(__GNUC__)
#define MPROC_API __attribute__((visibility("default")))
#define MPROC_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define MPROC_API
#define MPROC_PRINTF(fmt, args)
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define MPROC_VERSION_MAJOR 0 /**< breaks users' code when it grows */
#define MPROC_VERSION_MINOR 1 /**< has news when it grows */
#define MPROC_VERSION_PATCH 0 /**< has corrections when it grows */
#define MPROC_VERSION "0.1.0" /**< of these headers, "major.minor.patch" */

/** What the platform waits on: a file descriptor on POSIX systems. */
typedef int mproc_handle;
/** No handle. */
#define MPROC_INVALID_HANDLE (-1)

/**
 * A timeout that never passes. Timeouts are seconds as a `double`, counted on CLOCK_MONOTONIC from
 * the call's start and covering the whole call. Zero and negative timeouts poll; NaN is -EINVAL.
 */
#define MPROC_FOREVER ((double)INFINITY)

/**
 * Version of the library in use, which may be newer than the MPROC_VERSION compiled against.
 *
 * @return "major.minor.patch", static storage
 * @par Threads any thread, any time
 */
MPROC_API const char *mproc_version(void);

/**
 * Free memory that mproc allocated for its caller, such as a message of mproc_conn_recv_bytes().
 *
 * It is the library's own free(3), so that a program linked to another allocator stays correct.
 *
 * @param memory  what mproc handed out, or NULL
 * @par Threads any thread
 */
MPROC_API void mproc_free(void *memory);

#ifdef __cplusplus
}
#endif

#endif
