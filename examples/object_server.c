/* SPDX-License-Identifier: MIT */
/*
 * The server of "Listeners and Clients" in the documentation of Python's multiprocessing: it sends
 * the client that connects an object, some bytes and an array, and ends.
 *
 *     object_server [ADDRESS] [--legacy-md5]
 *
 * Its client is object_client.c or the one of that documentation. The arguments are those of
 * server.c.
 */
#include <mproc/mproc.h>
#include <stdio.h>
#include <string.h>

static int fail(const char *what, int code, const mproc_error *err)
{
    fprintf(stderr, "object_server: %s: %s\n", what,
            err->text[0] ? err->text : mproc_strerror(code));
    return 1;
}

/* [2.25, None, 'junk', float] */
static int send_object(mproc_conn *conn)
{
    mproc_value *class;
    int rc = mproc_value_new_global(&class, "builtins", "float");
    return rc < 0 ? rc : mproc_conn_sendf(conn, "[dzsO]", 2.25, (char *)NULL, "junk", class);
}

static int send_all(mproc_conn *conn)
{
    static const int numbers[] = {42, 1729};
    int rc = send_object(conn);
    if (rc == 0)
        rc = mproc_conn_send_bytes(conn, "hello", 5);
    if (rc == 0)
        rc = mproc_conn_send_bytes(conn, numbers, sizeof numbers);
    return rc;
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
    rc = send_all(conn);
    mproc_conn_close(conn);
    mproc_listener_close(listener);
    return rc < 0 ? fail("send", rc, &err) : 0;
}
