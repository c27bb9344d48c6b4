/* SPDX-License-Identifier: MIT */
#include "connection/auth.h"

#include <mproc/error.h>
#include <sodium.h>
#include <string.h>

#include "connection/digest.h"

static const char challenge_tag[] = "#CHALLENGE#";
static const char welcome[] = "#WELCOME#";
static const char failure[] = "#FAILURE#";
static const char sha256_tag[] = "{sha256}";
static const char md5_tag[] = "{md5}";

/* A challenge up to Python 3.11 is this long and has no tag; no challenge may be shorter. */
#define LEGACY_CHALLENGE 20

#define LENGTH(literal) (sizeof(literal) - 1)

struct span {
    const unsigned char *bytes;
    size_t len;
};

static bool starts_with(struct span text, const char *tag, size_t tag_len)
{
    return text.len >= tag_len && memcmp(text.bytes, tag, tag_len) == 0;
}

static bool equals(struct span text, const char *word, size_t word_len)
{
    return text.len == word_len && memcmp(text.bytes, word, word_len) == 0;
}

static struct span behind(struct span text, size_t n)
{
    return (struct span){text.bytes + n, text.len - n};
}

static void put(struct mp_auth_message *out, const void *bytes, size_t len)
{
    memcpy(out->bytes + out->len, bytes, len);
    out->len += len;
}

static int fail(struct mp_auth *auth, int code, const char *why)
{
    auth->phase = MP_AUTH_OVER;
    auth->why = why;
    return code;
}

/* A digest's tag, and which digests this handshake may use. */

static const char md5_off[] = "the peer wants MD5, which is off (MPROC_AUTH_LEGACY_MD5)";

static bool speaks(const struct mp_auth *auth, enum mp_digest digest)
{
    return digest == MP_SHA256 || (auth->config.legacy_md5 && mp_md5_available());
}

/* Find a leading "{digest}" that mproc knows; *tag_len is its length. */
static bool find_tag(struct span text, enum mp_digest *digest, size_t *tag_len)
{
    if (starts_with(text, sha256_tag, LENGTH(sha256_tag))) {
        *digest = MP_SHA256;
        *tag_len = LENGTH(sha256_tag);
        return true;
    }
    if (starts_with(text, md5_tag, LENGTH(md5_tag))) {
        *digest = MP_MD5;
        *tag_len = LENGTH(md5_tag);
        return true;
    }
    return false;
}

/* Delivering a challenge and verifying the answer. */

static void deliver(struct mp_auth *auth, struct mp_auth_message *out)
{
    memcpy(auth->challenge, sha256_tag, LENGTH(sha256_tag));
    auth->config.random(auth->challenge + LENGTH(sha256_tag), MP_AUTH_RANDOM);
    auth->challenge_len = MP_AUTH_CHALLENGE;
    put(out, challenge_tag, LENGTH(challenge_tag));
    put(out, auth->challenge, auth->challenge_len);
    auth->phase = MP_AUTH_ANSWER_NEXT;
}

/* NULL if the answer is right, else what is wrong with it. */
static const char *check_answer(const struct mp_auth *auth, struct span answer)
{
    enum mp_digest digest = MP_MD5;
    size_t tag_len = 0;
    /* An untagged answer of an MD5 MAC's length comes from a peer up to Python 3.11. */
    if (answer.len != MP_MD5_SIZE && !find_tag(answer, &digest, &tag_len))
        return "the answer has no digest that mproc speaks";
    if (!speaks(auth, digest))
        return md5_off;
    struct span mac = behind(answer, tag_len);
    if (mac.len != mp_mac_size(digest))
        return "the answer has the wrong length";
    unsigned char expected[MP_MAC_MAX];
    mp_mac(digest, auth->config.key, auth->config.key_len, auth->challenge, auth->challenge_len,
           expected);
    bool right = sodium_memcmp(expected, mac.bytes, mac.len) == 0;
    sodium_memzero(expected, sizeof expected);
    return right ? NULL : "the peer does not have our authkey";
}

