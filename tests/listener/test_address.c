/* SPDX-License-Identifier: MIT */
/* Address strings: what each means, and what is wrong with the others. */
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "listener/endpoint.h"
#include "support/suite.h"

struct good {
    const char *text;
    enum mp_family family;
    const char *name; /* host, path or abstract name */
    uint32_t port;
    uint32_t cid;
};

#define NAME_63 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk"
#define NAME_253 NAME_63 "." NAME_63 "." NAME_63 "." NAME_63 "."

static const struct good good[] = {
    {"localhost:6000", MP_TCP, "localhost", 6000, 0},
    {"127.0.0.1:1", MP_TCP, "127.0.0.1", 1, 0},
    {"a.b-c.example:65535", MP_TCP, "a.b-c.example", 65535, 0},
    {NAME_63 "." NAME_63 "." NAME_63 ":007", MP_TCP, NAME_63 "." NAME_63 "." NAME_63, 7, 0},
    {":6000", MP_TCP, "", 6000, 0},
    {"[::1]:6000", MP_TCP, "::1", 6000, 0},
    {"[::]:6000", MP_TCP, "::", 6000, 0},
    {"[fe80::1%eth0]:6000", MP_TCP, "fe80::1%eth0", 6000, 0},
    {"[::ffff:10.0.0.1]:80", MP_TCP, "::ffff:10.0.0.1", 80, 0},
    {"/tmp/socket", MP_UNIX, "/tmp/socket", 0, 0},
    {"/", MP_UNIX, "/", 0, 0},
    {"/with:colon", MP_UNIX, "/with:colon", 0, 0},
    {"unix:/tmp/socket", MP_UNIX, "/tmp/socket", 0, 0},
    {"unix:socket", MP_UNIX, "socket", 0, 0},
    {"unix:../a b", MP_UNIX, "../a b", 0, 0},
    {"unix:@file", MP_UNIX, "@file", 0, 0},
    {"@name", MP_ABSTRACT, "name", 0, 0},
    {"@a:b/c@d", MP_ABSTRACT, "a:b/c@d", 0, 0},
    {"vsock:3:5000", MP_VSOCK, NULL, 5000, 3},
    {"vsock:0:4294967294", MP_VSOCK, NULL, 4294967294, 0},
    {"vsock:4294967294:1", MP_VSOCK, NULL, 1, 4294967294},
};

static void check_good(const struct good *g, enum mp_address_use use)
{
    mproc_error err = MPROC_ERROR_INIT;
    struct mp_address address;
    int rc = mp_address_parse(&address, g->text, use, &err);
    ck_assert_msg(rc == 0, "%s: %s", g->text, err.text);
    ck_assert_int_eq(err.code, 0);
    ck_assert_int_eq(address.family, g->family);
    ck_assert_uint_eq(address.port, g->port);
    ck_assert_uint_eq(address.cid, g->cid);
    if (g->name)
        ck_assert_str_eq(g->family == MP_TCP ? address.host : address.path, g->name);
}

START_TEST(every_form_is_understood)
{
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        check_good(&good[i], MP_TO_LISTEN);
        check_good(&good[i], MP_TO_CONNECT);
    }
}
END_TEST

struct bad {
    const char *text;
    const char *says; /* part of the error's text */
};

static void check_bad(const struct bad *b, enum mp_address_use use)
{
    mproc_error err = MPROC_ERROR_INIT;
    struct mp_address address = {.port = 4711};
    int rc = mp_address_parse(&address, b->text, use, &err);
    ck_assert_msg(rc == MPROC_EADDRESS, "'%s' is taken", b->text);
    ck_assert_int_eq(err.code, rc);
    ck_assert_msg(strstr(err.text, b->says) != NULL, "'%s' gives '%s'", b->text, err.text);
    ck_assert_uint_eq(address.port, 4711);
}

