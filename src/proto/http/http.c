/* SPDX-License-Identifier: Apache-2.0 */
/* http: HTTP/1.0 and HTTP/1.1, RFC 9110 and RFC 9112: the protocol object and its state. */
#include "proto/http/http.h"

static const struct sp_field fields[] = {
#define ROW(id, fname, ftype, fflags, fhint, fdoc) {.name = fname, .doc = fdoc, .hint = fhint, .flags = fflags, .type = ftype},
    SP_SESSION_FIELDS(ROW) SP_HTTP_FIELDS(ROW)
#undef ROW
};

static const struct { const char *name; unsigned status; } anomalies[] = {
    [SP_HTTP_A_NONE] = {"", 0},
#define ROW(id, name, status, what, rfc) [SP_HTTP_A_##id] = {name, status},
    SP_HTTP_ANOMALIES(ROW)
#undef ROW
};

const char *http_anomaly_name(enum sp_http_anomaly a)
{
    return a == SP_HTTP_A_NONE ? NULL : anomalies[a].name;
}

unsigned http_anomaly_status(enum sp_http_anomaly a)
{
    return anomalies[a].status;
}

enum sp_http_anomaly http_anomaly_named(struct sp_span name)
{
    for (size_t i = 1; i < sizeof anomalies / sizeof *anomalies; i++) {
        if (sp_span_eq(name, sp_span_str(anomalies[i].name)))
            return (enum sp_http_anomaly)i;
    }
    return SP_HTTP_A_NONE;
}

/* ---- values ---- */

void http_add(struct sp_msg *m, unsigned field, struct sp_span key, struct sp_span str, struct sp_span raw, unsigned flags)
{
    struct sp_span whole = flags & SP_V_INBODY ? m->body : m->unit;
    bool inside = raw.p >= whole.p && raw.p + raw.n <= whole.p + whole.n;
    struct sp_value v = {.field = (uint16_t)field, .key = key, .str = str};
    v.off = inside ? (uint32_t)(raw.p - whole.p) : 0;
    v.len = inside ? (uint32_t)raw.n : 0;
    v.flags = (uint16_t)(flags | (str.p != raw.p || str.n != raw.n ? SP_V_DERIVED : 0));
    (void)sp_msg_add(m, &v);
}

void http_add_num(struct sp_msg *m, unsigned field, int64_t num, struct sp_span raw)
{
    bool inside = raw.p >= m->unit.p && raw.p + raw.n <= m->unit.p + m->unit.n;
    struct sp_value v = {.field = (uint16_t)field, .num = num, .flags = SP_V_DERIVED};
    v.off = inside ? (uint32_t)(raw.p - m->unit.p) : 0;
    v.len = inside ? (uint32_t)raw.n : 0;
    (void)sp_msg_add(m, &v);
}

/* ---- state ---- */

/* Does it look like a request or a response of HTTP/1? */
static enum sp_fate http_probe(enum sp_dir dir, struct sp_span in)
{
    if (dir == SP_S2C) {
        struct sp_span head = SP_LIT("HTTP/1.");
        if (in.n < head.n)
            return sp_span_starts(head, in) ? SP_MORE : SP_BAD;
        return sp_span_starts(in, head) ? SP_UNIT : SP_BAD;
    }
    in = sp_span_from(in, http_head_leading(in));
    size_t end = sp_span_byte(sp_span_sub(in, 0, HEAD_MAX), 0, '\n');
    size_t blank = sp_span_byte(in, 0, ' ');
    if (blank != SP_NOT_FOUND && !http_is_token(sp_span_sub(in, 0, blank)))
        return SP_BAD;
    if (end == SP_NOT_FOUND)
        return in.n < HEAD_MAX && (blank != SP_NOT_FOUND || http_is_token(in) || in.n == 0) ? SP_MORE : SP_BAD;
    return sp_span_find(sp_span_sub(in, 0, end), 0, SP_LIT(" HTTP/1.")) != SP_NOT_FOUND ? SP_UNIT : SP_BAD;
}

static void enter_body(struct http_state *st, enum sp_dir dir, enum http_body body, uint64_t length)
{
    static const uint8_t phases[] = {
        [BODY_NONE] = PHASE_HEAD, [BODY_FIXED] = PHASE_FIXED, [BODY_CHUNKED] = PHASE_CHUNK, [BODY_CLOSE] = PHASE_CLOSE,
    };
    st->phase[dir] = phases[body];
    st->left[dir] = length;
}

static void step_request(struct http_state *st, const struct sp_msg *m, enum sp_act done)
{
    enum http_kind kind = (enum http_kind)(m->bits >> BIT_KIND_SHIFT & 3);
    st->kept = done == SP_REFUSE || done == SP_DROP || done == SP_CLOSE;
    if (st->kept)
        return;
    st->kinds[(st->first + st->count) % OUTSTANDING_MAX] = (uint8_t)kind;
    st->count++;
    st->held = kind == KIND_CONNECT || kind == KIND_UPGRADE;
}

