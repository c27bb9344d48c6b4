/* SPDX-License-Identifier: MIT */
/* A listening socket, and the files that go with it. */
#ifndef MP_LISTENER_BIND_H
#define MP_LISTENER_BIND_H

#include <sys/types.h>

#include "listener/address.h"

struct mp_bound {
    int fd;          /* non-blocking; -1 when closed */
    char *address;   /* malloc'd: how a client reaches it */
    char *path;      /* malloc'd: the socket file, absolute; NULL if there is none */
    char *directory; /* malloc'd: made for it; NULL if not */
    dev_t dev;       /* of the socket file, so that nobody else's is removed */
    ino_t ino;
};

/* Listen on a parsed address; `text` is its string. 0 or a negative code with *out untouched. */
int mp_bind(struct mp_bound *out, const struct mp_address *address, const char *text, int backlog,
            mproc_error *err);

/* Listen on a socket file in a fresh directory. */
int mp_bind_arbitrary(struct mp_bound *out, int backlog, mproc_error *err);

/* Remove the socket file, if it is still ours, and our directory. */
void mp_bound_remove_files(const struct mp_bound *bound);

/* Close and free, leaving the files. */
void mp_bound_free(struct mp_bound *bound);

#endif