START_TEST(what_is_malformed_is_named)
{
    static const struct bad table[] = {
        {"", "empty address"},
        {"localhost", "no port in 'localhost'"},
        {"localhost:", "port ''"},
        {":", "port ''"},
        {"localhost:http", "port 'http'"},
        {"localhost:-1", "port '-1'"},
        {"localhost:+1", "port '+1'"},
        {"localhost: 1", "port ' 1'"},
        {"localhost:1 ", "port '1 '"},
        {"localhost:65536", "port '65536'"},
        {"localhost:99999999999999999999", "port '99999999999999999999'"},
        {"::1:6000", "brackets"},
        {"a:b:1", "brackets"},
        {"[::1", "without ']'"},
        {"[::1]", "no ':port'"},
        {"[::1]6000", "no ':port'"},
        {"[::1]:", "port ''"},
        {"[]:1", "'' is no IPv6"},
        {"[127.0.0.1]:1", "'127.0.0.1' is no IPv6"},
        {"[fe80::1%]:1", "no IPv6"},
        {"[::zz]:1", "'::zz' is no IPv6"},
        {"[%eth0]:1", "no IPv6"},
        {"[1111:1111:1111:1111:1111:1111:1111:1111:1111:1111]:1", "no IPv6"},
        {NAME_253 "x:1", "host name of 257"},
        {"[" NAME_253 "]:1", "host name of 256"},
        {"unix:", "empty path"},
        {"@", "empty abstract name"},
        {"vsock:", "vsock:cid:port"},
        {"vsock:3", "vsock:cid:port"},
        {"vsock:3:", "vsock port ''"},
        {"vsock::5000", "vsock cid ''"},
        {"vsock:x:5000", "vsock cid 'x'"},
        {"vsock:3:4294967295", "vsock port"},
        {"vsock:4294967295:1", "vsock cid"},
        {"vsock:3:5:6", "vsock port '5:6'"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        check_bad(&table[i], MP_TO_LISTEN);
        check_bad(&table[i], MP_TO_CONNECT);
    }
}
END_TEST

START_TEST(only_a_listener_may_leave_things_open)
{
    static const struct bad table[] = {
        {"localhost:0", "port 0"}, {"[::1]:0", "port 0"},       {":0", "port 0"},
        {"vsock:3:0", "port 0"},   {"vsock:any:5000", "'any'"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct mp_address address;
        check_bad(&table[i], MP_TO_CONNECT);
        ck_assert_int_eq(mp_address_parse(&address, table[i].text, MP_TO_LISTEN, NULL), 0);
    }
}
END_TEST

START_TEST(any_beginning_of_an_address_is_safe_to_parse)
{
    char text[512];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        for (size_t n = 0; n <= strlen(good[i].text); n++) {
            struct mp_address address;
            snprintf(text, sizeof text, "%.*s", (int)n, good[i].text);
            int rc = mp_address_parse(&address, text, MP_TO_CONNECT, NULL);
            ck_assert(rc == 0 || rc == MPROC_EADDRESS);
        }
    }
}
END_TEST

/* Endpoints. */

static int find(struct mp_endpoints *out, const char *text, enum mp_address_use use)
{
    struct mp_address address;
    mproc_error err = MPROC_ERROR_INIT;
    ck_assert_int_eq(mp_address_parse(&address, text, use, NULL), 0);
    int rc = mp_endpoints_find(out, &address, use, &err);
    ck_assert_int_eq(err.code, rc);
    return rc;
}

static void check_text(const char *text, const char *wanted)
{
    struct mp_endpoints found;
    char back[MP_ENDPOINT_TEXT];
    ck_assert_int_eq(find(&found, text, MP_TO_CONNECT), 0);
    mp_endpoint_text(&found.list[0], back);
    ck_assert_str_eq(back, wanted);
    mp_endpoints_release(&found);
}

START_TEST(numeric_addresses_keep_their_text)
{
    check_text("127.0.0.1:6000", "127.0.0.1:6000");
    check_text("[::1]:6000", "[::1]:6000");
    check_text("[0:0::1]:6000", "[::1]:6000");
    check_text("[fe80::1%1]:6000", "[fe80::1%lo]:6000");
    check_text("[::ffff:10.0.0.1]:80", "10.0.0.1:80");
    check_text("/tmp/x", "");
}
END_TEST

START_TEST(without_a_host_a_listener_takes_both_families_and_a_client_localhost)
{
    struct mp_endpoints found;
    char text[MP_ENDPOINT_TEXT];
    ck_assert_int_eq(find(&found, ":6000", MP_TO_LISTEN), 0);
    ck_assert_uint_eq(found.n, 2);
    mp_endpoint_text(&found.list[0], text);
    ck_assert_str_eq(text, "[::]:6000");
    ck_assert(found.list[0].both_families);
    mp_endpoint_make_dialable(&found.list[0]);
    mp_endpoint_text(&found.list[0], text);
    ck_assert_str_eq(text, "127.0.0.1:6000");
    mp_endpoint_make_dialable(&found.list[1]);
    mp_endpoint_text(&found.list[1], text);
    ck_assert_str_eq(text, "127.0.0.1:6000");
    ck_assert_int_eq(find(&found, "[::]:6000", MP_TO_LISTEN), 0);
    ck_assert_uint_eq(found.n, 1);
    mp_endpoint_make_dialable(&found.list[0]);
    mp_endpoint_text(&found.list[0], text);
    ck_assert_str_eq(text, "[::1]:6000");
    ck_assert_int_eq(find(&found, ":6000", MP_TO_CONNECT), 0);
    mp_endpoint_text(&found.list[0], text);
    ck_assert(strcmp(text, "127.0.0.1:6000") == 0 || strcmp(text, "[::1]:6000") == 0);
}
END_TEST

START_TEST(an_unknown_host_is_its_own_error)
{
    struct mp_endpoints found;
    ck_assert_int_eq(find(&found, "no-such-host.invalid:1", MP_TO_CONNECT), MPROC_ERESOLVE);
    ck_assert_int_eq(find(&found, "no-such-host.invalid:1", MP_TO_LISTEN), MPROC_ERESOLVE);
}
END_TEST

START_TEST(an_abstract_name_has_exactly_its_bytes)
{
#if defined __linux__
    struct mp_endpoints found;
    struct sockaddr_un name;
    char longest[110] = "@";
    ck_assert_int_eq(find(&found, "@ab", MP_TO_LISTEN), 0);
    ck_assert_uint_eq(found.list[0].len, offsetof(struct sockaddr_un, sun_path) + 3);
    memcpy(&name, &found.list[0].addr, sizeof name);
    ck_assert_mem_eq(name.sun_path, "\0ab", 3);
    memset(longest + 1, 'x', 107);
    ck_assert_int_eq(find(&found, longest, MP_TO_LISTEN), 0);
    longest[108] = 'x';
    ck_assert_int_eq(find(&found, longest, MP_TO_LISTEN), MPROC_EADDRESS);
#endif
}
END_TEST

START_TEST(a_path_that_does_not_fit_goes_through_its_directory_or_says_so)
{
    struct mp_endpoints found;
    char path[600] = "/";
    memset(path + 1, 'x', 106);
    ck_assert_int_eq(find(&found, path, MP_TO_LISTEN), 0);
    ck_assert_int_eq(found.directory, -1);
    memset(path + 1, 'x', 107);
    ck_assert_int_eq(find(&found, path, MP_TO_LISTEN), -ENAMETOOLONG);
    for (size_t i = 0; i < 500; i++)
        path[i] = '/';
    memcpy(path + 500, "name", 5);
#if defined MP_PORTABLE || !defined __linux__
    ck_assert_int_eq(find(&found, path, MP_TO_LISTEN), -ENAMETOOLONG);
#else
    ck_assert_int_eq(find(&found, path, MP_TO_LISTEN), 0);
    ck_assert_int_gt(found.directory, 2);
    mp_endpoints_release(&found);
    path[100] = 'n';
    ck_assert_int_eq(find(&found, path, MP_TO_LISTEN), -ENOENT);
#endif
    mp_endpoints_release(&found);
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("address");
    TCase *tc = mp_case(suite, "address", 20);
    tcase_add_test(tc, every_form_is_understood);
    tcase_add_test(tc, what_is_malformed_is_named);
    tcase_add_test(tc, only_a_listener_may_leave_things_open);
    tcase_add_test(tc, any_beginning_of_an_address_is_safe_to_parse);
    tcase_add_test(tc, numeric_addresses_keep_their_text);
    tcase_add_test(tc, without_a_host_a_listener_takes_both_families_and_a_client_localhost);
    tcase_add_test(tc, an_unknown_host_is_its_own_error);
    tcase_add_test(tc, an_abstract_name_has_exactly_its_bytes);
    tcase_add_test(tc, a_path_that_does_not_fit_goes_through_its_directory_or_says_so);
    return suite;
}
