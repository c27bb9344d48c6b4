/* SPDX-License-Identifier: MIT */
#include "listener/endpoint.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "base/fd.h"

#if defined __linux__ && defined __has_include
#if __has_include(<linux/vm_sockets.h>)
#include <linux/vm_sockets.h>
#define HAVE_VSOCK
#endif
#endif

/* AF_UNIX. */

int mp_endpoint_set_path(struct mp_endpoint *out, int *directory, const char *path,
                         mproc_error *err)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if (len >= sizeof name.sun_path)
        return mp_endpoint_set_long_path(out, directory, path, err);
    memcpy(name.sun_path, path, len + 1);
    memcpy(&out->addr, &name, sizeof name);
    out->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
    return 0;
}

/* unix(7): an abstract name is a NUL and then all the bytes that the length covers, as in Python;
 * trailing NULs would make another name. */
static int set_abstract(struct mp_endpoint *out, const char *abstract, mproc_error *err)
{
#if defined __linux__
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    size_t len = strlen(abstract);
    if (len >= sizeof name.sun_path)
        return mp_fail(err, MPROC_EADDRESS, "abstract name of %zu bytes, at most %zu are possible",
                       len, sizeof name.sun_path - 1);
    memcpy(name.sun_path + 1, abstract, len);
    memcpy(&out->addr, &name, sizeof name);
    out->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len);
    return 0;
#else
    (void)out;
    return mp_fail_errno(err, EAFNOSUPPORT, "abstract name '%s'", abstract);
#endif
}

/* vsock. */

#if defined HAVE_VSOCK
static int set_vsock(struct mp_endpoint *out, const struct mp_address *address, mproc_error *err)
{
    (void)err;
    struct sockaddr_vm name = {
        .svm_family = AF_VSOCK,
        .svm_cid = address->cid == MP_VSOCK_ANY ? VMADDR_CID_ANY : address->cid,
        .svm_port = address->port == 0 ? VMADDR_PORT_ANY : address->port,
    };
    memcpy(&out->addr, &name, sizeof name);
    out->len = sizeof name;
    return 0;
}

static void vsock_text(const struct mp_endpoint *endpoint, char text[MP_ENDPOINT_TEXT])
{
    struct sockaddr_vm name;
    memcpy(&name, &endpoint->addr, sizeof name);
    snprintf(text, MP_ENDPOINT_TEXT, "vsock:%u:%u", name.svm_cid, name.svm_port);
}

/* 1 is VMADDR_CID_LOCAL, which older headers lack: this machine itself. */
static void vsock_make_dialable(struct mp_endpoint *endpoint)
{
    struct sockaddr_vm name;
    memcpy(&name, &endpoint->addr, sizeof name);
    if (name.svm_cid == VMADDR_CID_ANY)
        name.svm_cid = 1;
    memcpy(&endpoint->addr, &name, sizeof name);
}
#else
static int set_vsock(struct mp_endpoint *out, const struct mp_address *address, mproc_error *err)
{
    (void)out;
    (void)address;
    return mp_fail_errno(err, EAFNOSUPPORT, "vsock");
}
#endif

/* TCP. */

static int resolve_error(int code, const char *host, mproc_error *err)
{
    int error = errno;
    if (code == EAI_SYSTEM)
        return mp_fail_errno(err, error, "resolve '%s'", host);
    if (code == EAI_MEMORY)
        return mp_fail_errno(err, ENOMEM, "resolve '%s'", host);
    return mp_fail(err, MPROC_ERESOLVE, "resolve '%s': %s", host, gai_strerror(code));
}

static void add_found(struct mp_endpoints *out, const struct addrinfo *found, int family)
{
    for (; found && out->n < MP_ENDPOINTS_MAX; found = found->ai_next) {
        if (found->ai_family != family || found->ai_addrlen > sizeof out->list[0].addr)
            continue;
        struct mp_endpoint *endpoint = &out->list[out->n++];
        memcpy(&endpoint->addr, found->ai_addr, found->ai_addrlen);
        endpoint->len = found->ai_addrlen;
    }
}

/* A client keeps the system's order of families; it is the one of the first result. */
static void add_by_family(struct mp_endpoints *out, const struct addrinfo *found,
                          enum mp_address_use use)
{
    bool v6_first = use == MP_TO_CONNECT && found->ai_family == AF_INET6;
    add_found(out, found, v6_first ? AF_INET6 : AF_INET);
    add_found(out, found, v6_first ? AF_INET : AF_INET6);
}

