/* SPDX-License-Identifier: MIT */
/*
 * A parallel wc -w: counts the words of the files given on the command line, split over one worker
 * per CPU. Each worker asks for a file by number, counts, and reports; a fast one so gets more of
 * them. On a terminal a progress line shows how far they are.
 *
 *     pwc FILE...
 */
#include <errno.h>
#include <mproc/mproc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A worker's report, on the wire a tuple; the first one only says that it is there. */
struct report {
    long file; /* index, or -1 */
    long words;
    int error; /* errno of a file that could not be read */
};

static int is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static int count_words(const char *path, long *words)
{
    FILE *file = fopen(path, "rbe");
    if (!file)
        return errno;
    char buf[1 << 16];
    size_t n;
    int in_word = 0;
    *words = 0;
    while ((n = fread(buf, 1, sizeof buf, file)) > 0) {
        for (size_t i = 0; i < n; i++) {
            int space = is_space(buf[i]);
            *words += !space && !in_word;
            in_word = !space;
        }
    }
    int error = ferror(file) ? errno : 0;
    fclose(file);
    return error;
}

static int receive_index(mproc_conn *conn, long *file)
{
    mproc_value *value;
    int rc = mproc_conn_recv(conn, &value, NULL);
    if (rc < 0)
        return rc;
    rc = mproc_unpack(value, "l", file);
    mproc_value_free(value);
    return rc;
}

/* Report and get the index of the next file, until there is none. */
static int work(const mproc_value *args)
{
    void *files; /* forked, so the parent's pointer is good here */
    mproc_conn *conn;
    struct report report = {.file = -1};
    if (mproc_unpack(args, "(PC)", &files, &conn) < 0)
        return 1;
    for (;;) {
        if (mproc_conn_sendf(conn, "(lli)", report.file, report.words, report.error) < 0 ||
            receive_index(conn, &report.file) < 0)
            return 1;
        if (report.file < 0)
            return 0;
        report.error = count_words(((char **)files)[report.file], &report.words);
    }
}

struct crew {
    size_t n;
    mproc_process **processes;
    mproc_wait_item *items;
};

static int start_worker(struct crew *crew, char **files)
{
    mproc_conn *ours;
    mproc_conn *theirs;
    mproc_value *args;
    mproc_error err = MPROC_ERROR_INIT;
    int rc = mproc_pipe(&ours, &theirs, MPROC_DUPLEX);
    if (rc < 0)
        return rc;
    rc = mproc_pack_err(&args, &err, "(PC)", (void *)files, theirs);
    if (rc == 0) {
        rc = mproc_process_start(&crew->processes[crew->n], work, args, NULL, &err);
        mproc_value_free(args);
    }
    mproc_conn_close(theirs);
    if (rc < 0) {
        fprintf(stderr, "pwc: %s\n", err.text);
        mproc_conn_close(ours);
        return rc;
    }
    crew->items[crew->n++] = mproc_wait_conn(ours);
    return 0;
}

struct tally {
    long files;
    long handed_out;
    long done;
    long words;
    int failed;
};

static void add_report(struct tally *t, const struct report *report, char **files)
{
    if (report->file < 0)
        return;
    t->done++;
    if (report->error) {
        fprintf(stderr, "pwc: %s: %s\n", files[report->file], mproc_strerror(-report->error));
        t->failed = 1;
    } else {
        t->words += report->words;
    }
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r%ld of %ld files%s", t->done, t->files, t->done < t->files ? "" : "\n");
}

static int receive_report(mproc_conn *conn, struct report *report)
{
    mproc_value *value;
    int rc = mproc_conn_recv(conn, &value, NULL);
    if (rc < 0)
        return rc;
    rc = mproc_unpack(value, "(lli)", &report->file, &report->words, &report->error);
    mproc_value_free(value);
    return rc;
}

/* Take a worker's report and give it the next file. Nonzero when the worker is done with. */
static int serve_worker(mproc_conn *conn, struct tally *t, char **files)
{
    struct report report;
    if (receive_report(conn, &report) < 0) {
        fprintf(stderr, "pwc: a worker was lost\n");
        t->failed = 1;
        return 1;
    }
    add_report(t, &report, files);
    long next = t->handed_out < t->files ? t->handed_out++ : -1;
    return mproc_conn_sendf(conn, "l", next) < 0 || next < 0;
}

static void count_all(struct crew *crew, struct tally *t, char **files)
{
    size_t n = crew->n;
    while (n > 0 && mproc_wait(crew->items, n, MPROC_FOREVER) > 0) {
        for (size_t i = n; i-- > 0;) {
            if (!crew->items[i].ready || !serve_worker(crew->items[i].object.conn, t, files))
                continue;
            mproc_conn_close(crew->items[i].object.conn);
            crew->items[i] = crew->items[--n];
        }
    }
}

int main(int argc, char **argv)
{
    mproc_init();
    if (argc < 2) {
        fprintf(stderr, "usage: pwc FILE...\n");
        return 2;
    }
    char **files = argv + 1;
    struct tally tally = {.files = argc - 1};
    size_t wanted = (size_t)mproc_cpu_count();
    if (wanted > (size_t)tally.files)
        wanted = (size_t)tally.files;
    struct crew crew = {
        .processes = calloc(wanted, sizeof(mproc_process *)),
        .items = calloc(wanted, sizeof(mproc_wait_item)),
    };
    if (!crew.processes || !crew.items) {
        free(crew.processes);
        free(crew.items);
        return 1;
    }
    while (crew.n < wanted && start_worker(&crew, files) == 0)
        continue;
    count_all(&crew, &tally, files);
    for (size_t i = 0; i < crew.n; i++) {
        mproc_process_join(crew.processes[i], MPROC_FOREVER);
        mproc_process_close(crew.processes[i]);
    }
    free(crew.processes);
    free(crew.items);
    printf("%ld words in %ld files\n", tally.words, tally.done);
    return tally.failed || tally.done < tally.files;
}
