/* SPDX-License-Identifier: MIT */
/*
 * Random use of many objects. After each step a waitset says what mproc_wait() says of the same
 * objects. Prints its seed when it fails; MPROC_TEST_SEED sets it.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <mproc/error.h>

#include "support/pairs.h"
#include "support/suite.h"
#include "wait/watched.h"

enum { THINGS = 24, STEPS = 3000, LONG = 70000 };

enum kind { CONN, PROCESS, HANDLE, KINDS };

struct thing {
    enum kind kind;
    bool open;
    bool in_set;
    bool killed;
    mproc_conn *in;
    mproc_conn *out; /* NULL once closed */
    mproc_process *process;
    int fds[2];
    size_t queued; /* bytes, so that no send blocks */
};

struct world {
    uint32_t seed;
    uint32_t state;
    mproc_waitset *set;
    struct thing things[THINGS];
};

/* The generator is that of C's rand. */
static uint32_t pick(struct world *world, uint32_t below)
{
    world->state = world->state * 1103515245u + 12345u;
    return (world->state >> 16) % below;
}

static int sleep_for_ever(const mproc_value *args)
{
    (void)args;
    while (pause() < 0)
        continue;
    return 0;
}

static mproc_wait_item item_of(const struct thing *t)
{
    if (t->kind == CONN)
        return mproc_wait_conn(t->in);
    return t->kind == PROCESS ? mproc_wait_process(t->process) : mproc_wait_handle(t->fds[0]);
}

static void open_thing(struct world *world, struct thing *t)
{
    *t = (struct thing){.open = true, .kind = CONN};
    uint32_t which = pick(world, 10);
    if (which == 0) {
        t->kind = PROCESS;
        ck_assert_int_eq(mproc_process_start(&t->process, sleep_for_ever, NULL, NULL, NULL), 0);
    } else if (which == 1) {
        t->kind = HANDLE;
        mp_raw_pair(t->fds);
    } else {
        uint32_t kind;
        do
            kind = pick(world, (uint32_t)mp_pair_kinds_count);
        while (mp_pair_kinds[kind].shared);
        mp_pair_kinds[kind].make(&t->in, &t->out);
        mproc_conn_set_timeout(t->in, MPROC_FOREVER, 0);
        mproc_conn_set_timeout(t->out, 0, 0);
    }
}

static void close_thing(struct world *world, struct thing *t)
{
    bool by_itself = t->kind != HANDLE && pick(world, 2) == 0;
    if (t->in_set && !by_itself)
        drop(world->set, item_of(t));
    if (t->kind == PROCESS) {
        mproc_process_kill(t->process);
        mproc_process_join(t->process, MPROC_FOREVER);
        mproc_process_close(t->process);
    } else if (t->kind == HANDLE) {
        close(t->fds[0]);
        close(t->fds[1]);
    } else {
        mproc_conn_close(t->in);
        mproc_conn_close(t->out);
    }
    t->open = false;
}

static void speak(struct world *world, struct thing *t)
{
    static const char bytes[LONG];
    if (t->kind == PROCESS) {
        if (pick(world, 4) == 0)
            t->killed = mproc_process_kill(t->process) == 0;
    } else if (t->kind == HANDLE) {
        if (t->queued++ < 100)
            ck_assert_int_eq(write(t->fds[1], "x", 1), 1);
    } else if (t->out && t->queued < 1500) {
        size_t len = pick(world, 30) == 0 ? 700 : pick(world, 60);
        ck_assert_int_eq(mproc_conn_send_bytes(t->out, bytes, len), 0);
        t->queued += len + 16;
    }
}

static void listen_to(struct world *world, struct thing *t)
{
    static char buf[LONG];
    mproc_buffer buffers[3] = {{.data = buf, .cap = sizeof buf},
                               {.data = buf, .cap = sizeof buf},
                               {.data = buf, .cap = sizeof buf}};
    if (t->kind == HANDLE) {
        ssize_t n = recv(t->fds[0], buf, 3, MSG_DONTWAIT);
        t->queued -= n > 0 ? (size_t)n : 0;
    } else if (t->kind == CONN) {
        ssize_t n = pick(world, 3) == 0 ? mproc_conn_recv_many(t->in, buffers, 3)
                                        : mproc_conn_recv_bytes_into(t->in, buf, sizeof buf);
        ck_assert(n >= 0 || n == -ETIMEDOUT || n == MPROC_EOF);
        /* Empty again only when that is certain. */
        if (n == -ETIMEDOUT)
            t->queued = 0;
    } else {
        mproc_process_is_alive(t->process);
    }
}

