/* SPDX-License-Identifier: MIT */
/*
 * A worker in another language: a C program that has a Python one do its statistics.
 *
 *     command [WORKER.PY]
 *
 * The worker gets one end of a pipe, under a number that its environment tells it; see worker.py.
 * It takes jobs (number, [samples]) and answers (number, result). When this side closes its end,
 * the worker sees the end of the stream, and ends.
 */
#include <mproc/mproc.h>
#include <stdio.h>

static int fail(const char *what, int code, const mproc_error *err)
{
    fprintf(stderr, "command: %s: %s\n", what, err->text[0] ? err->text : mproc_strerror(code));
    return 1;
}

/* Start it, with `theirs` as the connection that it knows as "jobs". */
static int start_worker(mproc_process **worker, const char *path, mproc_conn *theirs,
                        mproc_error *err)
{
    const char *command[] = {"python3", path, NULL};
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.command = command;
    options.daemon = true; /* it does not outlive this program, whatever happens to that */
    mproc_value *args;
    int rc = mproc_pack_err(&args, err, "{sC}", "jobs", theirs);
    if (rc < 0)
        return rc;
    rc = mproc_process_start(worker, NULL, args, &options, err);
    mproc_value_free(args);
    return rc;
}

static int send_jobs(mproc_conn *jobs)
{
    int rc = mproc_conn_sendf(jobs, "(i[dddd])", 1, 1.0, 2.0, 4.0, 9.0);
    if (rc == 0)
        rc = mproc_conn_sendf(jobs, "(i[iii])", 2, 7, 7, 7);
    if (rc == 0)
        rc = mproc_conn_sendf(jobs, "(i[])", 3);
    return rc;
}

static int print_answer(mproc_conn *jobs, mproc_error *err)
{
    mproc_value *answer;
    char *text;
    int rc = mproc_conn_recv(jobs, &answer, err);
    if (rc < 0)
        return rc;
    rc = mproc_value_repr(answer, &text, NULL);
    mproc_value_free(answer);
    if (rc < 0)
        return rc;
    puts(text); /* (1, {'mean': 4.0, 'median': 3.0, 'deviation': 3.082207001484488}) */
    mproc_free(text);
    return 0;
}

static int talk(mproc_conn *jobs, mproc_error *err)
{
    int rc = send_jobs(jobs);
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = print_answer(jobs, err);
    return rc;
}

int main(int argc, char **argv)
{
    mproc_conn *ours;
    mproc_conn *theirs;
    mproc_process *worker;
    mproc_error err = MPROC_ERROR_INIT;
    int code = 1;

    /* A stream, since that is what Python understands. */
    int rc = mproc_pipe(&ours, &theirs, MPROC_DUPLEX | MPROC_PIPE_STREAM);
    if (rc < 0)
        return fail("pipe", rc, &err);
    rc = start_worker(&worker, argc > 1 ? argv[1] : "worker.py", theirs, &err);
    mproc_conn_close(theirs); /* the worker's now: its end will be our end of file */
    if (rc < 0) {
        mproc_conn_close(ours);
        return fail("start", rc, &err);
    }

    rc = talk(ours, &err);
    mproc_conn_close(ours);
    mproc_process_join(worker, MPROC_FOREVER);
    mproc_process_exitcode(worker, &code);
    mproc_process_close(worker);
    return rc < 0 ? fail("worker", rc, &err) : code;
}
