/* SPDX-License-Identifier: MIT */
/*
 * Feed a handshake with any messages: it must never authenticate, never write past a message, and
 * stay failed once it failed.
 *
 * Input: one byte of choices (bit 0 the role, bit 1 legacy MD5), then messages, each a length byte
 * and that many bytes. Message bytes "=" alone stand for the right answer, so that the second
 * half of the handshake is reached too.
 */
#include <mproc/error.h>
#include <stdint.h>
#include <stdlib.h>

#include "connection/auth.h"
#include "connection/digest.h"

#define KEY "k"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static size_t put(unsigned char *out, const char *text)
{
    size_t len = 0;
    for (; text[len]; len++)
        out[len] = (unsigned char)text[len];
    return len;
}

static size_t right_message(const struct mp_auth *auth, unsigned char *out)
{
    if (auth->phase == MP_AUTH_WELCOME_NEXT)
        return put(out, "#WELCOME#");
    size_t len = put(out, "{sha256}");
    mp_mac(MP_SHA256, KEY, 1, auth->challenge, auth->challenge_len, out + len);
    return len + MP_SHA256_SIZE;
}

/* One message from the input; true if it was the stand-in for the right one. */
static bool feed(struct mp_auth *auth, const uint8_t *payload, size_t len, int *rc)
{
    struct mp_auth_message out;
    bool right = len == 1 && payload[0] == '=' && auth->phase != MP_AUTH_CHALLENGE_NEXT;
    unsigned char made[MP_AUTH_MESSAGE];
    if (right) {
        len = right_message(auth, made);
        payload = made;
    }
    bool was_over = auth->phase == MP_AUTH_OVER;
    *rc = mp_auth_feed(auth, payload, len, &out);
    require(out.len <= MP_AUTH_MESSAGE);
    require(*rc == 0 || *rc == 1 || *rc == MPROC_EAUTH || *rc == MPROC_ENOCHALLENGE);
    require(!was_over || *rc == MPROC_EAUTH);
    require((*rc < 0) == (auth->why != NULL));
    return right;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    enum mp_auth_role role = data[0] & 1 ? MP_AUTH_CLIENT : MP_AUTH_LISTENER;
    struct mp_auth_config config = {.key = KEY, .key_len = 1, .legacy_md5 = data[0] & 2};
    struct mp_auth auth;
    struct mp_auth_message out;
    mp_auth_begin(&auth, role, &config, &out);
    bool answered = false;
    for (size_t at = 1; at < size;) {
        size_t len = data[at++];
        if (len > size - at)
            len = size - at;
        int rc;
        bool answer = auth.phase == MP_AUTH_ANSWER_NEXT;
        bool right = feed(&auth, data + at, len, &rc);
        /* Only the right answer gets past the verifier. */
        if (answer && rc >= 0)
            require(right);
        answered |= answer && right;
        require(rc != 1 || answered);
        at += len;
    }
    return 0;
}
