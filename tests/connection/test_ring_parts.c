/* SPDX-License-Identifier: MIT */
/* A peer that scribbles into the shared memory, and the parts that a ring is made of. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mproc/connection.h>
#include <mproc/error.h>

#include "base/fd.h"
#include "connection/ring.h"
#include "connection/ring_help.h"
#include "support/suite.h"

static mproc_conn *in;
static mproc_conn *out;

/* ---- a peer that scribbles ---- */

static _Noreturn void scribble(unsigned char *memory, size_t len, unsigned seed, bool headers)
{
    uint64_t random = seed * UINT64_C(2654435761) + 1;
    for (unsigned i = 0; i < 200000; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        size_t at = (size_t)(random >> 24) % (len / 8);
        uint64_t value = headers ? mp_record_header((enum mp_record_kind)(random >> 20 & 7),
                                                    random >> (40 + random % 24))
                                 : random;
        /* Mostly where the headers and controls are. */
        if (i % 2 == 0)
            at %= i % 4 == 0 ? 128 : 512 + 64;
        __atomic_store_n((uint64_t *)(void *)memory + at, value, __ATOMIC_RELAXED);
        if (i % 1000 == 0)
            mp_bell_ring(mp_ring_of(out)->bell_out);
    }
    _exit(0);
}

/* Go on until the peer is gone: garbage is fine, a crash or a hang is not. */
static void live_with_scribbling(void)
{
    static char data[5000];
    mproc_conn_set_timeout(in, 0.001, 0.001);
    mproc_conn_set_max_message(in, sizeof data);
    int sent = 0;
    ssize_t got = 0;
    for (int i = 0; sent != -EPIPE && sent != MPROC_EPROTO && sent != MPROC_ETORN && i < 100000;
         i++)
        sent = mproc_conn_send_bytes(in, data, (size_t)i % sizeof data);
    ck_assert_int_lt(sent, 0);
    mproc_conn_set_timeout(in, 10, 10);
    for (int i = 0; got != MPROC_EOF && got != MPROC_EPROTO; i++) {
        ck_assert_int_lt(i, 10000000);
        ck_assert_int_ne(got, -ETIMEDOUT);
        if (got == MPROC_ETOOBIG || got == MPROC_EBUFSIZE)
            break;
        got = mproc_conn_recv_bytes_into(in, data, sizeof data);
    }
}

START_TEST(a_scribbling_peer_can_only_harm_its_messages)
{
    for (unsigned round = 0; round < 30; round++) {
        mp_make_ring(&in, &out, MPROC_DUPLEX, round % 2 ? 4096 : 65536, -1);
        for (int i = 0; i < 5; i++)
            ck_assert_int_eq(mproc_conn_send_bytes(out, "message", 7), 0);
        pid_t child = fork();
        if (child == 0) {
            mproc_conn_close(in);
            const struct mp_ring *r = mp_ring_of(out);
            scribble(r->memory->base, r->memory->len, round, round % 3 != 0);
        }
        mproc_conn_close(out);
        live_with_scribbling();
        mp_expect_exit(child, 0);
        mproc_conn_close(in);
    }
}
END_TEST

START_TEST(a_ring_that_leads_in_circles_ends_when_its_writer_is_gone)
{
    mp_make_ring(&in, &out, MPROC_SIMPLEX, 4096, -1);
    const struct mp_ring *r = mp_ring_of(out);
    for (uint64_t at = 0; at < 4096; at += 16)
        atomic_store(mp_ring_slot(r->out_data, at, 4096), mp_record_header(MP_RECORD_WHOLE, 8));
    mproc_conn_close(out);
    char data[8];
    ssize_t got = 0;
    for (long i = 0; got >= 0; i++) {
        ck_assert_int_lt(i, 10000000);
        got = mproc_conn_recv_bytes_into(in, data, sizeof data);
    }
    ck_assert_int_eq(got, MPROC_EPROTO);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(in, data, sizeof data), MPROC_EPROTO);
    ck_assert_int_eq(mproc_conn_poll(in, 0), 1);
    mproc_conn_close(in);
}
END_TEST

/* ---- the parts ---- */

START_TEST(looking_is_learnt_and_unlearnt)
{
    struct mp_spin spin;
    mp_spin_init(&spin, mp_spin_limit_ns(100));
    ck_assert_int_eq(spin.budget, 0);
    mp_spin_learn(&spin, 30000, false);
    if (spin.limit > 0) /* more than one processor */
        ck_assert_int_eq(spin.budget, 100000);
    for (int i = 0; i < 10; i++)
        mp_spin_learn(&spin, 1000000, false);
    ck_assert_int_eq(spin.budget, 0);
    ck_assert(!mp_spin_may_yield(&spin));
    mp_spin_learn(&spin, 10, true);
    ck_assert_int_eq(spin.budget, 0);
    ck_assert(mp_spin_may_yield(&spin));
    mp_spin_yielded(&spin, 1000);
    ck_assert(mp_spin_may_yield(&spin));
}
END_TEST

