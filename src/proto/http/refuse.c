/* SPDX-License-Identifier: Apache-2.0 */
/* refuse: the answer to a message that does not pass: a short response of our own, RFC 9110 section 15. */
#include "proto/http/http.h"

static const char *reason_of(unsigned status)
{
    static const struct { unsigned status; const char *reason; } reasons[] = {
        {400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"}, {405, "Method Not Allowed"},
        {406, "Not Acceptable"}, {408, "Request Timeout"}, {409, "Conflict"}, {410, "Gone"}, {411, "Length Required"},
        {412, "Precondition Failed"}, {413, "Content Too Large"}, {414, "URI Too Long"}, {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"}, {417, "Expectation Failed"}, {422, "Unprocessable Content"}, {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"}, {500, "Internal Server Error"}, {501, "Not Implemented"}, {502, "Bad Gateway"},
        {503, "Service Unavailable"}, {504, "Gateway Timeout"}, {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return "Refused";
}

static void write_reply(struct sp_buf *out, unsigned status, bool close, bool body)
{
    const char *reason = reason_of(status);
    size_t length = sp_span_str(reason).n + 1;
    sp_put_fmt(out, "HTTP/1.1 %u %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n", status, reason, length);
    if (status == 405)
        sp_put_str(out, "Allow:\r\n");
    sp_put_str(out, close ? "Connection: close\r\n\r\n" : "\r\n");
    if (body)
        sp_put_fmt(out, "%s\n", reason);
}

static unsigned status_of(const struct sp_msg *m, unsigned status)
{
    if (status)
        return status;
    if (!m->anomaly)
        return 403;
    unsigned of_anomaly = http_anomaly_status(http_anomaly_named(sp_span_str(m->anomaly)));
    return of_anomaly > QUIET ? of_anomaly : 400;
}

/* A body goes wrong whose head has been dealt with: its request can still be answered while the server has not begun to. */
static enum sp_reply refuse_body(const struct http_state *st, const struct sp_msg *m, struct sp_buf *reply)
{
    if (st->kept || st->count == 0)
        return SP_REPLY_NONE;
    if (st->count > 1 || st->phase[SP_S2C] != PHASE_HEAD)
        return SP_REPLY_LATER;
    write_reply(reply, status_of(m, 0), true, http_answering(st) != KIND_HEAD);
    return SP_REPLY_CLOSE;
}

static enum sp_reply refuse_request(const struct http_state *st, const struct sp_msg *m, unsigned status, struct sp_buf *reply)
{
    if (st->phase[SP_C2S] != PHASE_HEAD)
        return refuse_body(st, m, reply);
    if (st->count || st->phase[SP_S2C] != PHASE_HEAD)
        return SP_REPLY_LATER;
    bool keep = m->bits & BIT_KEEP_ALIVE; /* never set when the message could not be read: where it ends is not known then */
    bool head = (m->bits >> BIT_KIND_SHIFT & 3) == KIND_HEAD;
    write_reply(reply, status_of(m, status), !keep, !head);
    return keep ? SP_REPLY_KEEP : SP_REPLY_CLOSE;
}

/* The first bytes of a response have not been sent: the client gets an answer in its place. */
static enum sp_reply refuse_response(const struct http_state *st, unsigned status, struct sp_buf *reply)
{
    if (st->count == 0 || st->phase[SP_S2C] != PHASE_HEAD)
        return SP_REPLY_NONE;
    write_reply(reply, status ? status : 502, true, http_answering(st) != KIND_HEAD);
    return SP_REPLY_CLOSE;
}

enum sp_reply http_refuse(const void *state, enum sp_dir dir, const struct sp_msg *m, unsigned status, struct sp_buf *reply)
{
    const struct http_state *st = state;
    if (st->tunnel)
        return SP_REPLY_NONE;
    return dir == SP_C2S ? refuse_request(st, m, status, reply) : refuse_response(st, status, reply);
}
