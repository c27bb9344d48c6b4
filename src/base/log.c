/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define LINE_MAX_BYTES 512

static struct {
    pthread_mutex_t lock; /* guards fn and user, which belong together */
    mproc_log_fn fn;
    void *user;
    atomic_int level; /* read without the lock: a filtered message costs one load */
    char process[MP_PROCESS_NAME];
} sink = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .level = MPROC_LOG_OFF,
    .process = "MainProcess",
};

void mproc_log_set(mproc_log_fn fn, void *user, int level)
{
    pthread_mutex_lock(&sink.lock);
    sink.fn = fn;
    sink.user = user;
    atomic_store(&sink.level, fn ? level : MPROC_LOG_OFF);
    pthread_mutex_unlock(&sink.lock);
}

const char *mproc_log_level_name(int level)
{
    switch (level) {
    case MPROC_LOG_SUBDEBUG:
        return "SUBDEBUG";
    case MPROC_LOG_DEBUG:
        return "DEBUG";
    case MPROC_LOG_INFO:
        return "INFO";
    case MPROC_LOG_SUBWARNING:
        return "SUBWARNING";
    case MPROC_LOG_WARNING:
        return "WARNING";
    default:
        return "LOG";
    }
}

static void write_to_stderr(void *user, int level, const char *process, const char *message)
{
    (void)user;
    char line[LINE_MAX_BYTES + MP_PROCESS_NAME + 32];
    int n =
        snprintf(line, sizeof line, "[%s/%s] %s\n", mproc_log_level_name(level), process, message);
    if (n < 0)
        return;
    size_t len = (size_t)n < sizeof line ? (size_t)n : sizeof line - 1;
    /* A log that cannot be written has nobody to be told. */
    ssize_t written = write(STDERR_FILENO, line, len);
    (void)written;
}

void mproc_log_to_stderr(int level)
{
    mproc_log_set(write_to_stderr, NULL, level);
}

int mp_log_stderr_level(void)
{
    pthread_mutex_lock(&sink.lock);
    int level = sink.fn == write_to_stderr ? atomic_load(&sink.level) : MPROC_LOG_OFF;
    pthread_mutex_unlock(&sink.lock);
    return level;
}

void mp_log(int level, const char *format, ...)
{
    if (level < atomic_load_explicit(&sink.level, memory_order_relaxed))
        return;
    pthread_mutex_lock(&sink.lock);
    mproc_log_fn fn = sink.fn;
    void *user = sink.user;
    pthread_mutex_unlock(&sink.lock);
    if (!fn)
        return;
    char message[LINE_MAX_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    fn(user, level, sink.process, message);
}

void mp_log_set_process(const char *name)
{
    /* By hand: every forked child comes here, and printf(3) is a handful of pages to touch. */
    size_t n = 0;
    for (; n < sizeof sink.process - 1 && name[n]; n++)
        sink.process[n] = name[n];
    sink.process[n] = '\0';
}

void mp_log_after_fork(void)
{
    pthread_mutex_init(&sink.lock, NULL);
}
