/* SPDX-License-Identifier: MIT */
#include "process/note.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "connection/receive.h"

void mp_note_fill(struct mp_note *note, enum mp_note_kind kind)
{
    const struct mproc_process *self = mproc_current_process();
    memset(note, 0, sizeof *note); /* the padding, too */
    note->magic = MP_NOTE_MAGIC;
    note->size = sizeof *note;
    note->kind = kind;
    note->parent = getpid();
    note->log_level = mp_log_stderr_level();
    struct rlimit files;
    note->files = getrlimit(RLIMIT_NOFILE, &files) == 0 ? files.rlim_cur : RLIM_INFINITY;
    memcpy(note->parent_name, self->name, sizeof note->parent_name);
    memcpy(note->parent_identity, self->identity, sizeof note->parent_identity);
    snprintf(note->method, sizeof note->method, "%s", mp_context_chosen());
    mp_image_title(note->title);
}

int mp_note_send(mproc_conn *conn, struct mp_note *note, const int fds[MP_NOTE_FDS])
{
    struct mp_parcel parcel;
    mp_parcel_init(&parcel);
    for (int i = 0; i < MP_NOTE_FDS; i++) {
        note->has_fd[i] = fds[i] >= 0;
        if (fds[i] >= 0)
            parcel.fds[parcel.n++] = fds[i];
    }
    int rc = conn->transport->send_parcel(conn, note, sizeof *note, &parcel, MP_NOW);
    /* It has not enough room after all: the limit on a socket's buffer is too low for this. */
    return rc == -ETIMEDOUT || rc == MPROC_ETORN ? -ENOBUFS : rc;
}

static bool has_end(const char *text, size_t room)
{
    return memchr(text, '\0', room) != NULL;
}

static bool is_sound(const struct mp_note *note)
{
    return (note->kind == MP_NOTE_CHILD || note->kind == MP_NOTE_SERVER) &&
           has_end(note->method, sizeof note->method) && has_end(note->title, sizeof note->title) &&
           has_end(note->name, sizeof note->name) &&
           has_end(note->identity, sizeof note->identity) &&
           has_end(note->parent_name, sizeof note->parent_name) &&
           has_end(note->parent_identity, sizeof note->parent_identity) &&
           has_end(note->target.module, sizeof note->target.module) &&
           has_end(note->target.symbol, sizeof note->target.symbol);
}

static int check(const struct mp_note *note, size_t len, mproc_error *err)
{
    if (len < offsetof(struct mp_note, kind) || note->magic != MP_NOTE_MAGIC ||
        note->size != sizeof *note || len != sizeof *note)
        return mp_fail(err, MPROC_EBOOTSTRAP,
                       "the parent's mproc is of another version than the child's");
    return is_sound(note) ? 0 : mp_fail(err, MPROC_EBOOTSTRAP, "the parent's note is damaged");
}

static int take_descriptors(const struct mp_note *note, struct mp_parcel *parcel,
                            int fds[MP_NOTE_FDS], mproc_error *err)
{
    size_t expected = 0;
    for (int i = 0; i < MP_NOTE_FDS; i++)
        expected += note->has_fd[i] != 0;
    if (parcel->lost)
        return mp_fail(err, -EMFILE, "no room for the child's descriptors");
    if (parcel->n != expected)
        return mp_fail(err, MPROC_EBOOTSTRAP, "the parent's note is damaged");
    size_t at = 0;
    for (int i = 0; i < MP_NOTE_FDS; i++)
        fds[i] = note->has_fd[i] ? parcel->fds[at++] : -1;
    parcel->n = 0;
    return 0;
}

int mp_note_receive(mproc_conn *conn, struct mp_note *note, int fds[MP_NOTE_FDS], mproc_error *err)
{
    struct mp_parcel parcel;
    mp_parcel_init(&parcel);
    void *message;
    size_t len;
    mproc_conn_set_max_message(conn, sizeof *note);
    int rc = mp_conn_receive(conn, &message, &len, &parcel);
    mproc_conn_set_max_message(conn, SSIZE_MAX);
    if (rc < 0)
        return mp_fail(err, rc, "the parent's note: %s", mproc_strerror(rc));
    memset(note, 0, sizeof *note);
    memcpy(note, message, len);
    free(message);
    rc = check(note, len, err);
    if (rc == 0)
        rc = take_descriptors(note, &parcel, fds, err);
    mp_parcel_clear(&parcel);
    return rc;
}

int mp_verdict_send(mproc_conn *conn, int code, const mproc_error *err)
{
    struct mp_verdict verdict = {.code = code};
    if (code < 0) {
        verdict.sys_errno = err->sys_errno;
        snprintf(verdict.text, sizeof verdict.text, "%s", err->text);
    }
    return conn->transport->send(conn, &verdict, sizeof verdict, MP_NOW);
}

int mp_verdict_receive(mproc_conn *conn, struct mp_verdict *verdict)
{
    ssize_t n = mproc_conn_recv_bytes_into(conn, verdict, sizeof *verdict);
    if (n < 0)
        return (int)n;
    return n == sizeof *verdict && has_end(verdict->text, sizeof verdict->text) ? 0 : MPROC_EPROTO;
}
