/* SPDX-License-Identifier: MIT */
/*
 * The fork server: a process that executed this program, has one thread, and forks on request. One
 * serves one process, over a socket that no other process has; when that ends, the server does.
 */
#ifndef MP_PROCESS_FORKSERVER_H
#define MP_PROCESS_FORKSERVER_H

#include "process/boot.h"

/* What comes with a request, beside the child's end of its boot socket and the server's end of its
 * relay. */
struct mp_fork_request {
    uint32_t magic;
    uint32_t hold;   /* bool: the child's pid must not be another's before the relay is closed */
    uint32_t daemon; /* bool: it ends with the client */
};

#define MP_FORK_REQUEST 0x6d706672U

/* Have a server that lives, and ask it to fork a child: as boot->note says, with boot->theirs and
 * boot->relay, which are closed then. 0, MP_AGAIN if the server died meanwhile, or an error. */
int mp_forkserver_ensure(mp_deadline deadline, double timeout, mproc_error *err);
int mp_forkserver_request(struct mp_boot *boot, const struct mproc_process *process,
                          mproc_error *err);

/* The relay ended without a word: MP_AGAIN if its server is dead, which is given up then; or an
 * error, since it had no descriptors left for the request. */
int mp_forkserver_suspect(const struct mp_boot *boot, mproc_error *err);

/* At the end of this process: the server has no client any more, and is waited for. */
void mp_forkserver_stop(void);

/* In a copy of this process, which has no server. */
void mp_forkserver_after_fork(void);

/* The server itself, on the other end of `conn`. */
_Noreturn void mp_forkserver_serve(mproc_conn *conn, const struct mp_note *note, int sentinel);

#endif
