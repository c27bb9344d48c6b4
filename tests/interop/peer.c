/* SPDX-License-Identifier: MIT */
/*
 * mproc's side of the interop tests; test_interop.py is the other. Everything it receives it sends
 * back, until the end of the stream. On stdout: the address it listens on; then "ok", or the name
 * of the error.
 *
 *     peer listen ADDRESS KEY [md5]     KEY is text, "" the empty key; "-" is none
 *     peer dial ADDRESS KEY [md5]
 *     peer values ADDRESS KEY [md5]     as listen, but by value: recv() and send()
 *     peer adopt FD
 *     peer spawn PYTHON SCRIPT          runs PYTHON SCRIPT FD, FD being the other end of a pipe
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mproc/mproc.h>

/* Longer than any handshake of these tests, shorter than the driver's patience; seconds. */
#define TIMEOUT 60

static int report(int rc, const mproc_error *err)
{
    if (rc < 0 && err && err->text[0])
        fprintf(stderr, "peer: %s\n", err->text);
    puts(rc < 0 ? mproc_error_name(rc) : "ok");
    return rc < 0;
}

static int echo_values_until_end(mproc_conn *conn)
{
    mproc_value *value;
    int rc;
    mproc_conn_set_timeout(conn, TIMEOUT, TIMEOUT);
    while ((rc = mproc_conn_recv(conn, &value, NULL)) == 0) {
        rc = mproc_conn_send(conn, value, NULL);
        mproc_value_free(value);
        if (rc < 0)
            break;
    }
    mproc_conn_close(conn);
    return rc == MPROC_EOF ? 0 : rc;
}

static int echo_until_end(mproc_conn *conn)
{
    void *message;
    size_t len;
    int rc;
    mproc_conn_set_timeout(conn, TIMEOUT, TIMEOUT);
    while ((rc = mproc_conn_recv_bytes(conn, &message, &len)) == 0) {
        rc = mproc_conn_send_bytes(conn, message, len);
        mproc_free(message);
        if (rc < 0)
            break;
    }
    mproc_conn_close(conn);
    return rc == MPROC_EOF ? 0 : rc;
}

static unsigned flags_of(const char *key, int legacy)
{
    unsigned none = strcmp(key, "-") == 0 ? MPROC_NO_AUTH : 0;
    return none | (legacy ? MPROC_AUTH_LEGACY_MD5 : 0);
}

static const char *key_of(const char *key)
{
    return strcmp(key, "-") == 0 ? NULL : key;
}

/* `echo` serves the one client and closes the connection. */
static int listen_once(const char *address, const char *key, int legacy, int (*echo)(mproc_conn *))
{
    mproc_error err = MPROC_ERROR_INIT;
    mproc_listener_options options = MPROC_LISTENER_OPTIONS_INIT;
    mproc_listener *listener;
    mproc_conn *conn;
    options.authkey = key_of(key);
    options.authkey_len = strlen(key);
    options.flags = flags_of(key, legacy);
    int rc = mproc_listener_open(&listener, address, &options, &err);
    if (rc < 0)
        return report(rc, &err);
    puts(mproc_listener_address(listener));
    fflush(stdout);
    rc = mproc_listener_accept(listener, &conn, TIMEOUT, &err);
    mproc_listener_close(listener);
    return report(rc < 0 ? rc : echo(conn), &err);
}

static int dial(const char *address, const char *key, int legacy)
{
    mproc_error err = MPROC_ERROR_INIT;
    mproc_client_options options = MPROC_CLIENT_OPTIONS_INIT;
    mproc_conn *conn;
    options.authkey = key_of(key);
    options.authkey_len = strlen(key);
    options.flags = flags_of(key, legacy);
    options.timeout = 5;
    int rc = mproc_client_connect(&conn, address, &options, &err);
    return report(rc < 0 ? rc : echo_until_end(conn), &err);
}

static int adopt(int fd)
{
    mproc_conn *conn;
    int rc = mproc_conn_from_handle(&conn, fd, 0);
    return report(rc < 0 ? rc : echo_until_end(conn), NULL);
}

/* In the child: become PYTHON with the descriptor left open under its number. */
static void become_python(char *python, char *script, int fd)
{
    char number[16];
    snprintf(number, sizeof number, "%d", fd);
    fcntl(fd, F_SETFD, 0);
    execlp(python, python, script, number, (char *)NULL);
    _exit(127);
}

static int spawn(char *python, char *script)
{
    mproc_conn *ours;
    mproc_conn *theirs;
    int rc = mproc_pipe(&ours, &theirs, MPROC_DUPLEX | MPROC_PIPE_STREAM);
    if (rc < 0)
        return report(rc, NULL);
    pid_t child = fork();
    if (child == 0)
        become_python(python, script, mproc_conn_handle(theirs));
    mproc_conn_close(theirs);
    rc = echo_until_end(ours);
    int status;
    waitpid(child, &status, 0);
    if (rc == 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
        rc = -ECHILD;
    return report(rc, NULL);
}

int main(int argc, char **argv)
{
    const char *mode = argc > 2 ? argv[1] : "";
    int legacy = argc > 4 && strcmp(argv[4], "md5") == 0;
    if (strcmp(mode, "listen") == 0 && argc > 3)
        return listen_once(argv[2], argv[3], legacy, echo_until_end);
    if (strcmp(mode, "values") == 0 && argc > 3)
        return listen_once(argv[2], argv[3], legacy, echo_values_until_end);
    if (strcmp(mode, "dial") == 0 && argc > 3)
        return dial(argv[2], argv[3], legacy);
    if (strcmp(mode, "adopt") == 0)
        return adopt((int)strtol(argv[2], NULL, 10));
    if (strcmp(mode, "spawn") == 0 && argc > 3)
        return spawn(argv[2], argv[3]);
    fprintf(stderr, "usage: see the top of peer.c\n");
    return 2;
}