static void step_response(struct http_state *st, const struct sp_msg *m)
{
    unsigned status = (unsigned)(m->bits >> BIT_STATUS_SHIFT);
    if (status < 200 && status != 101)
        return;
    enum http_kind kind = http_answering(st);
    st->first = (uint8_t)((st->first + 1) % OUTSTANDING_MAX);
    st->count -= st->count > 0;
    if (kind == KIND_CONNECT || kind == KIND_UPGRADE)
        st->held = 0;
    st->tunnel = (kind == KIND_CONNECT && status < 300) || (kind >= KIND_UPGRADE && status == 101);
}

/* A unit of the body: a chunk-size line, or the last one with its trailers. */
static void step_part(struct http_state *st, enum sp_dir dir, const struct sp_msg *m)
{
    bool last = m->bits ? m->bits & BIT_LAST : true; /* undecoded parts are canonical last chunks */
    st->phase[dir] = last ? PHASE_HEAD : PHASE_CHUNK_DATA;
    st->left[dir] = m->extra;
}

static void http_grant(void *state, enum sp_dir dir, const struct sp_frame *f, enum sp_act done)
{
    struct http_state *st = state;
    (void)f;
    (void)done;
    static const uint8_t next[] = {
        [PHASE_HEAD] = PHASE_HEAD, [PHASE_FIXED] = PHASE_HEAD, [PHASE_CHUNK] = PHASE_CHUNK_NEXT,
        [PHASE_CHUNK_DATA] = PHASE_CHUNK_NEXT, [PHASE_CHUNK_NEXT] = PHASE_CHUNK_NEXT, [PHASE_CLOSE] = PHASE_CLOSE,
    };
    st->phase[dir] = next[st->phase[dir]];
    st->left[dir] = 0;
}

static void http_step(void *state, enum sp_dir dir, const struct sp_msg *m, enum sp_act done)
{
    struct http_state *st = state;
    if (st->phase[dir] != PHASE_HEAD) {
        step_part(st, dir, m);
        return;
    }
    if (dir == SP_C2S)
        step_request(st, m, done);
    else
        step_response(st, m);
    enum http_body body = (enum http_body)(m->bits & BIT_BODY);
    enter_body(st, dir, m->whole && body != BODY_CLOSE ? BODY_NONE : body, m->extra);
}

static bool http_rest(const void *state)
{
    const struct http_state *st = state;
    return st->count == 0 && !st->held && !st->tunnel && !st->kept && st->phase[SP_C2S] == PHASE_HEAD && st->phase[SP_S2C] == PHASE_HEAD;
}

static bool http_plausible(const void *state)
{
    const struct http_state *st = state;
    for (unsigned i = 0; i < OUTSTANDING_MAX; i++)
        if (st->kinds[i] > KIND_UNKNOWN)
            return false;
    return st->phase[SP_C2S] <= PHASE_CLOSE && st->phase[SP_S2C] <= PHASE_CLOSE && st->first < OUTSTANDING_MAX && st->count <= OUTSTANDING_MAX;
}

static void http_alone(void *state, enum sp_dir dir)
{
    struct http_state *st = state;
    if (dir == SP_C2S) {
        st->count = st->held = st->phase[SP_S2C] = 0;
    } else if (st->count == 0) {
        st->kinds[st->first] = KIND_UNKNOWN;
        st->count = 1;
    }
}

static const char *const secret_keys[] = {
    "authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "x-auth-token", "password", "passwd", "pwd", "pass",
    "secret", "token", "access_token", "refresh_token", "api_key", "apikey", NULL,
};

_Static_assert(sizeof(struct http_state) <= SP_STATE_MAX, "the state must fit in a session");
_Static_assert((int)SP_HTTP_NFIELDS <= (int)SP_FIELDS_MAX, "field bit sets must hold every field");

extern const struct sp_proto sp_proto_http;
const struct sp_proto sp_proto_http = {
    .name = "http",
    .title = "HTTP/1.0 and HTTP/1.1",
    .spec = "RFC 9110, RFC 9112",
    .fields = fields,
    .nfields = SP_HTTP_NFIELDS,
    .state_size = sizeof(struct http_state),
    .state_version = 1,
    .head_max = HEAD_MAX,
    .idle_s = 75,
    .client_first = true,
    .hello = {(const uint8_t *)"OPTIONS * HTTP/1.0\r\n\r\n", 22},
    .probe = http_probe,
    .frame = http_frame,
    .decode = http_decode,
    .mend = http_mend,
    .refuse = http_refuse,
    .step = http_step,
    .grant = http_grant,
    .rest = http_rest,
    .plausible = http_plausible,
    .alone = http_alone,
    .forward = http_forward,
    .secret_keys = secret_keys,
};
