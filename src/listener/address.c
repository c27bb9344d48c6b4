/* SPDX-License-Identifier: MIT */
#include "listener/address.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

#define LENGTH(literal) (sizeof(literal) - 1)

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* A decimal number and nothing else, up to `max`. strtoul(3) would take signs and blanks. */
static bool parse_number(const char *text, size_t len, uint32_t max, uint32_t *out)
{
    uint64_t value = 0;
    if (len == 0)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(text[i] - '0');
        if (value > max)
            return false;
    }
    *out = (uint32_t)value;
    return true;
}

static int parse_port(struct mp_address *out, const char *port, enum mp_address_use use,
                      mproc_error *err)
{
    if (!parse_number(port, strlen(port), UINT16_MAX, &out->port))
        return mp_fail(err, MPROC_EADDRESS, "port '%s' is no number from 0 to 65535", port);
    if (out->port == 0 && use == MP_TO_CONNECT)
        return mp_fail(err, MPROC_EADDRESS, "port 0 cannot be dialed");
    return 0;
}

static int copy_host(struct mp_address *out, const char *host, size_t len, mproc_error *err)
{
    if (len >= sizeof out->host)
        return mp_fail(err, MPROC_EADDRESS, "host name of %zu characters, at most %zu are possible",
                       len, sizeof out->host - 1);
    memcpy(out->host, host, len);
    out->host[len] = '\0';
    return 0;
}

/* The scope behind '%' is an interface's name or number; only the system can check it. */
static bool is_v6(const char *host)
{
    char bare[INET6_ADDRSTRLEN];
    unsigned char binary[16];
    size_t len = strcspn(host, "%");
    if (len >= sizeof bare || (host[len] == '%' && host[len + 1] == '\0'))
        return false;
    memcpy(bare, host, len);
    bare[len] = '\0';
    return inet_pton(AF_INET6, bare, binary) == 1;
}

static int parse_bracketed(struct mp_address *out, const char *text, enum mp_address_use use,
                           mproc_error *err)
{
    const char *end = strchr(text, ']');
    if (!end)
        return mp_fail(err, MPROC_EADDRESS, "'[' without ']' in '%s'", text);
    if (end[1] != ':')
        return mp_fail(err, MPROC_EADDRESS, "no ':port' behind ']' in '%s'", text);
    int rc = copy_host(out, text + 1, (size_t)(end - text - 1), err);
    if (rc == 0 && !is_v6(out->host))
        rc = mp_fail(err, MPROC_EADDRESS, "'%s' is no IPv6 address", out->host);
    return rc < 0 ? rc : parse_port(out, end + 2, use, err);
}

static int parse_tcp(struct mp_address *out, const char *text, enum mp_address_use use,
                     mproc_error *err)
{
    out->family = MP_TCP;
    if (text[0] == '[')
        return parse_bracketed(out, text, use, err);
    const char *colon = strchr(text, ':');
    if (!colon)
        return mp_fail(err, MPROC_EADDRESS,
                       "no port in '%s': host:port, [v6]:port, /path, unix:path, @name or "
                       "vsock:cid:port is expected",
                       text);
    if (strchr(colon + 1, ':'))
        return mp_fail(err, MPROC_EADDRESS,
                       "more than one ':' in '%s': an IPv6 address goes into brackets", text);
    int rc = copy_host(out, text, (size_t)(colon - text), err);
    return rc < 0 ? rc : parse_port(out, colon + 1, use, err);
}

static int parse_cid(struct mp_address *out, const char *cid, size_t len, enum mp_address_use use,
                     mproc_error *err)
{
    if (len == LENGTH("any") && memcmp(cid, "any", len) == 0) {
        out->cid = MP_VSOCK_ANY;
        if (use == MP_TO_CONNECT)
            return mp_fail(err, MPROC_EADDRESS, "vsock cid 'any' cannot be dialed");
        return 0;
    }
    if (!parse_number(cid, len, MP_VSOCK_ANY - 1, &out->cid))
        return mp_fail(err, MPROC_EADDRESS, "vsock cid '%.*s' is neither a number nor 'any'",
                       (int)(len < 64 ? len : 64), cid);
    return 0;
}

static int parse_vsock(struct mp_address *out, const char *rest, enum mp_address_use use,
                       mproc_error *err)
{
    out->family = MP_VSOCK;
    const char *colon = strchr(rest, ':');
    if (!colon)
        return mp_fail(err, MPROC_EADDRESS, "'vsock:%s' is not vsock:cid:port", rest);
    int rc = parse_cid(out, rest, (size_t)(colon - rest), use, err);
    if (rc < 0)
        return rc;
    if (!parse_number(colon + 1, strlen(colon + 1), MP_VSOCK_ANY - 1, &out->port))
        return mp_fail(err, MPROC_EADDRESS, "vsock port '%s' is no number", colon + 1);
    if (out->port == 0 && use == MP_TO_CONNECT)
        return mp_fail(err, MPROC_EADDRESS, "port 0 cannot be dialed");
    return 0;
}

static int parse_path(struct mp_address *out, enum mp_family family, const char *path,
                      mproc_error *err)
{
    if (path[0] == '\0')
        return mp_fail(err, MPROC_EADDRESS, "empty %s",
                       family == MP_UNIX ? "path" : "abstract name");
    out->family = family;
    out->path = path;
    return 0;
}

static int parse(struct mp_address *out, const char *text, enum mp_address_use use,
                 mproc_error *err)
{
    if (text[0] == '\0')
        return mp_fail(err, MPROC_EADDRESS, "empty address");
    if (text[0] == '/')
        return parse_path(out, MP_UNIX, text, err);
    if (starts_with(text, "unix:"))
        return parse_path(out, MP_UNIX, text + LENGTH("unix:"), err);
    if (text[0] == '@')
        return parse_path(out, MP_ABSTRACT, text + 1, err);
    if (starts_with(text, "vsock:"))
        return parse_vsock(out, text + LENGTH("vsock:"), use, err);
    return parse_tcp(out, text, use, err);
}

int mp_address_parse(struct mp_address *out, const char *text, enum mp_address_use use,
                     mproc_error *err)
{
    struct mp_address address = {.family = MP_TCP};
    int rc = parse(&address, text, use, err);
    if (rc == 0)
        *out = address;
    return rc;
}
