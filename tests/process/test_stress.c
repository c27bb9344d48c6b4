/* SPDX-License-Identifier: MIT */
/*
 * Thousands of children started and killed in random order, by every start method, nested, and by
 * several threads at once: nothing may stay behind. MPROC_TEST_SEED repeats a run's choices.
 *
 * The test adopts orphans, so that whatever is left behind becomes its child. Each test's fixture
 * looks for descriptors and zombies.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined __linux__
#include <sys/prctl.h>
#endif

#include "base/fd.h"
#include "process/forkserver.h"
#include "process/run.h"
#if defined __linux__ && !defined MP_PORTABLE
#include "process/procfs.h"
#endif

#define SLOTS 24
#define CROWD 1000
#define METHODS 8
#define PATIENCE 60.0 /* seconds until orphans have ended, on a machine that does much else */

/* --- chance ------------------------------------------------------------------------------------
 */

struct chance {
    uint64_t state;
};

/* xorshift64*, good enough for choices. */
static unsigned draw(struct chance *chance, unsigned n)
{
    chance->state ^= chance->state >> 12;
    chance->state ^= chance->state << 25;
    chance->state ^= chance->state >> 27;
    return (unsigned)((chance->state * UINT64_C(2685821657736338717)) >> 40) % n;
}

static struct chance begin_by_chance(void)
{
    const char *given = getenv("MPROC_TEST_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)mp_clock_now();
    printf("stress: MPROC_TEST_SEED=%llu\n", (unsigned long long)seed);
    fflush(stdout);
    return (struct chance){.state = seed | 1};
}

static void spin(unsigned times)
{
    static atomic_uint counted;
    while (times-- > 0)
        atomic_fetch_add(&counted, 1);
}

/* --- what children do --------------------------------------------------------------------------
 */

/* Two daemons that never end by themselves: they die with this process, however it ends. */
static int start_daemons(const mproc_value *args)
{
    int ends = 0;
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.daemon = true;
    mproc_unpack(args, "i", &ends);
    for (int i = 0; i < 2; i++) {
        mproc_process *p;
        if (mproc_process_start(&p, run_forever, NULL, &options, NULL) < 0)
            return 1;
    }
    return ends ? 0 : run_forever(args);
}

static int start_and_join(const mproc_value *args)
{
    mproc_process *p;
    int code = 1;
    if (mproc_process_start(&p, run_number, args, NULL, NULL) < 0 ||
        mproc_process_join(p, MPROC_FOREVER) < 0 || mproc_process_exitcode(p, &code) < 0)
        return 1;
    mproc_process_close(p);
    return code;
}

static const mproc_target targets[] = {run_nothing, run_number, run_forever, start_daemons,
                                       start_and_join};

static atomic_bool killing; /* children and fork servers, by chance */

/* --- starting and ending -----------------------------------------------------------------------
 */

static const char *methods[METHODS];
static unsigned n_methods;

static void set_up(void)
{
#if defined __linux__
    ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
#endif
    n_methods = (unsigned)mproc_start_methods(methods, METHODS);
    ck_assert_uint_ge(n_methods, 1);
    ck_assert_uint_le(n_methods, METHODS);
}

static int start_command(mproc_process **p, struct chance *chance)
{
    static const char *const commands[][4] = {
        {"/bin/sh", "-c", "exit 3", NULL},
        {"/bin/sh", "-c", "sleep 1000", NULL},
        {"/bin/true", NULL, NULL, NULL},
    };
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.command = commands[draw(chance, 3)];
    options.group = true; /* a shell may fork */
    return mproc_process_start(p, NULL, NULL, &options, NULL);
}

/* NULL where something was killed before it got anywhere. */
static mproc_process *start_any(struct chance *chance)
{
    mproc_process *p = NULL;
    mproc_value *args;
    unsigned method = draw(chance, n_methods + 1);
    if (method == n_methods)
        return start_command(&p, chance) == 0 ? p : NULL;
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.start_method = methods[method];
    mproc_target target = targets[draw(chance, sizeof targets / sizeof targets[0])];
    bool has_children = target == start_daemons || target == start_and_join;
    options.daemon = !has_children && draw(chance, 2);
    options.group = draw(chance, 4) == 0;
    options.nice = draw(chance, 8) == 0;
    if (mproc_pack(&args, "i", (int)draw(chance, 2)) < 0)
        return NULL;
    int rc = mproc_process_start(&p, target, args, &options, NULL);
    mproc_value_free(args);
    return rc == 0 ? p : NULL;
}

static void end_any(mproc_process *p, struct chance *chance)
{
    switch (draw(chance, 4)) {
    case 0:
        mproc_process_terminate(p);
        break;
    case 1:
        if (mproc_process_kill_tree(p) == -EINVAL)
            mproc_process_kill(p);
        break;
    default:
        mproc_process_kill(p);
        break;
    }
    /* Children that deal with SIGTERM end their own children first. */
    if (mproc_process_join(p, 30) < 0) {
        mproc_process_kill(p);
        mproc_process_join(p, MPROC_FOREVER);
    }
}

/* 0, or what went wrong. */
static int let_go(mproc_process *p, struct chance *chance)
{
    int code;
    if (draw(chance, 3) == 0)
        spin(draw(chance, 20000));
    end_any(p, chance);
    int rc = mproc_process_exitcode(p, &code);
    if (rc == MPROC_ESTATUS && atomic_load(&killing)) /* it was the fork server's to tell */
        rc = 0;
    mproc_process_kill_tree(p); /* a shell's children */
    return mproc_process_close(p) < 0 ? -1 : rc;
}

static int run_choices(struct chance *chance, int times)
{
    mproc_process *slots[SLOTS] = {NULL};
    int rc = 0;
    for (int i = 0; i < times && rc == 0; i++) {
        mproc_process **slot = &slots[draw(chance, SLOTS)];
        if (*slot)
            rc = let_go(*slot, chance);
        *slot = *slot ? NULL : start_any(chance);
    }
    for (int i = 0; i < SLOTS; i++)
        if (slots[i])
            rc = let_go(slots[i], chance) < 0 ? -1 : rc;
    return rc;
}

/* Everything that is left is ours now: it has to end by itself. */
static void check_nothing_left(void)
{
    mp_deadline deadline;
    pid_t pid;
    mp_forkserver_stop();
    ck_assert_uint_eq(mproc_active_children(NULL, 0), 0);
    mp_deadline_in(PATIENCE * 1000 / (double)run_times(1000), &deadline);
    do {
        pid = waitpid(-1, NULL, WNOHANG);
        if (pid == 0)
            mp_poll(NULL, 0, mp_clock_now() + 1000000);
    } while (pid >= 0 && !mp_deadline_passed(deadline));
    ck_assert_msg(pid < 0 && errno == ECHILD, "a descendant was left behind");
}

/* --- tests -------------------------------------------------------------------------------------
 */

START_TEST(children_of_all_kinds_come_and_go_in_any_order)
{
    struct chance chance = begin_by_chance();
    set_up();
    ck_assert_int_eq(run_choices(&chance, run_times(2000)), 0);
    check_nothing_left();
}
END_TEST

struct worker {
    pthread_t thread;
    struct chance chance;
    int times;
    int rc;
};

static void *work(void *arg)
{
    struct worker *worker = arg;
    worker->rc = run_choices(&worker->chance, worker->times);
    return NULL;
}

START_TEST(several_threads_start_and_end_children_at_once)
{
    struct chance chance = begin_by_chance();
    struct worker workers[4];
    set_up();
    for (int i = 0; i < 4; i++) {
        workers[i] = (struct worker){.chance = {.state = draw(&chance, 1 << 20) * 2 + 1},
                                     .times = run_times(250)};
        ck_assert_int_eq(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(workers[i].thread, NULL);
        ck_assert_int_eq(workers[i].rc, 0);
    }
    check_nothing_left();
}
END_TEST

static int pause_and_end(const mproc_value *args)
{
    return run_forever(args);
}

/* Descriptors for as many children as wanted, or as there are. */
static int raise_limit(int children)
{
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    rlim_t room = limit.rlim_cur > 200 ? (limit.rlim_cur - 100) / 2 : 50;
    return (rlim_t)children < room ? children : (int)room;
}

START_TEST(a_thousand_children_are_alive_at_once)
{
    static mproc_process *crowd[CROWD];
    set_up();
    int n = raise_limit(run_times(CROWD));
    for (int i = 0; i < n; i++)
        crowd[i] = run_start(pause_and_end, NULL);
    ck_assert_uint_eq(mproc_active_children(NULL, 0), (size_t)n);
    ck_assert_int_eq(mproc_process_join_all(crowd, (size_t)n, 0), -ETIMEDOUT);
    for (int i = 0; i < n; i++)
        ck_assert_int_eq(mproc_process_kill(crowd[i]), 0);
    ck_assert_int_eq(mproc_process_join_all(crowd, (size_t)n, MPROC_FOREVER), 0);
    for (int i = 0; i < n; i++)
        ck_assert_int_eq(run_finish(crowd[i]), -SIGKILL);
    check_nothing_left();
}
END_TEST

#if defined __linux__ && !defined MP_PORTABLE

/* Children of this process and of its fork server, at whatever instant of their lives. */
static void kill_one(struct chance *chance)
{
    pid_t victims[256];
    unsigned n = 0;
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    while (proc && (entry = readdir(proc)) != NULL && n < 256) {
        struct mp_proc found;
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid > 0 && mp_proc_read(pid, &found) && found.parent == getpid())
            victims[n++] = pid;
    }
    if (proc)
        closedir(proc);
    /* Only this test's thread reaps them, and it may have: then the number is free, not taken. */
    if (n > 0)
        kill(victims[draw(chance, n)], SIGKILL);
}

static void *kill_by_chance(void *arg)
{
    struct chance *chance = arg;
    while (atomic_load(&killing)) {
        spin(draw(chance, 30000));
        kill_one(chance);
    }
    return NULL;
}

/* A start may fail then, but has to return, and to leave nothing. */
START_TEST(children_are_killed_at_any_instant_of_their_start)
{
    struct chance chance = begin_by_chance();
    struct chance killer = {.state = chance.state ^ 0x5555};
    pthread_t thread;
    set_up();
    atomic_store(&killing, true);
    ck_assert_int_eq(pthread_create(&thread, NULL, kill_by_chance, &killer), 0);
    int times = run_times(500);
    for (int i = 0; i < times; i++) {
        mproc_process *p = start_any(&chance);
        if (p)
            ck_assert_int_eq(let_go(p, &chance), 0);
    }
    atomic_store(&killing, false);
    pthread_join(thread, NULL);
    check_nothing_left();
}
END_TEST

#endif

Suite *mp_suite(void)
{
    Suite *suite = suite_create("stress");
    TCase *tc = mp_case(suite, "stress", 120);
    tcase_add_test(tc, children_of_all_kinds_come_and_go_in_any_order);
    tcase_add_test(tc, several_threads_start_and_end_children_at_once);
    tcase_add_test(tc, a_thousand_children_are_alive_at_once);
#if defined __linux__ && !defined MP_PORTABLE
    tcase_add_test(tc, children_are_killed_at_any_instant_of_their_start);
#endif
    return suite;
}
