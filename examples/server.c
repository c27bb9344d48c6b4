/* SPDX-License-Identifier: MIT */
/*
 * A server as in the documentation of Python's multiprocessing: it listens with an authkey, sends
 * three messages to the client that connects, and ends.
 *
 *     server [ADDRESS] [--legacy-md5]
 *
 * ADDRESS is such as localhost:6000 or /tmp/socket; without one an arbitrary local one is chosen
 * and printed. --legacy-md5 lets in clients up to Python 3.11, which know no better digest.
 */
#include <mproc/mproc.h>
#include <stdio.h>
#include <string.h>

static int fail(const char *what, int code, const mproc_error *err)
{
    fprintf(stderr, "server: %s: %s\n", what, err->text[0] ? err->text : mproc_strerror(code));
    return 1;
}

static int send_messages(mproc_conn *conn)
{
    static const char *const messages[] = {"hello", "", "and goodbye"};
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        int rc = mproc_conn_send_bytes(conn, messages[i], strlen(messages[i]));
        if (rc < 0)
            return rc;
        printf("sent \"%s\"\n", messages[i]);
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const char key[] = "secret password";
    const char *address = NULL;
    mproc_error err = MPROC_ERROR_INIT;
    mproc_listener_options options = MPROC_LISTENER_OPTIONS_INIT;
    options.authkey = key;
    options.authkey_len = strlen(key);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--legacy-md5") == 0)
            options.flags |= MPROC_AUTH_LEGACY_MD5;
        else
            address = argv[i];
    }

    mproc_listener *listener;
    int rc = mproc_listener_open(&listener, address, &options, &err);
    if (rc < 0)
        return fail("listen", rc, &err);
    printf("listening on %s\n", mproc_listener_address(listener));
    fflush(stdout);

    mproc_conn *conn;
    rc = mproc_listener_accept(listener, &conn, 60, &err);
    if (rc < 0) {
        mproc_listener_close(listener);
        return fail("accept", rc, &err);
    }
    printf("connection accepted from %s\n", mproc_listener_last_accepted(listener));
    rc = send_messages(conn);
    mproc_conn_close(conn);
    mproc_listener_close(listener);
    return rc < 0 ? fail("send", rc, &err) : 0;
}
