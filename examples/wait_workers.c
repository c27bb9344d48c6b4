/* SPDX-License-Identifier: MIT */
/*
 * Four workers send ten numbered messages each, through a pipe of their own. The parent waits for
 * all the pipes at once and drops each at its end of file.
 */
#include <mproc/mproc.h>
#include <stdio.h>

#define WORKERS 4
#define MESSAGES 10

static int work(const mproc_value *args)
{
    mproc_conn *w;
    if (mproc_unpack(args, "(C)", &w) < 0)
        return 1;
    const char *name = mproc_process_name(mproc_current_process());
    for (int i = 0; i < MESSAGES; i++)
        if (mproc_conn_sendf(w, "(is)", i, name) < 0)
            return 1;
    return 0;
}

/* Start one worker; *in is where its messages come from. */
static int start_worker(mproc_process **process, mproc_conn **in)
{
    mproc_conn *w;
    mproc_value *args;
    mproc_error err = MPROC_ERROR_INIT;
    int rc = mproc_pipe(in, &w, MPROC_SIMPLEX);
    if (rc < 0)
        return rc;
    rc = mproc_pack_err(&args, &err, "(C)", w);
    if (rc == 0) {
        rc = mproc_process_start(process, work, args, NULL, &err);
        mproc_value_free(args);
    }
    /* The worker has the sending end now: only without ours is its exit the end of the file. */
    mproc_conn_close(w);
    if (rc < 0) {
        fprintf(stderr, "wait_workers: %s\n", err.text);
        mproc_conn_close(*in);
    }
    return rc;
}

/* Print one message. 1 if there may be more, 0 at the end of the file, or an error. */
static int print_message(mproc_conn *in)
{
    mproc_value *message;
    char *text;
    int rc = mproc_conn_recv(in, &message, NULL);
    if (rc < 0)
        return rc == MPROC_EOF ? 0 : rc;
    rc = mproc_value_repr(message, &text, NULL);
    mproc_value_free(message);
    if (rc < 0)
        return rc;
    puts(text);
    mproc_free(text);
    return 1;
}

/* Read all until each has ended; closes them. Nonzero if one failed. */
static int print_all(mproc_wait_item *readers, size_t n)
{
    int failed = 0;
    while (n > 0 && mproc_wait(readers, n, 60) > 0) {
        for (size_t i = n; i-- > 0;) {
            int rc = readers[i].ready ? print_message(readers[i].object.conn) : 1;
            if (rc > 0)
                continue;
            failed |= rc < 0;
            mproc_conn_close(readers[i].object.conn);
            readers[i] = readers[--n];
        }
    }
    failed |= n > 0;
    while (n > 0)
        mproc_conn_close(readers[--n].object.conn);
    return failed;
}

int main(void)
{
    mproc_process *workers[WORKERS] = {NULL};
    mproc_wait_item readers[WORKERS];
    size_t started = 0;
    mproc_init();
    for (; started < WORKERS; started++) {
        mproc_conn *in;
        if (start_worker(&workers[started], &in) < 0)
            break;
        readers[started] = mproc_wait_conn(in);
    }
    int failed = print_all(readers, started) || started < WORKERS;
    for (size_t i = 0; i < started; i++) {
        int code = 1;
        mproc_process_join(workers[i], MPROC_FOREVER);
        failed |= mproc_process_exitcode(workers[i], &code) < 0 || code != 0;
        mproc_process_close(workers[i]);
    }
    return failed;
}
