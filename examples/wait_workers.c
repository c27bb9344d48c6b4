/* SPDX-License-Identifier: MIT */
/*
 * Four workers send ten numbered messages each, through a pipe of their own. The parent waits for
 * all the pipes at once and drops each at its end of file.
 */
#include <mproc/mproc.h>
#include <stdio.h>
#include <string.h>

#define WORKERS 4
#define MESSAGES 10

/* What a worker is started with. It is forked, so the connection is its own copy. */
struct task {
    int worker;
    mproc_conn *out;
};

static int work(const void *args, size_t len)
{
    struct task task;
    if (len != sizeof task)
        return 1;
    memcpy(&task, args, len);
    for (int i = 0; i < MESSAGES; i++) {
        char text[64];
        int n = snprintf(text, sizeof text, "(%d, '%s')", i,
                         mproc_process_name(mproc_current_process()));
        if (mproc_conn_send_bytes(task.out, text, (size_t)n) < 0)
            return 1;
    }
    mproc_conn_close(task.out);
    return 0;
}

/* Start one worker; *in is where its messages come from. */
static int start_worker(int number, mproc_process **process, mproc_conn **in)
{
    struct task task = {.worker = number};
    mproc_error err = MPROC_ERROR_INIT;
    int rc = mproc_pipe(in, &task.out, MPROC_SIMPLEX);
    if (rc < 0)
        return rc;
    rc = mproc_process_start(process, work, &task, sizeof task, NULL, &err);
    /* The worker has the sending end now: only without ours is its exit the end of the file. */
    mproc_conn_close(task.out);
    if (rc < 0) {
        fprintf(stderr, "wait_workers: %s\n", err.text);
        mproc_conn_close(*in);
    }
    return rc;
}

/* Print one message. 1 if there may be more, 0 at the end of the file, or an error. */
static int print_message(mproc_conn *in)
{
    char text[64];
    ssize_t n = mproc_conn_recv_bytes_into(in, text, sizeof text);
    if (n >= 0)
        printf("%.*s\n", (int)n, text);
    return n >= 0 ? 1 : n == MPROC_EOF ? 0 : (int)n;
}

/* Read all until each has ended; closes them. */
static int print_all(mproc_wait_item *readers, size_t n)
{
    int rc = 0;
    while (n > 0 && (rc = mproc_wait(readers, n, 60)) > 0) {
        for (size_t i = n; i-- > 0;) {
            if (!readers[i].ready || (rc = print_message(readers[i].object.conn)) > 0)
                continue;
            mproc_conn_close(readers[i].object.conn);
            readers[i] = readers[--n];
        }
    }
    while (n > 0)
        mproc_conn_close(readers[--n].object.conn);
    return rc;
}

int main(void)
{
    mproc_process *workers[WORKERS];
    mproc_wait_item readers[WORKERS];
    size_t started = 0;
    for (; started < WORKERS; started++) {
        mproc_conn *in;
        if (start_worker((int)started, &workers[started], &in) < 0)
            break;
        readers[started] = mproc_wait_conn(in);
    }
    int failed = print_all(readers, started) < 0 || started < WORKERS;
    for (size_t i = 0; i < started; i++) {
        int code = 1;
        mproc_process_join(workers[i], MPROC_FOREVER);
        failed |= mproc_process_exitcode(workers[i], &code) < 0 || code != 0;
        mproc_process_close(workers[i]);
    }
    return failed;
}
