/* SPDX-License-Identifier: MIT */
#include "process/place.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

bool mp_identity_equal(const struct mp_identity *a, const struct mp_identity *b)
{
    return a->kind != MP_NO_IDENTITY && a->kind == b->kind && a->len == b->len &&
           memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

int mp_identity_of_file(const char *path, struct mp_identity *identity)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return -errno;
    const int64_t facts[] = {
        (int64_t)st.st_dev,         (int64_t)st.st_ino,          (int64_t)st.st_size,
        (int64_t)st.st_mtim.tv_sec, (int64_t)st.st_mtim.tv_nsec,
    };
    *identity = (struct mp_identity){.kind = MP_FILE_ID, .len = sizeof facts};
    memcpy(identity->bytes, facts, sizeof facts);
    return 0;
}