/* Waits until the next yield, which takes so long. */
static int waits_without_yield(struct mp_spin *spin, int64_t took)
{
    int waits = 0;
    while (!mp_spin_may_yield(spin))
        waits++;
    mp_spin_yielded(spin, took);
    return waits;
}

START_TEST(yields_that_are_late_become_rare)
{
    const int64_t late = 1000000;
    struct mp_spin spin;
    mp_spin_init(&spin, mp_spin_limit_ns(100));
    mp_spin_learn(&spin, 10, true);
    ck_assert_int_eq(waits_without_yield(&spin, 1000), 0);
    ck_assert_int_eq(waits_without_yield(&spin, late), 0);
    ck_assert_int_eq(waits_without_yield(&spin, 1000), 8);
    ck_assert_int_eq(waits_without_yield(&spin, late), 0);
    for (int waits = 8; waits <= 1024; waits *= 2)
        ck_assert_int_eq(waits_without_yield(&spin, late), waits);
    ck_assert_int_eq(waits_without_yield(&spin, late), 1024);
    ck_assert_int_eq(waits_without_yield(&spin, 1000), 1024);
    ck_assert_int_eq(waits_without_yield(&spin, 1000), 0);
}
END_TEST

START_TEST(the_environment_bounds_looking)
{
    struct mp_spin spin;
    setenv("MPROC_SPIN_US", "0", 1);
    mp_spin_init(&spin, -1);
    ck_assert_int_eq(spin.limit, 0);
    setenv("MPROC_SPIN_US", "nonsense", 1);
    mp_spin_init(&spin, -1);
    ck_assert(spin.limit == 100000 || spin.limit == 0);
    mp_spin_init(&spin, mp_spin_limit_ns(1e300));
    ck_assert_int_le(spin.limit, 1000000000);
}
END_TEST

struct shared_count {
    struct mp_end_lock lock;
    unsigned a;
    unsigned b;
};

static void *count_up(void *arg)
{
    struct shared_count *count = arg;
    for (int i = 0; i < 20000; i++) {
        if (mp_end_lock_enter(&count->lock, MP_NEVER) < 0)
            return arg;
        count->a++;
        count->b++;
        if (count->a != count->b)
            return arg;
        mp_end_lock_leave(&count->lock);
    }
    return NULL;
}

START_TEST(the_lock_keeps_threads_and_processes_apart)
{
    ck_assert_int_eq(mp_self_init(), 0);
    struct shared_count *count =
        mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_int_eq(mp_end_lock_init(&count->lock), 0);
    ck_assert_ptr_null(count_up(count));
    ck_assert_uint_gt(atomic_load(&count->lock.favoured), MP_LOCK_SHARED);
#if defined MP_UNDER_TSAN /* does not see how a thread's turn follows from another process's */
    bool alone = true;
#else
    bool alone = false;
#endif
    pid_t child = alone ? -1 : fork();
    if (child == 0)
        _exit(count_up(count) ? 1 : 0);
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, count_up, count);
    for (int i = 0; i < 2; i++) {
        void *result;
        pthread_join(threads[i], &result);
        ck_assert_ptr_null(result);
    }
    if (!alone)
        mp_expect_exit(child, 0);
    ck_assert_uint_eq(count->a, alone ? 60000 : 80000);
    munmap(count, sizeof *count);
}
END_TEST

static void use(struct mp_end_lock *lock, int times)
{
    for (int i = 0; i < times; i++) {
        ck_assert_int_ge(mp_end_lock_enter(lock, MP_NEVER), 0);
        mp_end_lock_leave(lock);
    }
}

static bool is_free(struct mp_end_lock *lock)
{
    int rc = mp_end_lock_enter(lock, mp_clock_now() + 5000000);
    if (rc >= 0)
        mp_end_lock_leave(lock);
    ck_assert(rc >= 0 || rc == -ETIMEDOUT);
    return rc >= 0;
}

static void *find_it_taken(void *lock)
{
    return is_free(lock) ? lock : NULL;
}

static void *in_a_thread(void *(*run)(void *), void *arg)
{
    pthread_t thread;
    void *result;
    ck_assert_int_eq(pthread_create(&thread, NULL, run, arg), 0);
    ck_assert_int_eq(pthread_join(thread, &result), 0);
    return result;
}

static bool is_favoured(struct mp_end_lock *lock)
{
    if (!mp_end_lock_enter_favoured(lock))
        return false;
    mp_end_lock_leave_favoured(lock);
    return true;
}

#define OFTEN 5000 /* to be favoured after others were */

