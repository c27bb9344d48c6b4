/* SPDX-License-Identifier: MIT */
/* auth: digests, guarded keys, and the handshake against recorded transcripts and bad messages. */
#include <dirent.h>
#include <mproc/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connection/auth.h"
#include "connection/authkey.h"
#include "connection/digest.h"
#include "support/suite.h"

#define KEY "secret password"

/* Bytes that the next challenges are made of. */
static unsigned char injected[MP_AUTH_RANDOM];

static void inject(void *bytes, size_t len)
{
    ck_assert_uint_eq(len, sizeof injected);
    memcpy(bytes, injected, len);
}

static unsigned nibble(char digit)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = strchr(digits, digit);
    ck_assert_ptr_nonnull(at);
    return (unsigned)(at - digits);
}

static size_t from_hex(const char *hex, unsigned char *out, size_t room)
{
    size_t n = strlen(hex) / 2;
    ck_assert_uint_le(n, room);
    for (size_t i = 0; i < n; i++)
        out[i] = (unsigned char)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
    return n;
}

static struct mp_auth_config config(const char *key, bool legacy)
{
    return (struct mp_auth_config){
        .key = key, .key_len = strlen(key), .legacy_md5 = legacy, .random = inject};
}

/* Digests. */

static void check_mac(enum mp_digest digest, const void *key, size_t key_len, const char *message,
                      const char *hex)
{
    unsigned char wanted[MP_MAC_MAX];
    unsigned char mac[MP_MAC_MAX];
    ck_assert_uint_eq(from_hex(hex, wanted, sizeof wanted), mp_mac_size(digest));
    ck_assert(mp_mac(digest, key, key_len, message, strlen(message), mac));
    ck_assert_mem_eq(mac, wanted, mp_mac_size(digest));
}

