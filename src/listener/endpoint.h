/* SPDX-License-Identifier: MIT */
/* Socket addresses: what a parsed address stands for, and their text. */
#ifndef MP_LISTENER_ENDPOINT_H
#define MP_LISTENER_ENDPOINT_H

#include <stdbool.h>
#include <sys/socket.h>

#include "listener/address.h"

struct mp_endpoint {
    struct sockaddr_storage addr;
    socklen_t len;
    bool both_families; /* [::] that takes IPv4 clients too */
};

/* More addresses of one name are not tried. */
#define MP_ENDPOINTS_MAX 16

struct mp_endpoints {
    struct mp_endpoint list[MP_ENDPOINTS_MAX];
    size_t n;      /* at least 1 */
    int directory; /* the directory a long path goes through, -1 if none */
};

/*
 * Find the socket addresses of an address, in the order in which to try them: for a listener IPv4
 * first, since Python clients dial nothing else. Release them after use.
 */
int mp_endpoints_find(struct mp_endpoints *out, const struct mp_address *address,
                      enum mp_address_use use, mproc_error *err);
void mp_endpoints_release(struct mp_endpoints *endpoints);

/* Room for an endpoint's text: "[", v6 address, "%", interface name, "]:", port, NUL. */
#define MP_ENDPOINT_TEXT 96

/*
 * The text of an address, which mproc_client_connect() takes; "" for AF_UNIX. A v4 address mapped
 * into v6 shows as v4.
 */
void mp_endpoint_text(const struct mp_endpoint *endpoint, char text[MP_ENDPOINT_TEXT]);

/* "All interfaces" becomes the loopback address, where a client can connect. */
void mp_endpoint_make_dialable(struct mp_endpoint *endpoint);

/*
 * An AF_UNIX path of any length as one endpoint; a path that does not fit into a sockaddr_un goes
 * through *directory, if the platform can do that.
 */
int mp_endpoint_set_path(struct mp_endpoint *out, int *directory, const char *path,
                         mproc_error *err);

/* The platform's part: a path that does not fit. */
int mp_endpoint_set_long_path(struct mp_endpoint *out, int *directory, const char *path,
                              mproc_error *err);

#endif
