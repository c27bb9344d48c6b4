/* SPDX-License-Identifier: MIT */
/*
 * Decode and encode a pickle that bench_value.py hands over. Commands on stdin: 'o' and a length
 * and a pickle, which is the object from then on; 'd' or 'e' for one sample of decoding or encoding
 * it, answered by nanoseconds per call on stdout. Each call makes its result and frees it.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <mproc/value.h>

#define SAMPLE_NS 20e6

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

struct job {
    unsigned char *data;
    uint64_t len;
    mproc_value *v;
};

static void decode(const struct job *job)
{
    mproc_value *v = NULL;
    if (mproc_value_unpickle(&v, job->data, job->len, NULL, NULL) < 0)
        abort();
    mproc_value_free(v);
}

static void encode(const struct job *job)
{
    void *out = NULL;
    size_t len;
    if (mproc_value_pickle(job->v, &out, &len, NULL, NULL) < 0)
        abort();
    mproc_free(out);
}

/* As many calls as fill a sample; how many is known from the last one. */
static double sample(void (*run)(const struct job *), const struct job *job, long *calls)
{
    for (;;) {
        double start = now();
        for (long k = 0; k < *calls; k++)
            run(job);
        double taken = now() - start;
        if (taken >= SAMPLE_NS || *calls >= 1 << 24)
            return taken / (double)*calls;
        *calls *= 2;
    }
}

static void drop(struct job *job)
{
    mproc_value_free(job->v);
    free(job->data);
    *job = (struct job){0};
}

static int take(struct job *job)
{
    drop(job);
    if (fread(&job->len, sizeof job->len, 1, stdin) != 1)
        return -1;
    job->data = malloc(job->len);
    if (!job->data || fread(job->data, 1, job->len, stdin) != job->len)
        return -1;
    return mproc_value_unpickle(&job->v, job->data, job->len, NULL, NULL);
}

int main(void)
{
    struct job job = {0};
    long decodes = 1;
    long encodes = 1;
    int command;
    while ((command = getchar()) != EOF) {
        if (command == 'o') {
            if (take(&job) < 0)
                return 1;
            decodes = encodes = 1;
        } else if (command == 'd') {
            printf("%.1f\n", sample(decode, &job, &decodes));
        } else {
            printf("%.1f\n", sample(encode, &job, &encodes));
        }
        fflush(stdout);
    }
    drop(&job);
    return 0;
}
