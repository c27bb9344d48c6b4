/* SPDX-License-Identifier: MIT */
/** @file
 * Where the library's log messages go. By default nowhere: mproc never writes to stderr by itself.
 */
#ifndef MPROC_LOG_H
#define MPROC_LOG_H

#include <mproc/common.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Severities, with multiprocessing's numbers. */
enum mproc_log_level {
    MPROC_LOG_SUBDEBUG = 5,
    MPROC_LOG_DEBUG = 10,
    MPROC_LOG_INFO = 20,
    MPROC_LOG_SUBWARNING = 25,
    MPROC_LOG_WARNING = 30,
    MPROC_LOG_OFF = 100
};

/**
 * Receives one log message. It may be called from any thread that calls mproc, and must not call
 * the function that led to it.
 *
 * @param user     the pointer given to mproc_log_set()
 * @param level    an mproc_log_level
 * @param process  name of this process, such as "MainProcess" or "Process-1"
 * @param message  one line without newline; valid only during the call
 */
typedef void (*mproc_log_fn)(void *user, int level, const char *process, const char *message);

/**
 * Send log messages of `level` and above to `fn`.
 *
 * Forked children inherit the setting.
 *
 * @param fn     receiver, or NULL for none
 * @param user   handed to `fn` unchanged
 * @param level  least severity that `fn` gets
 * @par Threads  any thread; a message that is being delivered may still reach the former receiver
 */
MPROC_API void mproc_log_set(mproc_log_fn fn, void *user, int level);

/**
 * Send log messages of `level` and above to stderr, one `[level/process] message` line each, as
 * multiprocessing.log_to_stderr() does.
 *
 * @param level  least severity shown
 * @par Threads  as mproc_log_set(); each line is one write(2)
 */
MPROC_API void mproc_log_to_stderr(int level);

/**
 * Name of a severity, such as "INFO".
 *
 * @param level  an mproc_log_level
 * @return static text; "LOG" for a number that is none
 */
MPROC_API const char *mproc_log_level_name(int level);

#ifdef __cplusplus
}
#endif

#endif
