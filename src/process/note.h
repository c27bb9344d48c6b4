/* SPDX-License-Identifier: MIT */
/*
 * What a child that is no copy of its parent is told first, over the socket that it is born with.
 *
 * Both are the same program on the same machine, so the note is a plain struct; should they not be,
 * its first words say so. After it come the authkey, the environment if the child needs one, and
 * the arguments, which may be long, each as a message of its own. The child answers with a verdict.
 */
#ifndef MP_PROCESS_NOTE_H
#define MP_PROCESS_NOTE_H

#include <signal.h>

#include "connection/transport.h"
#include "process/bond.h"
#include "process/clan.h"
#include "process/context.h"
#include "process/image.h"
#include "process/place.h"

/* "mprocbt" and the version of what follows. */
#define MP_NOTE_MAGIC UINT64_C(0x6d70726f63627401)

enum mp_note_kind { MP_NOTE_CHILD = 1, MP_NOTE_SERVER = 2 };

/* Descriptors beside the note, in this order, those that there are. */
enum mp_note_fd {
    MP_NOTE_PARENT,    /* pidfd of the parent */
    MP_NOTE_LIFELINE,  /* read end */
    MP_NOTE_SENTINEL,  /* write end */
    MP_NOTE_DIRECTORY, /* of a child that did not get its working directory by exec */
    MP_NOTE_STDIN,
    MP_NOTE_STDOUT,
    MP_NOTE_STDERR,
    MP_NOTE_FDS
};

#define MP_NOTE_NO_FDS                                                                             \
    {                                                                                              \
        -1, -1, -1, -1, -1, -1, -1                                                                 \
    }

struct mp_note {
    uint64_t magic;
    uint32_t size; /* of this struct */
    uint32_t kind;
    int32_t parent;       /* pid */
    int32_t log_level;    /* of messages to stderr, MPROC_LOG_OFF if there are none */
    uint8_t daemon;       /* what follows are bools */
    uint8_t pidfd;        /* as of struct mp_bond */
    uint8_t by_lifeline;  /* as of struct mp_bond */
    uint8_t by_server;    /* forked by a fork server: its parent is not its getppid() */
    uint8_t has_target;   /* or preload function */
    uint8_t has_settings; /* a message with settings comes between authkey and arguments */
    uint8_t has_fd[MP_NOTE_FDS];
    char method[MP_METHOD_NAME];
    char title[MP_IMAGE_TITLE];
    char name[MP_PROCESS_NAME];
    char identity[MP_PROCESS_NAME];
    char parent_name[MP_PROCESS_NAME];
    char parent_identity[MP_PROCESS_NAME];
    struct mp_clan clan;
    sigset_t mask;
    uint64_t files; /* soft limit of descriptors */
    struct mp_place target;
};

/* What the child says when it is about to run its target, or cannot. */
struct mp_verdict {
    int32_t code; /* 0 or a negative code */
    int32_t sys_errno;
    char text[MPROC_ERROR_TEXT];
};

/* A note from this process to a child of that name, without descriptors yet. */
void mp_note_fill(struct mp_note *note, enum mp_note_kind kind);

/*
 * Send it with the descriptors, -1 where there is none, in one go: what it goes to is new and has
 * room for it. 0 or a negative code.
 */
int mp_note_send(mproc_conn *conn, struct mp_note *note, const int fds[MP_NOTE_FDS]);

/* Receive and check one. The descriptors are the caller's then. 0 or a negative code. */
int mp_note_receive(mproc_conn *conn, struct mp_note *note, int fds[MP_NOTE_FDS], mproc_error *err);

/* A verdict is sent as far as that is possible at once. */
int mp_verdict_send(mproc_conn *conn, int code, const mproc_error *err);
int mp_verdict_receive(mproc_conn *conn, struct mp_verdict *verdict);

#endif