static int take_answer(struct mp_auth *auth, struct span answer, struct mp_auth_message *out)
{
    const char *wrong = check_answer(auth, answer);
    if (wrong) {
        put(out, failure, LENGTH(failure));
        return fail(auth, MPROC_EAUTH, wrong);
    }
    put(out, welcome, LENGTH(welcome));
    auth->phase = auth->role == MP_AUTH_LISTENER ? MP_AUTH_CHALLENGE_NEXT : MP_AUTH_OVER;
    return auth->phase == MP_AUTH_OVER;
}

/* Answering a challenge and hearing how it was taken. */

static void put_answer(const struct mp_auth *auth, enum mp_digest digest, struct span message,
                       struct mp_auth_message *out)
{
    unsigned char mac[MP_MAC_MAX];
    mp_mac(digest, auth->config.key, auth->config.key_len, message.bytes, message.len, mac);
    put(out, mac, mp_mac_size(digest));
}

/* `message` is what follows "#CHALLENGE#"; the MAC covers all of it, the tag included. */
static const char *answer(const struct mp_auth *auth, struct span message,
                          struct mp_auth_message *out)
{
    enum mp_digest digest = MP_MD5;
    size_t tag_len = 0;
    if (message.len < LEGACY_CHALLENGE)
        return "the challenge is too short";
    if (message.len != LEGACY_CHALLENGE && !find_tag(message, &digest, &tag_len))
        return "the challenge asks for a digest that mproc does not speak";
    if (!speaks(auth, digest))
        return md5_off;
    put(out, message.bytes, tag_len);
    put_answer(auth, digest, message, out);
    return NULL;
}

static int take_challenge(struct mp_auth *auth, struct span payload, struct mp_auth_message *out)
{
    if (!starts_with(payload, challenge_tag, LENGTH(challenge_tag)))
        return fail(auth, auth->role == MP_AUTH_CLIENT ? MPROC_ENOCHALLENGE : MPROC_EAUTH,
                    "a message came where a challenge was expected");
    const char *wrong = answer(auth, behind(payload, LENGTH(challenge_tag)), out);
    if (wrong)
        return fail(auth, MPROC_EAUTH, wrong);
    auth->phase = MP_AUTH_WELCOME_NEXT;
    return 0;
}

static int take_welcome(struct mp_auth *auth, struct span payload, struct mp_auth_message *out)
{
    if (!equals(payload, welcome, LENGTH(welcome)))
        return fail(auth, MPROC_EAUTH, "the peer rejected our authkey");
    auth->phase = MP_AUTH_OVER;
    if (auth->role == MP_AUTH_LISTENER)
        return 1;
    deliver(auth, out);
    return 0;
}

void mp_auth_begin(struct mp_auth *auth, enum mp_auth_role role,
                   const struct mp_auth_config *config, struct mp_auth_message *out)
{
    *auth = (struct mp_auth){.config = *config, .role = role, .phase = MP_AUTH_CHALLENGE_NEXT};
    if (!auth->config.random)
        auth->config.random = randombytes_buf;
    out->len = 0;
    if (role == MP_AUTH_LISTENER)
        deliver(auth, out);
}

int mp_auth_feed(struct mp_auth *auth, const void *payload, size_t len, struct mp_auth_message *out)
{
    struct span message = {payload, len};
    out->len = 0;
    if (len > MP_AUTH_MESSAGE)
        return fail(auth, MPROC_EAUTH, "a handshake message is too long");
    switch (auth->phase) {
    case MP_AUTH_CHALLENGE_NEXT:
        return take_challenge(auth, message, out);
    case MP_AUTH_WELCOME_NEXT:
        return take_welcome(auth, message, out);
    case MP_AUTH_ANSWER_NEXT:
        return take_answer(auth, message, out);
    case MP_AUTH_OVER:
        break;
    }
    return fail(auth, MPROC_EAUTH, "a message came after the handshake");
}