START_TEST(hmac_sha256_gives_the_macs_of_rfc_4231)
{
    unsigned char key[131];
    memset(key, 0xaa, sizeof key);
    check_mac(MP_SHA256, "Jefe", 4, "what do ya want for nothing?",
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    check_mac(MP_SHA256, key, sizeof key, "Test Using Larger Than Block-Size Key - Hash Key First",
              "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}
END_TEST

START_TEST(hmac_md5_gives_the_macs_of_rfc_2202)
{
    unsigned char mac[MP_MAC_MAX] = {1, 2, 3};
    if (!mp_md5_available()) {
        ck_assert(!mp_mac(MP_MD5, "k", 1, "m", 1, mac));
        ck_assert_mem_eq(mac, ((unsigned char[]){1, 2, 3}), 3);
        return;
    }
    unsigned char key[80];
    memset(key, 0x0b, sizeof key);
    check_mac(MP_MD5, key, 16, "Hi There", "9294727a3638bb1c13f48ef8158bfc9d");
    check_mac(MP_MD5, "Jefe", 4, "what do ya want for nothing?",
              "750c783e6ab0b503eaa86e310a5db738");
    memset(key, 0xaa, sizeof key);
    check_mac(MP_MD5, key, 80, "Test Using Larger Than Block-Size Key - Hash Key First",
              "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd");
    check_mac(MP_MD5, NULL, 0, "", "74e6f7298a9c2d168935f58c001bad88");
}
END_TEST

START_TEST(a_key_is_copied_and_the_empty_key_is_a_key)
{
    struct mp_authkey key;
    char bytes[] = "k\0ey";
    ck_assert_int_eq(mp_authkey_copy(&key, bytes, 4), 0);
    memset(bytes, 'x', sizeof bytes);
    ck_assert_uint_eq(key.len, 4);
    ck_assert_mem_eq(key.bytes, "k\0ey", 4);
    mp_authkey_clear(&key);
    ck_assert_ptr_null(key.bytes);
    ck_assert_int_eq(mp_authkey_copy(&key, "", 0), 0);
    ck_assert_ptr_nonnull(key.bytes);
    ck_assert_uint_eq(key.len, 0);
    mp_authkey_clear(&key);
    ck_assert_int_eq(mp_authkey_copy(&key, NULL, 0), 0);
    ck_assert_ptr_null(key.bytes);
    mp_authkey_clear(&key);
}
END_TEST

/* Recorded transcripts. */

struct line {
    char who; /* 'L' or 'C' */
    unsigned char bytes[MP_AUTH_MESSAGE];
    size_t len;
};

struct transcript {
    char name[256];
    unsigned char listener_key[256];
    unsigned char client_key[256];
    size_t listener_key_len;
    size_t client_key_len;
    struct line lines[8];
    size_t n;
    bool succeeded;
};

static const char *value_of(char *text, const char *name)
{
    size_t len = strlen(name);
    if (strncmp(text, name, len) != 0 || text[len] != ' ')
        return NULL;
    text[strcspn(text, "\n")] = '\0';
    return text + len + 1;
}

static void read_line(struct transcript *t, char *text)
{
    const char *value;
    if ((value = value_of(text, "listener_key")))
        t->listener_key_len = from_hex(value, t->listener_key, sizeof t->listener_key);
    else if ((value = value_of(text, "client_key")))
        t->client_key_len = from_hex(value, t->client_key, sizeof t->client_key);
    else if ((value = value_of(text, "client_result")))
        t->succeeded = strcmp(value, "ok") == 0;
    else if ((value = value_of(text, "L")) || (value = value_of(text, "C"))) {
        ck_assert_uint_lt(t->n, 8);
        struct line *line = &t->lines[t->n++];
        line->who = text[0];
        line->len = from_hex(value, line->bytes, sizeof line->bytes);
    }
}

static void read_transcript(struct transcript *t, const char *directory, const char *name)
{
    char path[1024];
    char text[1024];
    *t = (struct transcript){.n = 0};
    snprintf(t->name, sizeof t->name, "%s", name);
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    while (fgets(text, sizeof text, file))
        read_line(t, text);
    fclose(file);
    ck_assert_uint_ge(t->n, 3);
}

static bool contains(const struct line *line, const char *word)
{
    for (size_t i = 0; i + strlen(word) <= line->len; i++)
        if (memcmp(line->bytes + i, word, strlen(word)) == 0)
            return true;
    return false;
}

static bool uses(const struct transcript *t, const char *word)
{
    for (size_t i = 0; i < t->n; i++)
        if (contains(&t->lines[i], word))
            return true;
    return false;
}

/* An untagged challenge or answer is MD5. */
static bool uses_md5(const struct transcript *t)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->lines[i].len == 16 || t->lines[i].len == 31)
            return true;
    return uses(t, "{md5}");
}

static bool uses_foreign(const struct transcript *t)
{
    return uses(t, "{sha384}") || uses(t, "{sha3_");
}

/* The recorded challenge becomes ours: its random bytes are injected, or, in a form that mproc
 * never sends, it replaces ours where the machine keeps it. True if mproc's own has this form. */
static bool is_our_form(const struct line *line)
{
    return line->len == 11 + MP_AUTH_CHALLENGE && contains(line, "#CHALLENGE#{sha256}");
}

static void prepare_challenge(const struct transcript *t, char who)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->lines[i].who == who && is_our_form(&t->lines[i]))
            memcpy(injected, t->lines[i].bytes + 19, sizeof injected);
}

static void compare(const struct transcript *t, struct mp_auth *auth, const struct line *line,
                    const struct mp_auth_message *out)
{
    if (contains(line, "#CHALLENGE#") && !is_our_form(line)) {
        if (line->len - 11 > sizeof auth->challenge)
            return;
        auth->challenge_len = line->len - 11;
        memcpy(auth->challenge, line->bytes + 11, auth->challenge_len);
        return;
    }
    /* Python 3.11 does not know tags and answers any challenge with a bare MD5 MAC; mproc, in its
     * place, gives what the tag asks for. */
    if (line->len == MP_MD5_SIZE && contains(line - 1, "#CHALLENGE#{sha256}")) {
        ck_assert_uint_eq(out->len, 8 + MP_SHA256_SIZE);
        return;
    }
    ck_assert_msg(out->len == line->len, "%s: %zu bytes instead of %zu", t->name, out->len,
                  line->len);
    ck_assert_mem_eq(out->bytes, line->bytes, out->len);
}

