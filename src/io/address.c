/* SPDX-License-Identifier: Apache-2.0 */
/* address: text to socket addresses and back. Numeric forms are taken as inet_pton takes them; anything else is a host name (RFC 1123). */
#include "io/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum address_limits {
    HOST_MAX = 253, /* RFC 1035: the longest name as text */
};

struct parts {
    char host[HOST_MAX + 1]; /* empty: none given */
    bool bracketed;
    uint16_t port;
};

static bool copy_text(char *to, size_t cap, struct sp_span s)
{
    if (s.n >= cap || sp_span_byte(s, 0, 0) != SP_NOT_FOUND)
        return false;
    memcpy(to, s.p, s.n);
    to[s.n] = 0;
    return true;
}

/* ---- unix sockets ---- */

static const char *parse_unix(struct sp_span path, enum sp_address_use use, struct sp_address_list *ret)
{
    struct sp_address *a = &ret->at[0];
    if (use == SP_ADDRESS_LISTEN)
        return "unix sockets cannot be listened on; expected host:port, :port or [v6]:port";
    if (!path.n)
        return "unix: needs a path, for example unix:/run/app.sock";
    memset(a, 0, sizeof *a);
    a->sa.path.sun_family = AF_UNIX;
    if (!copy_text(a->sa.path.sun_path, sizeof a->sa.path.sun_path, path))
        return "the path of a unix socket has at most 107 bytes";
    a->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.n + 1);
    ret->n = 1;
    return NULL;
}

/* ---- host and port ---- */

static const char *parse_port(struct sp_span text, uint16_t *ret)
{
    uint64_t port;
    if (!text.n)
        return "the port is missing; expected host:port, :port or [v6]:port";
    if (!sp_span_u64(text, &port))
        return "the port must be a number; expected host:port, :port or [v6]:port";
    if (port < 1 || port > UINT16_MAX)
        return "the port must be from 1 to 65535";
    *ret = (uint16_t)port;
    return NULL;
}

static const char *split_bracketed(struct sp_span s, struct parts *ret)
{
    size_t end = sp_span_byte(s, 0, ']');
    if (end == SP_NOT_FOUND)
        return "the closing bracket is missing; expected [v6]:port";
    if (sp_span_at(s, end + 1) != ':')
        return "the port is missing; expected [v6]:port";
    if (end == 1 || !copy_text(ret->host, sizeof ret->host, sp_span_sub(s, 1, end - 1)))
        return "the brackets must hold an IPv6 address";
    ret->bracketed = true;
    return parse_port(sp_span_from(s, end + 2), &ret->port);
}

static const char *split(struct sp_span s, struct parts *ret)
{
    memset(ret, 0, sizeof *ret);
    if (sp_span_at(s, 0) == '[')
        return split_bracketed(s, ret);
    size_t colon = sp_span_byte(s, 0, ':');
    if (colon == SP_NOT_FOUND)
        return "the port is missing; expected host:port, :port or [v6]:port";
    if (sp_span_byte(s, colon + 1, ':') != SP_NOT_FOUND)
        return "an IPv6 address must stand in brackets: [v6]:port";
    if (!copy_text(ret->host, sizeof ret->host, sp_span_sub(s, 0, colon)))
        return "the host name is too long";
    return parse_port(sp_span_from(s, colon + 1), &ret->port);
}

static struct sp_address address_v4(struct in_addr ip, uint16_t port)
{
    struct sp_address a;
    memset(&a, 0, sizeof a);
    a.len = sizeof a.sa.v4;
    a.sa.v4.sin_family = AF_INET;
    a.sa.v4.sin_addr = ip;
    a.sa.v4.sin_port = htons(port);
    return a;
}

static struct sp_address address_v6(struct in6_addr ip, uint16_t port, uint32_t scope)
{
    struct sp_address a;
    memset(&a, 0, sizeof a);
    a.len = sizeof a.sa.v6;
    a.sa.v6.sin6_family = AF_INET6;
    a.sa.v6.sin6_addr = ip;
    a.sa.v6.sin6_port = htons(port);
    a.sa.v6.sin6_scope_id = scope;
    return a;
}

/* fe80::1%eth0: link-local addresses need the interface (RFC 4007). */
static const char *parse_v6(struct parts *p, struct sp_address *ret)
{
    struct in6_addr ip;
    uint32_t scope = 0;
    char *percent = strchr(p->host, '%');
    if (percent) {
        *percent = 0;
        scope = if_nametoindex(percent + 1);
        if (!scope)
            return "there is no network interface of that name";
    }
    if (inet_pton(AF_INET6, p->host, &ip) != 1)
        return "the brackets must hold an IPv6 address";
    *ret = address_v6(ip, p->port, scope);
    return NULL;
}

