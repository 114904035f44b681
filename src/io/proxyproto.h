/* SPDX-License-Identifier: Apache-2.0 */
/* proxyproto: the PROXY protocol, versions 1 and 2: a balancer tells the server who the client is, before its first byte. */
#ifndef SP_IO_PROXYPROTO_H
#define SP_IO_PROXYPROTO_H

#include "base/buf.h"
#include "engine/session.h"

enum sp_proxy_mode { SP_PROXY_OFF, SP_PROXY_V1, SP_PROXY_V2, SP_PROXY_ANY };

enum sp_proxy_limits {
    SP_PROXY_HEADER_MAX = 2048, /* v2 with its extensions: the largest seen in the wild (TLS details) are under 500 bytes */
    SP_PROXY_WRITE_MAX = 107,   /* what we write: the longest v1 line */
};

struct sp_proxy_header {
    bool known; /* false: the balancer speaks for itself (health checks) or does not know; the socket's addresses stand */
    struct sp_session_addr client, server;
};

/* The length of the header at the start of `in`; 0 while it may still become one; -EPROTO when it never will. */
__attribute__((warn_unused_result)) int sp_proxy_parse(struct sp_span in, enum sp_proxy_mode mode, struct sp_proxy_header *ret);
/* The header that announces `client`; `mode` is V1 or V2. */
void sp_proxy_write(enum sp_proxy_mode mode, const struct sp_session_addr *client, const struct sp_session_addr *server, struct sp_buf *out);

#endif