/* Play one side of the transcript; the other side is the recording. */
static int replay(const struct transcript *t, enum mp_auth_role role, bool legacy, size_t *at)
{
    char me = role == MP_AUTH_LISTENER ? 'L' : 'C';
    struct mp_auth_config c = {.legacy_md5 = legacy, .random = inject};
    c.key = me == 'L' ? t->listener_key : t->client_key;
    c.key_len = me == 'L' ? t->listener_key_len : t->client_key_len;
    struct mp_auth auth;
    struct mp_auth_message out;
    int rc = 0;
    prepare_challenge(t, me);
    mp_auth_begin(&auth, role, &c, &out);
    for (*at = 0; *at < t->n; ++*at) {
        const struct line *line = &t->lines[*at];
        if (line->who != me) {
            rc = mp_auth_feed(&auth, line->bytes, line->len, &out);
            continue;
        }
        /* Failed otherwise than recorded: nothing to compare. */
        if (out.len == 0 || (rc < 0 && t->succeeded))
            break;
        compare(t, &auth, line, &out);
        out.len = 0;
    }
    return rc;
}

static void check_replay(const struct transcript *t, enum mp_auth_role role, bool legacy)
{
    size_t at;
    int rc = replay(t, role, legacy, &at);
    bool speaks = !uses_foreign(t) && (!uses_md5(t) || (legacy && mp_md5_available()));
    int wanted = speaks && t->succeeded ? 1 : MPROC_EAUTH;
    ck_assert_msg(rc == wanted, "%s, %s, legacy %d: %s", t->name,
                  role == MP_AUTH_LISTENER ? "listener" : "client", legacy, mproc_error_name(rc));
    if (speaks)
        ck_assert_msg(at == t->n, "%s: %zu of %zu messages replayed", t->name, at, t->n);
}

START_TEST(every_recorded_handshake_replays_from_both_roles)
{
    char directory[512];
    snprintf(directory, sizeof directory, "%s/vectors/handshake", getenv("MPROC_TEST_DATA"));
    DIR *dir = opendir(directory);
    ck_assert_ptr_nonnull(dir);
    int files = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (!strstr(entry->d_name, ".txt"))
            continue;
        struct transcript t;
        read_transcript(&t, directory, entry->d_name);
        for (int legacy = 0; legacy < 2; legacy++) {
            check_replay(&t, MP_AUTH_LISTENER, legacy);
            check_replay(&t, MP_AUTH_CLIENT, legacy);
        }
        files++;
    }
    closedir(dir);
    ck_assert_int_ge(files, 15);
}
END_TEST

/* mproc against itself, with one message tampered with on its way. */

struct tamper {
    int message; /* which of the six messages, from 1; 0: none */
    void (*how)(struct mp_auth_message *message, size_t n);
    size_t n;
};

struct outcome {
    int listener;
    int client;
    int messages;
};

static void deliver(struct mp_auth *to, int *result, struct mp_auth_message *message)
{
    struct mp_auth_message in = *message;
    message->len = 0;
    *result = mp_auth_feed(to, in.bytes, in.len, message);
}

static struct outcome shake_hands(struct mp_auth_config listener, struct mp_auth_config client,
                                  struct tamper tamper)
{
    struct outcome o = {0, 0, 0};
    struct mp_auth l;
    struct mp_auth c;
    struct mp_auth_message message;
    mp_auth_begin(&c, MP_AUTH_CLIENT, &client, &message);
    ck_assert_uint_eq(message.len, 0);
    mp_auth_begin(&l, MP_AUTH_LISTENER, &listener, &message);
    /* Every message but the last is answered with one, so who receives alternates. */
    for (bool to_client = true; message.len > 0; to_client = !to_client) {
        if (++o.messages == tamper.message)
            tamper.how(&message, tamper.n);
        deliver(to_client ? &c : &l, to_client ? &o.client : &o.listener, &message);
    }
    return o;
}

static const struct tamper untouched = {0, NULL, 0};

