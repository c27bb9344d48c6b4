/* SPDX-License-Identifier: MIT */
/*
 * The client of "Listeners and Clients" in the documentation of Python's multiprocessing: it prints
 * the object, the bytes and the array that the server sends.
 *
 *     object_client ADDRESS [--legacy-md5]
 *
 * Its server is object_server.c or the one of that documentation. The arguments are those of
 * client.c.
 */
#include <mproc/mproc.h>
#include <stdio.h>
#include <string.h>

static int fail(const char *what, int code, const mproc_error *err)
{
    fprintf(stderr, "object_client: %s: %s\n", what,
            err->text[0] ? err->text : mproc_strerror(code));
    return 1;
}

static int print_object(mproc_conn *conn, mproc_error *err)
{
    mproc_value *object;
    char *text;
    int rc = mproc_conn_recv(conn, &object, err);
    if (rc < 0)
        return rc;
    rc = mproc_value_repr(object, &text, NULL);
    mproc_value_free(object);
    if (rc < 0)
        return rc;
    puts(text); /* [2.25, None, 'junk', <builtins.float>] */
    mproc_free(text);
    return 0;
}

static int print_bytes(mproc_conn *conn)
{
    void *bytes;
    size_t len;
    int rc = mproc_conn_recv_bytes(conn, &bytes, &len);
    if (rc < 0)
        return rc;
    printf("%.*s\n", (int)len, (const char *)bytes); /* hello */
    mproc_free(bytes);
    return 0;
}

static int print_array(mproc_conn *conn)
{
    int numbers[5] = {0};
    ssize_t n = mproc_conn_recv_bytes_into(conn, numbers, sizeof numbers);
    if (n < 0)
        return (int)n;
    printf("%zd\n", n); /* 8 */
    for (int i = 0; i < 5; i++)
        printf("%d%c", numbers[i], i < 4 ? ' ' : '\n'); /* 42 1729 0 0 0 */
    return 0;
}

static int print_all(mproc_conn *conn, mproc_error *err)
{
    int rc = print_object(conn, err);
    if (rc == 0)
        rc = print_bytes(conn);
    return rc == 0 ? print_array(conn) : rc;
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
        fprintf(stderr, "usage: object_client ADDRESS [--legacy-md5]\n");
        return 2;
    }

    mproc_conn *conn;
    int rc = mproc_client_connect(&conn, address, &options, &err);
    if (rc < 0)
        return fail("connect", rc, &err);
    rc = print_all(conn, &err);
    mproc_conn_close(conn);
    return rc < 0 ? fail("receive", rc, &err) : 0;
}