static int find_host(struct mp_endpoints *out, const struct mp_address *address,
                     enum mp_address_use use, mproc_error *err)
{
    /* No AI_ADDRCONFIG: it would hide 127.0.0.1 on a machine that has only loopback. */
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    const char *host = address->host[0] ? address->host : "localhost";
    char port[8];
    snprintf(port, sizeof port, "%u", address->port);
    struct addrinfo *found = NULL;
    int code = getaddrinfo(host, port, &hints, &found);
    if (code != 0)
        return resolve_error(code, host, err);
    add_by_family(out, found, use);
    freeaddrinfo(found);
    if (out->n == 0)
        return mp_fail(err, MPROC_ERESOLVE, "resolve '%s': no IPv4 or IPv6 address", host);
    return 0;
}

static void add_all_interfaces(struct mp_endpoints *out, uint32_t port)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct mp_endpoint *endpoint = &out->list[out->n++];
    memcpy(&endpoint->addr, &v6, sizeof v6);
    endpoint->len = sizeof v6;
    endpoint->both_families = true;
    endpoint = &out->list[out->n++];
    memcpy(&endpoint->addr, &v4, sizeof v4);
    endpoint->len = sizeof v4;
}

static int find_tcp(struct mp_endpoints *out, const struct mp_address *address,
                    enum mp_address_use use, mproc_error *err)
{
    if (use == MP_TO_CONNECT || address->host[0])
        return find_host(out, address, use, err);
    add_all_interfaces(out, address->port);
    return 0;
}

int mp_endpoints_find(struct mp_endpoints *out, const struct mp_address *address,
                      enum mp_address_use use, mproc_error *err)
{
    memset(out, 0, sizeof *out);
    out->directory = -1;
    if (address->family == MP_TCP)
        return find_tcp(out, address, use, err);
    out->n = 1;
    switch (address->family) {
    case MP_ABSTRACT:
        return set_abstract(&out->list[0], address->path, err);
    case MP_VSOCK:
        return set_vsock(&out->list[0], address, err);
    default:
        return mp_endpoint_set_path(&out->list[0], &out->directory, address->path, err);
    }
}

void mp_endpoints_release(struct mp_endpoints *endpoints)
{
    mp_fd_close(&endpoints->directory);
}

/* Text. */

static void unmap_v4(struct mp_endpoint *endpoint)
{
    struct sockaddr_in6 v6;
    memcpy(&v6, &endpoint->addr, sizeof v6);
    if (!IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr))
        return;
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = v6.sin6_port};
    memcpy(&v4.sin_addr, v6.sin6_addr.s6_addr + 12, 4);
    memcpy(&endpoint->addr, &v4, sizeof v4);
    endpoint->len = sizeof v4;
}

static void inet_text(const struct mp_endpoint *endpoint, char text[MP_ENDPOINT_TEXT])
{
    struct mp_endpoint plain = *endpoint;
    if (plain.addr.ss_family == AF_INET6)
        unmap_v4(&plain);
    char host[MP_ENDPOINT_TEXT - 10];
    char port[8];
    if (getnameinfo((struct sockaddr *)&plain.addr, plain.len, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return;
    bool v6 = plain.addr.ss_family == AF_INET6;
    snprintf(text, MP_ENDPOINT_TEXT, v6 ? "[%s]:%s" : "%s:%s", host, port);
}

void mp_endpoint_text(const struct mp_endpoint *endpoint, char text[MP_ENDPOINT_TEXT])
{
    text[0] = '\0';
    int family = endpoint->addr.ss_family;
    if (family == AF_INET || family == AF_INET6)
        inet_text(endpoint, text);
#if defined HAVE_VSOCK
    if (family == AF_VSOCK)
        vsock_text(endpoint, text);
#endif
}

static void v4_make_dialable(struct mp_endpoint *endpoint)
{
    struct sockaddr_in v4;
    memcpy(&v4, &endpoint->addr, sizeof v4);
    if (v4.sin_addr.s_addr == htonl(INADDR_ANY))
        v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    memcpy(&endpoint->addr, &v4, sizeof v4);
}

/* Behind a socket for both families the v4 loopback is the one that Python clients can dial. */
static void v6_make_dialable(struct mp_endpoint *endpoint)
{
    struct sockaddr_in6 v6;
    memcpy(&v6, &endpoint->addr, sizeof v6);
    if (!IN6_IS_ADDR_UNSPECIFIED(&v6.sin6_addr))
        return;
    if (endpoint->both_families) {
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = v6.sin6_port};
        v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        memcpy(&endpoint->addr, &v4, sizeof v4);
        endpoint->len = sizeof v4;
        return;
    }
    v6.sin6_addr = in6addr_loopback;
    memcpy(&endpoint->addr, &v6, sizeof v6);
}

void mp_endpoint_make_dialable(struct mp_endpoint *endpoint)
{
    int family = endpoint->addr.ss_family;
    if (family == AF_INET)
        v4_make_dialable(endpoint);
    if (family == AF_INET6)
        v6_make_dialable(endpoint);
#if defined HAVE_VSOCK
    if (family == AF_VSOCK)
        vsock_make_dialable(endpoint);
#endif
}