START_TEST(equal_keys_open_whatever_their_bytes)
{
    static const char *const keys[] = {"", "k", KEY, "\xff\xfe", NULL};
    char longest[1000];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    for (int i = 0; i < 5; i++) {
        struct mp_auth_config c = config(keys[i] ? keys[i] : longest, i % 2);
        struct outcome o = shake_hands(c, c, untouched);
        ck_assert_int_eq(o.listener, 1);
        ck_assert_int_eq(o.client, 1);
        ck_assert_int_eq(o.messages, 6);
    }
}
END_TEST

START_TEST(unequal_keys_fail_on_both_sides)
{
    static const char *const pairs[][2] = {{KEY, "wrong"}, {"", "x"}, {"x", ""}, {KEY, KEY " "}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct outcome o =
            shake_hands(config(pairs[i][0], false), config(pairs[i][1], false), untouched);
        ck_assert_int_eq(o.listener, MPROC_EAUTH);
        ck_assert_int_eq(o.client, MPROC_EAUTH);
        ck_assert_int_eq(o.messages, 3);
    }
}
END_TEST

static void cut(struct mp_auth_message *message, size_t n)
{
    message->len = n;
}

static void flip(struct mp_auth_message *message, size_t n)
{
    message->bytes[n / 8] ^= (unsigned char)(1U << n % 8);
}

static void append(struct mp_auth_message *message, size_t n)
{
    while (n-- > 0)
        message->bytes[message->len++] = 'x';
}

static const size_t lengths[] = {59, 40, 9, 59, 40, 9};

/* The receiver of the tampered message must never come out authenticated. */
static void check_tampered(struct tamper tamper)
{
    struct mp_auth_config c = config(KEY, tamper.n % 2);
    struct outcome o = shake_hands(c, c, tamper);
    bool at_client = tamper.message % 2 == 1;
    int receiver = at_client ? o.client : o.listener;
    bool changes_the_mac = tamper.message == 1 || tamper.message == 4;
    if (changes_the_mac && receiver == 0)
        receiver = MPROC_EAUTH; /* answered, and rejected by the other side */
    ck_assert_msg(receiver < 0, "message %d, n %zu: %d", tamper.message, tamper.n, receiver);
    ck_assert_int_le(o.client + o.listener, 1 + MPROC_EAUTH);
}

START_TEST(a_message_cut_anywhere_fails)
{
    for (int message = 1; message <= 6; message++)
        for (size_t n = 0; n < lengths[message - 1]; n++)
            check_tampered((struct tamper){message, cut, n});
}
END_TEST

START_TEST(a_message_with_any_bit_flipped_fails)
{
    for (int message = 1; message <= 6; message++)
        for (size_t n = 0; n < lengths[message - 1] * 8; n++)
            check_tampered((struct tamper){message, flip, n});
}
END_TEST

START_TEST(a_message_with_bytes_behind_it_fails)
{
    for (int message = 1; message <= 6; message++)
        for (size_t n = 1; n <= MP_AUTH_MESSAGE - 59; n++)
            check_tampered((struct tamper){message, append, n});
}
END_TEST

/* Bad messages by table. */

#define X40 "0123456789012345678901234567890123456789"
#define X20 "01234567890123456789"

struct bad {
    const char *payload;
    bool legacy;
    int code;
};

static int first_reply(enum mp_auth_role role, const struct bad *bad, struct mp_auth_message *out)
{
    struct mp_auth auth;
    struct mp_auth_config c = config(KEY, bad->legacy);
    mp_auth_begin(&auth, role, &c, out);
    int rc = mp_auth_feed(&auth, bad->payload, strlen(bad->payload), out);
    if (rc < 0) {
        struct mp_auth_message none;
        ck_assert_ptr_nonnull(auth.why);
        ck_assert_int_eq(mp_auth_feed(&auth, "#WELCOME#", 9, &none), MPROC_EAUTH);
        ck_assert_uint_eq(none.len, 0);
    }
    return rc;
}

