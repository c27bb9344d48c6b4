/* SPDX-License-Identifier: MIT */
/* Who may connect without a key: the rules that listener and client share. */
#include <errno.h>

#include "connection/digest.h"
#include "listener/listener.h"
#include "listener/socket.h"

#define KNOWN_FLAGS ((unsigned)(MPROC_NO_AUTH | MPROC_AUTH_LEGACY_MD5))

static bool is_open_to_all(const struct mp_auth_choice *choice)
{
    return !choice->authkey && (choice->flags & MPROC_NO_AUTH);
}

bool mp_auth_choice_needs_peer(const struct mp_auth_choice *choice,
                               const struct mp_address *address)
{
    return !choice->authkey && !is_open_to_all(choice) && address->family == MP_ABSTRACT;
}

/* A socket file has its permissions, an abstract name its peers' credentials; from a network
 * anybody comes. */
static bool needs_key(const struct mp_auth_choice *choice, const struct mp_address *address)
{
    if (choice->authkey || is_open_to_all(choice) || address->family == MP_UNIX)
        return false;
    return address->family != MP_ABSTRACT || !mp_socket_knows_peer();
}

int mp_auth_choice_check(const struct mp_auth_choice *choice, const struct mp_address *address,
                         mproc_error *err)
{
    if (choice->flags & ~KNOWN_FLAGS)
        return mp_fail(err, -EINVAL, "unknown flags 0x%x", choice->flags & ~KNOWN_FLAGS);
    if ((choice->flags & MPROC_AUTH_LEGACY_MD5) && !mp_md5_available())
        return mp_fail(err, -ENOTSUP, "MPROC_AUTH_LEGACY_MD5: the library was built without MD5");
    if (address && needs_key(choice, address))
        return mp_fail(err, MPROC_ENOKEY,
                       "no authkey: set one, or MPROC_NO_AUTH if everybody may connect");
    return 0;
}
