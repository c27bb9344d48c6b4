/* SPDX-License-Identifier: MIT */
/*
 * What a fork server says of one child to the process that asked for it, over a socket of their
 * own: its birth, with a pidfd beside it where there are such, and its end. When the socket's end
 * comes without that, the server is dead, and how the child ends is not to be had.
 */
#ifndef MP_PROCESS_RELAY_H
#define MP_PROCESS_RELAY_H

#include <stdint.h>

#include "base/clock.h"
#include "process/usage.h"

struct mp_birth {
    int32_t pid;   /* 0: there is no child */
    int32_t error; /* errno, if so */
    int32_t pidfd; /* bool: one comes along */
};

struct mp_death {
    int32_t code; /* as mproc_process_exitcode() */
    struct mp_usage usage;
};

enum mp_relay_news { MP_RELAY_SILENT, MP_RELAY_SPOKE, MP_RELAY_LOST };

/* Each is sent at once or not at all: the socket has room for both. 0 or -errno. */
int mp_relay_send_birth(int relay, const struct mp_birth *birth, int pidfd);
int mp_relay_send_death(int relay, const struct mp_death *death);

/* Wait for the birth; *pidfd is owned, or -1. 0, -ETIMEDOUT, MPROC_EOF, -errno. */
int mp_relay_receive_birth(int relay, struct mp_birth *birth, int *pidfd, mp_deadline deadline);

/* Without blocking. From the first answer but MP_RELAY_SILENT on, the relay stays readable. */
enum mp_relay_news mp_relay_receive_death(int relay, struct mp_death *death);

#endif