static void hang_up(struct thing *t)
{
    if (t->kind != CONN)
        return;
    mproc_conn_close(t->out);
    t->out = NULL;
}

static void move(struct world *world, struct thing *t)
{
    if (t->in_set)
        drop(world->set, item_of(t));
    else
        add(world->set, item_of(t), t);
    t->in_set = !t->in_set;
}

static void step(struct world *world)
{
    struct thing *t = &world->things[pick(world, THINGS)];
    uint32_t what = pick(world, 100);
    if (!t->open)
        open_thing(world, t);
    else if (what < 40)
        speak(world, t);
    else if (what < 75)
        listen_to(world, t);
    else if (what < 88)
        move(world, t);
    else if (what < 92)
        hang_up(t);
    else if (what < 95)
        close_thing(world, t);
    else if (what < 98 && t->kind == CONN)
        mproc_conn_poll(t->in, 0);
}

/* What mproc_wait() says of all that are in the set. */
static void ask_plainly(struct world *world, bool ready[THINGS])
{
    mproc_wait_item items[THINGS];
    size_t who[THINGS];
    size_t n = 0;
    for (size_t i = 0; i < THINGS; i++) {
        ready[i] = false;
        if (!world->things[i].open || !world->things[i].in_set)
            continue;
        who[n] = i;
        items[n++] = item_of(&world->things[i]);
    }
    ck_assert_int_ge(mproc_wait(items, n, 0), 0);
    for (size_t k = 0; k < n; k++)
        ready[who[k]] = items[k].ready;
}

/* How many objects the two disagree about. */
static int disagreements(struct world *world, double timeout, bool set_first, bool *hung_up)
{
    mproc_wait_event events[THINGS];
    bool odd[THINGS];
    int count = 0;
    if (!set_first)
        ask_plainly(world, odd);
    int n = mproc_waitset_wait(world->set, events, THINGS, timeout);
    ck_assert_int_ge(n, 0);
    if (set_first)
        ask_plainly(world, odd);
    for (int i = 0; i < n; i++)
        odd[(struct thing *)events[i].tag - world->things] ^= true;
    *hung_up = true;
    for (int i = 0; i < THINGS; i++) {
        const struct thing *t = &world->things[i];
        count += odd[i];
        *hung_up = *hung_up && (!odd[i] || (t->kind == CONN && !t->out));
    }
    return count;
}

/* The last byte in a ring's bell may hide its hang-up from one look; whoever looks next sees it. */
static void compare(struct world *world, double timeout, bool set_first)
{
    bool hung_up;
    int count = disagreements(world, timeout, set_first, &hung_up);
    if (count > 0 && hung_up)
        count = disagreements(world, timeout, set_first, &hung_up);
    ck_assert_msg(count == 0, "seed %u: %d objects", (unsigned)world->seed, count);
}

/* A process that was killed is not ended at once. */
static void settle(struct world *world)
{
    for (size_t i = 0; i < THINGS; i++) {
        struct thing *t = &world->things[i];
        if (t->open && t->killed)
            mproc_process_join(t->process, MPROC_FOREVER);
    }
}

static void live(struct world *world, unsigned steps)
{
    for (unsigned i = 0; i < steps; i++) {
        uint32_t before = 1 + pick(world, 3);
        while (before-- > 0)
            step(world);
        settle(world);
        compare(world, pick(world, 20) == 0 ? 0.001 : 0, pick(world, 2) == 0);
    }
}

START_TEST(a_waitset_says_what_wait_says)
{
    static struct world world;
    const char *given = getenv("MPROC_TEST_SEED");
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    world.seed = given ? (uint32_t)strtoul(given, NULL, 10)
                       : (uint32_t)now.tv_nsec ^ (uint32_t)getpid() << 8;
    world.state = world.seed;
    world.set = new_set();
    live(&world, STEPS / mp_stride(10));
    for (size_t i = 0; i < THINGS; i++)
        if (world.things[i].open)
            close_thing(&world, &world.things[i]);
    mproc_waitset_close(world.set);
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("waitset_model");
    TCase *tc = mp_case(suite, "waitset_model", 60);
    tcase_add_loop_test(tc, a_waitset_says_what_wait_says, 0, 3);
    return suite;
}