START_TEST(a_client_refuses_bad_challenges)
{
    static const struct bad table[] = {
        {"", false, MPROC_ENOCHALLENGE},
        {"#CHALLENGE", false, MPROC_ENOCHALLENGE},
        {"#WELCOME#", false, MPROC_ENOCHALLENGE},
        {"#FAILURE#", false, MPROC_ENOCHALLENGE},
        {"GET / HTTP/1.0\r\n\r\n", true, MPROC_ENOCHALLENGE},
        {"#CHALLENGE#", false, MPROC_EAUTH},
        {"#CHALLENGE#{sha256}", false, MPROC_EAUTH},
        {"#CHALLENGE#{sha256}01234567890", false, MPROC_EAUTH},
        {"#CHALLENGE#{sha256}012345678901", false, MPROC_EAUTH}, /* 20 bytes: MD5 */
        {"#CHALLENGE#{sha256}0123456789012", false, 0},
        {"#CHALLENGE#{sha256}" X40, false, 0},
        {"#CHALLENGE#" X20, false, MPROC_EAUTH},
        {"#CHALLENGE#{md5}" X40, false, MPROC_EAUTH},
        {"#CHALLENGE#" X40, true, MPROC_EAUTH},
        {"#CHALLENGE#" X20 "x", true, MPROC_EAUTH},
        {"#CHALLENGE#0123456789012345678", true, MPROC_EAUTH},
        {"#CHALLENGE#0123456789012345", true, MPROC_EAUTH}, /* 16 bytes */
        {"#CHALLENGE#{sha384}" X40, true, MPROC_EAUTH},
        {"#CHALLENGE#{sha3_256}" X40, true, MPROC_EAUTH},
        {"#CHALLENGE#{sha3_384}" X40, true, MPROC_EAUTH},
        {"#CHALLENGE#{SHA256}" X40, true, MPROC_EAUTH},
        {"#CHALLENGE#{sha256" X40, true, MPROC_EAUTH},
        {"#CHALLENGE#{}" X40, true, MPROC_EAUTH},
        {"#CHALLENGE# {sha256}" X40, true, MPROC_EAUTH},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct mp_auth_message out;
        int rc = first_reply(MP_AUTH_CLIENT, &table[i], &out);
        ck_assert_msg(rc == table[i].code, "%s: %s", table[i].payload, mproc_error_name(rc));
        ck_assert_uint_eq(out.len, rc < 0 ? 0 : 8 + MP_SHA256_SIZE);
    }
}
END_TEST