static bool label_ok(struct sp_span label)
{
    if (!label.n || label.n > 63)
        return false;
    for (size_t i = 0; i < label.n; i++) {
        uint8_t c = sp_lower(label.p[i]);
        if (!sp_is_digit(c) && (uint8_t)(c - 'a') > 25 && c != '-' && c != '_')
            return false;
    }
    return label.p[0] != '-' && label.p[label.n - 1] != '-';
}

/* A name whose last label is all digits can only be a mistyped IPv4 address. */
static const char *check_name(const char *host)
{
    struct sp_span s = sp_span_str(host), last = s;
    uint64_t n;
    for (size_t at = 0; at <= s.n;) {
        size_t dot = sp_span_byte(s, at, '.');
        size_t end = dot == SP_NOT_FOUND ? s.n : dot;
        last = sp_span_sub(s, at, end - at);
        if (!label_ok(last))
            return "that is neither an IP address nor a host name";
        at = end + 1;
    }
    return sp_span_u64(last, &n) ? "that is not an IPv4 address" : NULL;
}

static const char *resolve_name(const struct parts *p, struct sp_address_list *ret)
{
    struct addrinfo want = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found;
    int rc = getaddrinfo(p->host, NULL, &want, &found);
    if (rc == EAI_AGAIN)
        return "the name cannot be looked up now";
    if (rc != 0)
        return "there is no host of that name";
    ret->n = 0;
    for (const struct addrinfo *i = found; i && ret->n < SP_ADDRESSES_MAX; i = i->ai_next) {
        if (i->ai_family == AF_INET)
            ret->at[ret->n++] = address_v4(((const struct sockaddr_in *)(const void *)i->ai_addr)->sin_addr, p->port);
        else if (i->ai_family == AF_INET6) {
            const struct sockaddr_in6 *six = (const void *)i->ai_addr;
            ret->at[ret->n++] = address_v6(six->sin6_addr, p->port, six->sin6_scope_id);
        }
    }
    freeaddrinfo(found);
    return ret->n ? NULL : "that host has no IP address";
}

static const char *parse_host(struct parts *p, enum sp_address_use use, bool resolve, struct sp_address_list *ret)
{
    struct in_addr four;
    ret->n = 1;
    if (p->bracketed)
        return parse_v6(p, &ret->at[0]);
    if (!p->host[0] && use == SP_ADDRESS_LISTEN) {
        ret->at[0] = address_v6(in6addr_any, p->port, 0);
        return NULL;
    }
    if (!p->host[0] || inet_pton(AF_INET, p->host, &four) == 1) {
        if (!p->host[0])
            four.s_addr = htonl(INADDR_LOOPBACK);
        ret->at[0] = address_v4(four, p->port);
        return NULL;
    }
    ret->n = 0;
    const char *why = check_name(p->host);
    return why || !resolve ? why : resolve_name(p, ret);
}

int sp_address_parse(const char *text, enum sp_address_use use, bool resolve, struct sp_address_list *ret, const char **ret_why)
{
    struct sp_span s = sp_span_str(text);
    struct sp_address_list list = {0};
    struct parts parts;
    const char *why;
    if (sp_span_starts(s, SP_LIT("unix:")))
        why = parse_unix(sp_span_from(s, 5), use, &list);
    else if (!(why = split(s, &parts)))
        why = parse_host(&parts, use, resolve, &list);
    if (why) {
        *ret_why = why;
        return -EINVAL;
    }
    *ret = list;
    return 0;
}

void sp_address_text(const struct sp_address *a, char ret[SP_ADDRESS_TEXT])
{
    char ip[INET6_ADDRSTRLEN] = "";
    switch (a->sa.any.sa_family) {
    case AF_INET:
        (void)inet_ntop(AF_INET, &a->sa.v4.sin_addr, ip, sizeof ip);
        (void)snprintf(ret, SP_ADDRESS_TEXT, "%s:%u", ip, ntohs(a->sa.v4.sin_port));
        break;
    case AF_INET6:
        (void)inet_ntop(AF_INET6, &a->sa.v6.sin6_addr, ip, sizeof ip);
        (void)snprintf(ret, SP_ADDRESS_TEXT, "[%s]:%u", ip, ntohs(a->sa.v6.sin6_port));
        break;
    default:
        (void)snprintf(ret, SP_ADDRESS_TEXT, "unix:%s", a->sa.path.sun_path);
    }
}

struct sp_session_addr sp_address_session(const struct sp_address *a)
{
    struct sp_session_addr s = {0};
    if (a->sa.any.sa_family == AF_INET) {
        s.ip[10] = s.ip[11] = 0xff;
        memcpy(s.ip + 12, &a->sa.v4.sin_addr, 4);
        s.port = ntohs(a->sa.v4.sin_port);
    } else if (a->sa.any.sa_family == AF_INET6) {
        memcpy(s.ip, &a->sa.v6.sin6_addr, 16);
        s.port = ntohs(a->sa.v6.sin6_port);
    }
    return s;
}

void sp_close_socket(int fd, bool reset)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    if (reset)
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once); /* if it fails, the end is just more polite */
    close(fd);
}
