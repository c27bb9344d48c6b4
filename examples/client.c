/* SPDX-License-Identifier: MIT */
/*
 * The client to server.c, or to a Python Listener: it connects with the authkey and prints every
 * message until the server closes.
 *
 *     client ADDRESS [--legacy-md5]
 *
 * --legacy-md5 talks to servers up to Python 3.11, which know no better digest.
 */
#include <mproc/mproc.h>
#include <stdio.h>
#include <string.h>

static int fail(const char *what, int code, const mproc_error *err)
{
    fprintf(stderr, "client: %s: %s\n", what, err->text[0] ? err->text : mproc_strerror(code));
    return 1;
}

/* Print messages until the end of the stream. 0, or the error that came instead. */
static int print_messages(mproc_conn *conn)
{
    void *message;
    size_t len;
    int rc;
    while ((rc = mproc_conn_recv_bytes(conn, &message, &len)) == 0) {
        printf("received %zu bytes: \"%.*s\"\n", len, (int)len, (const char *)message);
        mproc_free(message);
    }
    return rc == MPROC_EOF ? 0 : rc;
}

int main(int argc, char **argv)
{
    static const char key[] = "secret password";
    const char *address = NULL;
    mproc_error err = MPROC_ERROR_INIT;
    mproc_client_options options = MPROC_CLIENT_OPTIONS_INIT;
    options.authkey = key;
    options.authkey_len = strlen(key);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--legacy-md5") == 0)
            options.flags |= MPROC_AUTH_LEGACY_MD5;
        else
            address = argv[i];
    }
    if (!address) {
        fprintf(stderr, "usage: client ADDRESS [--legacy-md5]\n");
        return 2;
    }

    mproc_conn *conn;
    int rc = mproc_client_connect(&conn, address, &options, &err);
    if (rc < 0)
        return fail("connect", rc, &err);
    printf("connected to %s\n", address);
    rc = print_messages(conn);
    mproc_conn_close(conn);
    return rc < 0 ? fail("receive", rc, &err) : 0;
}