START_TEST(a_listener_refuses_bad_answers_and_says_so)
{
    static const struct bad table[] = {
        {"", false, 0},
        {"x", false, 0},
        {"#WELCOME#", false, 0},
        {"{sha256}", false, 0},
        {"{sha256}0123456789012345678901234567890", false, 0},
        {"{sha256}01234567890123456789012345678901", false, 0},
        {"{sha256}012345678901234567890123456789012", false, 0},
        {"01234567890123456789012345678901", false, 0},
        {"0123456789012345", false, 0},
        {"0123456789012345", true, 0},
        {"{md5}0123456789012345", false, 0},
        {"{md5}0123456789012345", true, 0},
        {"{md5}0123456789", true, 0},
        {"{sha384}" X40 "01234567", true, 0},
        {"{sha3_256}01234567890123456789012345678901", true, 0},
        {"#CHALLENGE#{sha256}" X40, true, 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct mp_auth_message out;
        ck_assert_int_eq(first_reply(MP_AUTH_LISTENER, &table[i], &out), MPROC_EAUTH);
        ck_assert_uint_eq(out.len, 9);
        ck_assert_mem_eq(out.bytes, "#FAILURE#", 9);
    }
}
END_TEST

START_TEST(a_message_over_the_limit_is_refused)
{
    char longest[MP_AUTH_MESSAGE + 2];
    int n =
        snprintf(longest, sizeof longest, "#CHALLENGE#{sha256}%0*d", MP_AUTH_MESSAGE + 1 - 19, 0);
    ck_assert_int_eq(n, MP_AUTH_MESSAGE + 1);
    struct bad bad = {longest, false, MPROC_EAUTH};
    struct mp_auth_message out;
    ck_assert_int_eq(first_reply(MP_AUTH_CLIENT, &bad, &out), MPROC_EAUTH);
    bad.payload = longest + 1; /* a byte less, but no challenge any more */
    ck_assert_int_eq(first_reply(MP_AUTH_CLIENT, &bad, &out), MPROC_ENOCHALLENGE);
    longest[MP_AUTH_MESSAGE] = '\0';
    bad.payload = longest;
    ck_assert_int_eq(first_reply(MP_AUTH_CLIENT, &bad, &out), 0);
}
END_TEST

/* The second half of a listener's handshake: its peer's challenge, and its WELCOME. */
static int second_half(const char *challenge, const char *verdict)
{
    struct mp_auth_config c = config(KEY, false);
    struct mp_auth listener;
    struct mp_auth client;
    struct mp_auth_message message;
    struct mp_auth_message out;
    mp_auth_begin(&client, MP_AUTH_CLIENT, &c, &message);
    mp_auth_begin(&listener, MP_AUTH_LISTENER, &c, &message);
    ck_assert_int_eq(mp_auth_feed(&client, message.bytes, message.len, &out), 0);
    ck_assert_int_eq(mp_auth_feed(&listener, out.bytes, out.len, &message), 0);
    int rc = mp_auth_feed(&listener, challenge, strlen(challenge), &out);
    return rc < 0 ? rc : mp_auth_feed(&listener, verdict, strlen(verdict), &out);
}

START_TEST(a_listener_refuses_a_bad_second_half)
{
    ck_assert_int_eq(second_half("#CHALLENGE#{sha256}" X40, "#WELCOME#"), 1);
    ck_assert_int_eq(second_half("hello", "#WELCOME#"), MPROC_EAUTH);
    ck_assert_int_eq(second_half("#CHALLENGE#" X20, "#WELCOME#"), MPROC_EAUTH);
    ck_assert_int_eq(second_half("#CHALLENGE#{sha256}" X40, "#FAILURE#"), MPROC_EAUTH);
    ck_assert_int_eq(second_half("#CHALLENGE#{sha256}" X40, "#WELCOME"), MPROC_EAUTH);
    ck_assert_int_eq(second_half("#CHALLENGE#{sha256}" X40, "#WELCOME##"), MPROC_EAUTH);
    ck_assert_int_eq(second_half("#CHALLENGE#{sha256}" X40, ""), MPROC_EAUTH);
}
END_TEST

START_TEST(challenges_differ_from_each_other)
{
    struct mp_auth_config c = {.key = KEY, .key_len = sizeof KEY - 1};
    struct mp_auth auth;
    struct mp_auth_message first;
    struct mp_auth_message second;
    mp_auth_begin(&auth, MP_AUTH_LISTENER, &c, &first);
    mp_auth_begin(&auth, MP_AUTH_LISTENER, &c, &second);
    ck_assert_uint_eq(first.len, 59);
    ck_assert_mem_eq(first.bytes, second.bytes, 19);
    ck_assert_mem_ne(first.bytes + 19, second.bytes + 19, MP_AUTH_RANDOM);
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("auth");
    TCase *tc = mp_case(suite, "auth", 20);
    tcase_add_test(tc, hmac_sha256_gives_the_macs_of_rfc_4231);
    tcase_add_test(tc, hmac_md5_gives_the_macs_of_rfc_2202);
    tcase_add_test(tc, a_key_is_copied_and_the_empty_key_is_a_key);
    tcase_add_test(tc, every_recorded_handshake_replays_from_both_roles);
    tcase_add_test(tc, equal_keys_open_whatever_their_bytes);
    tcase_add_test(tc, unequal_keys_fail_on_both_sides);
    tcase_add_test(tc, a_message_cut_anywhere_fails);
    tcase_add_test(tc, a_message_with_any_bit_flipped_fails);
    tcase_add_test(tc, a_message_with_bytes_behind_it_fails);
    tcase_add_test(tc, a_client_refuses_bad_challenges);
    tcase_add_test(tc, a_listener_refuses_bad_answers_and_says_so);
    tcase_add_test(tc, a_message_over_the_limit_is_refused);
    tcase_add_test(tc, a_listener_refuses_a_bad_second_half);
    tcase_add_test(tc, challenges_differ_from_each_other);
    return suite;
}
