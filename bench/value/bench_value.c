/* SPDX-License-Identifier: MIT */
/*
 * Decode and encode pickles that bench_value.py hands over: name, length, pickle on stdin; "name
 * decode-ns encode-ns", best of several samples, on stdout.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <mproc/value.h>

#define SAMPLES 7
#define SAMPLE_NS 30e6

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

struct job {
    const void *data;
    size_t len;
    const mproc_value *v;
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

static double best(void (*run)(const struct job *), const struct job *job)
{
    double least = INFINITY;
    long n = 1;
    for (int i = 0; i < SAMPLES;) {
        double start = now();
        for (long k = 0; k < n; k++)
            run(job);
        double taken = now() - start;
        if (taken < SAMPLE_NS && n < 1 << 24) {
            n *= 2;
            continue;
        }
        if (taken / (double)n < least)
            least = taken / (double)n;
        i++;
    }
    return least;
}

int main(void)
{
    char name[64];
    uint64_t len;
    while (scanf("%63s", name) == 1 && getchar() == '\n' &&
           fread(&len, sizeof len, 1, stdin) == 1) {
        unsigned char *data = malloc(len);
        mproc_value *v = NULL;
        if (!data || fread(data, 1, len, stdin) != len ||
            mproc_value_unpickle(&v, data, len, NULL, NULL) < 0)
            return 1;
        struct job job = {data, len, v};
        double decoded = best(decode, &job);
        printf("%s %.0f %.0f\n", name, decoded, best(encode, &job));
        fflush(stdout);
        mproc_value_free(v);
        free(data);
    }
    return 0;
}