/* What one that was favoured before does last on its way out or in. */
static void *come_after(void *arg)
{
    struct mp_end_lock *lock = arg;
    uint32_t flag_of_late = lock->flag;
    use(lock, OFTEN);
    ck_assert(mp_end_lock_enter_favoured(lock));
    mp_end_lock_step_out(lock, flag_of_late);
    ck_assert_ptr_null(in_a_thread(find_it_taken, lock));
    mp_end_lock_leave(lock);
    use(lock, OFTEN);
    atomic_store(&lock->inside[flag_of_late], 1);
    ck_assert(is_favoured(lock));
    mp_end_lock_step_out(lock, flag_of_late);
    ck_assert_ptr_nonnull(in_a_thread(find_it_taken, lock));
    return NULL;
}

START_TEST(one_that_was_favoured_may_be_late)
{
    struct mp_end_lock lock = {0};
    ck_assert_int_eq(mp_self_init(), 0);
    ck_assert_int_eq(mp_end_lock_init(&lock), 0);
    use(&lock, 1);
    ck_assert(is_favoured(&lock));
    in_a_thread(come_after, &lock);
}
END_TEST

struct turn {
    struct mp_end_lock *lock;
    struct turn *next;
    bool favoured;
};

/* Each while those before it are alive. A thread that was joined may look alive for a moment. */
static void *take_turns(void *arg)
{
    struct turn *turn = arg;
    do {
        use(turn->lock, OFTEN);
        turn->favoured = is_favoured(turn->lock);
    } while (turn->next && !turn->favoured);
    if (turn->next)
        in_a_thread(take_turns, turn->next);
    return NULL;
}

START_TEST(so_many_living_threads_are_favoured_at_most)
{
    struct mp_end_lock lock = {0};
    ck_assert_int_eq(mp_self_init(), 0);
    ck_assert_int_eq(mp_end_lock_init(&lock), 0);
    for (int round = 0; round < 3; round++) {
        struct turn turns[MP_FAVOURITES + 1] = {{.lock = &lock}};
        for (int i = 0; i < MP_FAVOURITES; i++) {
            turns[i + 1].lock = &lock;
            turns[i].next = &turns[i + 1];
        }
        in_a_thread(take_turns, &turns[0]);
        ck_assert(!turns[MP_FAVOURITES].favoured);
    }
}
END_TEST

START_TEST(bells_wake_in_both_directions_and_tell_of_death)
{
    int fds[2];
    ck_assert_int_eq(mp_bell_open(fds), 0);
    ck_assert_int_eq(mp_bell_drain(fds[0]), 0);
    for (int i = 0; i < 10000; i++)
        ck_assert_int_eq(mp_bell_ring(fds[1]), 0);
    ck_assert_int_eq(mp_fd_wait(fds[0], POLLIN, MP_NOW), 0);
    ck_assert_int_eq(mp_bell_wait_drained(fds[1], mp_clock_now() + 1000000), -ETIMEDOUT);
    ck_assert_int_eq(mp_bell_drain(fds[0]), 1);
    ck_assert_int_eq(mp_fd_wait(fds[1], POLLOUT, MP_NOW), 0);
    ck_assert_int_eq(mp_bell_ring(fds[1]), 0);
    ck_assert_int_eq(mp_fd_wait(fds[1], POLLOUT, MP_NOW), -ETIMEDOUT);
    ck_assert(mp_bell_has_reader(fds[1]));
    mp_fd_close(&fds[0]);
    ck_assert(!mp_bell_has_reader(fds[1]));
    ck_assert_int_eq(mp_bell_ring(fds[1]), -EPIPE);
    ck_assert_int_eq(mp_bell_wait_drained(fds[1], MP_NEVER), -EPIPE);
    mp_fd_close(&fds[1]);
    ck_assert_int_eq(mp_bell_open(fds), 0);
    ck_assert_int_eq(mp_bell_ring(fds[1]), 0);
    mp_fd_close(&fds[1]);
    mp_bell_drain(fds[0]);
    ck_assert_int_eq(mp_bell_drain(fds[0]), MPROC_EOF);
    mp_fd_close(&fds[0]);
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("ring_parts");
    TCase *trust = mp_case(suite, "trust", 60);
    tcase_add_test(trust, a_scribbling_peer_can_only_harm_its_messages);
    tcase_add_test(trust, a_ring_that_leads_in_circles_ends_when_its_writer_is_gone);
    TCase *parts = mp_case(suite, "parts", 60);
    tcase_add_test(parts, looking_is_learnt_and_unlearnt);
    tcase_add_test(parts, yields_that_are_late_become_rare);
    tcase_add_test(parts, the_environment_bounds_looking);
    tcase_add_test(parts, the_lock_keeps_threads_and_processes_apart);
    tcase_add_test(parts, one_that_was_favoured_may_be_late);
    tcase_add_test(parts, so_many_living_threads_are_favoured_at_most);
    tcase_add_test(parts, bells_wake_in_both_directions_and_tell_of_death);
    return suite;
}
