/* SPDX-License-Identifier: Apache-2.0 */
/* address: what people write for an endpoint, and the socket addresses it stands for. */
#ifndef SP_IO_ADDRESS_H
#define SP_IO_ADDRESS_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/buf.h"
#include "engine/session.h"

enum sp_address_limits {
    SP_ADDRESSES_MAX = 4,  /* that one name stands for: tried in turn when connecting, all of them listened on */
    SP_ADDRESS_TEXT = 128, /* an address as text with its NUL: [v6%scope]:port, unix:/path */
};

struct sp_address {
    socklen_t len;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un path;
    } sa;
};

struct sp_address_list {
    unsigned n;
    struct sp_address at[SP_ADDRESSES_MAX];
};

enum sp_address_use {
    SP_ADDRESS_LISTEN,  /* ":8080" is every address of this machine, IPv6 and IPv4 */
    SP_ADDRESS_CONNECT, /* ":8080" is this machine; "unix:/path" is allowed */
};

/*
 * Reads "host:port", "1.2.3.4:port", "[v6]:port", ":port", "unix:/path". 0, or -EINVAL with *ret_why a sentence without a full stop that says what is
 * wrong and what was expected (a constant). `resolve`: look names up (may wait for DNS); otherwise a name is only checked for its form and
 * stands for no address.
 */
__attribute__((warn_unused_result)) int sp_address_parse(const char *text, enum sp_address_use use, bool resolve,
                                                         struct sp_address_list *ret, const char **ret_why);
/* "192.0.2.1:80", "[2001:db8::1]:80", "unix:/run/app.sock" */
void sp_address_text(const struct sp_address *a, char ret[SP_ADDRESS_TEXT]);
/* Closes a stream socket; `reset`: its peer is to see that this is no orderly end (unix sockets have no such thing). */
void sp_close_socket(int fd, bool reset);
/* The session's form; all zero for a unix socket. */
struct sp_session_addr sp_address_session(const struct sp_address *a);

#endif
