/* SPDX-License-Identifier: Apache-2.0 */
#include "io/address.h"

#include <errno.h>
#include <string.h>

#include "unit.h"

static const char *text_of(const char *written, enum sp_address_use use)
{
    static char text[SP_ADDRESS_TEXT];
    struct sp_address_list list;
    const char *why;
    if (sp_address_parse(written, use, false, &list, &why) < 0)
        return why;
    if (list.n == 0)
        return "a name";
    sp_address_text(&list.at[0], text);
    return text;
}

#define assert_listen(written, text) assert_string_equal(text_of(written, SP_ADDRESS_LISTEN), text)
#define assert_connect(written, text) assert_string_equal(text_of(written, SP_ADDRESS_CONNECT), text)

static void the_usual_forms_are_read(void **state)
{
    (void)state;
    assert_listen("127.0.0.1:8080", "127.0.0.1:8080");
    assert_listen("0.0.0.0:80", "0.0.0.0:80");
    assert_listen(":8080", "[::]:8080");
    assert_connect(":8080", "127.0.0.1:8080");
    assert_connect("[::1]:443", "[::1]:443");
    assert_connect("[2001:DB8:0::7]:1", "[2001:db8::7]:1");
    assert_connect("unix:/run/app.sock", "unix:/run/app.sock");
    assert_connect("www.example.org:65535", "a name");
    assert_connect("a_b-c:80", "a name");
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    assert_listen("8080", "the port is missing; expected host:port, :port or [v6]:port");
    assert_listen("", "the port is missing; expected host:port, :port or [v6]:port");
    assert_listen("localhost:", "the port is missing; expected host:port, :port or [v6]:port");
    assert_listen("localhost:http", "the port must be a number; expected host:port, :port or [v6]:port");
    assert_listen(":-1", "the port must be a number; expected host:port, :port or [v6]:port");
    assert_listen(":0", "the port must be from 1 to 65535");
    assert_listen(":65536", "the port must be from 1 to 65535");
    assert_listen(":99999999999999999999", "the port must be a number; expected host:port, :port or [v6]:port");
    assert_listen("::1:80", "an IPv6 address must stand in brackets: [v6]:port");
    assert_listen("[::1:80", "the closing bracket is missing; expected [v6]:port");
    assert_listen("[::1]", "the port is missing; expected [v6]:port");
    assert_listen("[]:80", "the brackets must hold an IPv6 address");
    assert_listen("[127.0.0.1]:80", "the brackets must hold an IPv6 address");
    assert_listen("[fe80::1%nosuchinterface]:80", "there is no network interface of that name");
    assert_listen("256.0.0.1:80", "that is not an IPv4 address");
    assert_listen("1.2.3:80", "that is not an IPv4 address");
    assert_listen("http//a:80", "that is neither an IP address nor a host name");
    assert_listen("a..b:80", "that is neither an IP address nor a host name");
    assert_listen("-a:80", "that is neither an IP address nor a host name");
    assert_listen("unix:/x", "unix sockets cannot be listened on; expected host:port, :port or [v6]:port");
    assert_connect("unix:", "unix: needs a path, for example unix:/run/app.sock");
}

static void too_long_is_an_error(void **state)
{
    char text[400];
    (void)state;
    memset(text, 'a', sizeof text);
    memcpy(text + 300, ":80", 4);
    assert_connect(text, "the host name is too long");
    memcpy(text, "unix:/", 6);
    memcpy(text + 300, "", 1);
    assert_connect(text, "the path of a unix socket has at most 107 bytes");
    text[5 + 107] = 0;
    assert_connect(text, text);
}

static void names_are_looked_up_when_asked(void **state)
{
    struct sp_address_list list;
    const char *why;
    (void)state;
    assert_int_equal(sp_address_parse("localhost:80", SP_ADDRESS_CONNECT, true, &list, &why), 0);
    assert_in_range(list.n, 1, SP_ADDRESSES_MAX);
    assert_int_equal(sp_address_session(&list.at[0]).port, 80);
}

static void a_failure_leaves_the_result_alone(void **state)
{
    struct sp_address_list list = {.n = 3};
    const char *why = NULL;
    (void)state;
    assert_int_equal(sp_address_parse("nothing", SP_ADDRESS_CONNECT, true, &list, &why), -EINVAL);
    assert_int_equal(list.n, 3);
    assert_non_null(why);
}

static void the_session_form_maps_ipv4(void **state)
{
    struct sp_address_list list;
    const char *why;
    (void)state;
    assert_int_equal(sp_address_parse("192.0.2.7:81", SP_ADDRESS_CONNECT, false, &list, &why), 0);
    struct sp_session_addr a = sp_address_session(&list.at[0]);
    assert_memory_equal(a.ip, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\7", 16);
    assert_int_equal(a.port, 81);
    assert_int_equal(sp_address_parse("unix:/x", SP_ADDRESS_CONNECT, false, &list, &why), 0);
    assert_int_equal(sp_address_session(&list.at[0]).port, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_usual_forms_are_read),       cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(too_long_is_an_error),           cmocka_unit_test(names_are_looked_up_when_asked),
        cmocka_unit_test(a_failure_leaves_the_result_alone), cmocka_unit_test(the_session_form_maps_ipv4),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
