/* SPDX-License-Identifier: Apache-2.0 */
/* redis: the protocol object and its state. */
#include "proto/redis/redis.h"

static const struct sp_span NONE = {NULL, 0};

static const struct sp_field fields[] = {
#define ROW(id, fname, ftype, fflags, fhint, fdoc) {.name = fname, .doc = fdoc, .hint = fhint, .flags = fflags, .type = ftype},
    SP_SESSION_FIELDS(ROW) SP_REDIS_FIELDS(ROW)
#undef ROW
};

/* ---- probing ---- */

static enum sp_fate probe_counted(struct sp_span in)
{
    struct redis_number n = redis_number(in, 1, COUNT_MAX, ANOMALY_COUNT);
    if (n.is != READ_OK)
        return n.is == READ_MORE ? SP_MORE : SP_BAD;
    int next = sp_span_at(in, n.end);
    return next < 0 ? SP_MORE : next == '$' ? SP_UNIT : SP_BAD;
}

/* A line of words whose first is a command of the server's, and no request of HTTP. */
static enum sp_fate probe_inline(struct sp_span in)
{
    struct redis_number line = redis_line(in, 0, 0);
    size_t n = 0;
    while (n < in.n && n <= REDIS_NAME_MAX && in.p[n] > ' ')
        n++;
    if (line.is == READ_BAD || n > REDIS_NAME_MAX)
        return SP_BAD;
    if (line.is == READ_MORE && n == in.n)
        return SP_MORE;
    const struct redis_command *c = redis_command_named(sp_span_sub(in, 0, n));
    if (!c || c->effect == EFFECT_HTTP)
        return SP_BAD;
    if (line.is == READ_MORE)
        return SP_MORE;
    return sp_span_find(sp_span_sub(in, 0, line.end), n, SP_LIT(" HTTP/1.")) == SP_NOT_FOUND ? SP_UNIT : SP_BAD;
}

static enum sp_fate redis_probe(enum sp_dir dir, struct sp_span in)
{
    if (in.n == 0)
        return SP_MORE;
    if (dir == SP_C2S)
        return in.p[0] == '*' ? probe_counted(in) : probe_inline(in);
    return sp_span_byte(SP_LIT("+-:$*%~>_#,(=!|"), 0, in.p[0]) != SP_NOT_FOUND ? SP_UNIT : SP_BAD;
}

/* ---- what a command does to the session ---- */

static void copy_name(char *to, uint8_t *len, struct sp_span name)
{
    *len = 0;
    for (size_t i = 0; i < name.n && i < USER_MAX; i++)
        to[(*len)++] = (char)name.p[i];
}

/* Who the client says it is. False: it does not, or in a way that no server takes. */
static bool find_user(const struct redis_request *r, struct sp_span *ret)
{
    *ret = NONE;
    if (r->command->effect == EFFECT_AUTH) {
        if (r->count == 3 && r->inside > 1)
            *ret = r->argv[1];
        return r->count == 2 || r->count == 3;
    }
    for (uint32_t i = 2; i + 2 < r->inside; i++) {
        struct sp_span option = redis_c_text(r->argv[i]);
        if (sp_span_ieq(option, SP_LIT("auth"))) {
            *ret = r->argv[i + 1];
            return true;
        }
        i += sp_span_ieq(option, SP_LIT("setname"));
    }
    return false;
}

/* Where answers are counted the server's tells whether it is true. Otherwise nobody reads who it is: it is not known from here on. */
static void effect_auth(struct redis_state *st, const struct redis_request *r)
{
    struct sp_span user;
    if (!find_user(r, &user))
        return;
    if ((st->flags & (ST_TRACK | ST_LOST)) != ST_TRACK || user.n > USER_MAX) {
        st->flags |= ST_UNSURE;
        return;
    }
    copy_name(st->pending, &st->pending_len, user);
    st->flags |= ST_AUTH;
    st->auth_at = st->sent - 1;
}

static void effect_select(struct redis_state *st, const struct redis_request *r)
{
    uint64_t n;
    if (r->inside == 2 && sp_span_u64(r->argv[1], &n) && n <= INT32_MAX)
        st->database = (uint32_t)n;
}

static void effect_reset(struct redis_state *st)
{
    st->flags &= ~(uint32_t)(ST_MULTI | ST_UNSURE);
    st->database = 0;
    st->user_len = 0;
}

static void apply(struct redis_state *st, const struct sp_msg *m, enum redis_effect effect)
{
    struct redis_request r;
    enum redis_anomaly a;
    if (!redis_request_read(m->unit, m->arena, &r, &a))
        return;
    switch (effect) {
    case EFFECT_AUTH:
    case EFFECT_HELLO:
        effect_auth(st, &r);
        break;
    case EFFECT_SELECT:
        effect_select(st, &r);
        break;
    case EFFECT_MULTI:
        st->flags |= ST_MULTI;
        break;
    case EFFECT_EXEC:
        st->flags &= ~(uint32_t)ST_MULTI;
        break;
    case EFFECT_RESET:
        effect_reset(st);
        break;
    case EFFECT_SYNC:
        st->flags |= ST_REPLICA | ST_LOST;
        break;
    case EFFECT_PUSHES:
        st->flags |= ST_LOST;
        break;
    case EFFECT_CLIENT:
        if (r.inside > 1 && sp_span_ieq(redis_c_text(r.argv[1]), SP_LIT("reply")))
            st->flags |= ST_LOST;
        break;
    case EFFECT_PLAIN:
    case EFFECT_SCRIPT:
    case EFFECT_CONFIG:
    case EFFECT_HTTP:
        break;
    }
}

static bool has_effect(enum redis_effect effect)
{
    return effect != EFFECT_PLAIN && effect != EFFECT_SCRIPT && effect != EFFECT_CONFIG;
}

static void step_request(struct redis_state *st, const struct sp_msg *m, enum sp_act done)
{
    enum redis_effect effect = (enum redis_effect)(m->bits & BIT_EFFECT);
    st->left = (uint32_t)m->extra;
    st->flags &= ~(uint32_t)ST_DROPPING;
    if (done >= SP_REFUSE)
        st->flags |= ST_DROPPING;
    if (m->bits & BIT_FATAL)
        st->flags |= ST_DEAD;
    if (done == SP_DROP)
        return;
    st->sent++;
    st->flags |= ST_SPOKEN | (m->bits & BIT_USER ? ST_TRACK : 0);
    if (done < SP_REFUSE && has_effect(effect))
        apply(st, m, effect);
}

static void redis_step(void *state, enum sp_dir dir, const struct sp_msg *m, enum sp_act done)
{
    if (dir == SP_C2S)
        step_request(state, m, done);
    else
        redis_step_reply(state);
}

static void redis_grant(void *state, enum sp_dir dir, const struct sp_frame *f, enum sp_act done)
{
    (void)done;
    if (dir == SP_C2S)
        redis_grant_request(state, f);
    else
        redis_grant_reply(state, f);
}

static bool redis_rest(const void *state)
{
    const struct redis_state *st = state;
    return !st->left && !st->need && !(st->flags & (ST_DEAD | ST_MULTI | ST_AUTH));
}

static bool redis_plausible(const void *state)
{
    const struct redis_state *st = state;
    return st->user_len <= USER_MAX && st->pending_len <= USER_MAX;
}

static void redis_alone(void *state, enum sp_dir dir)
{
    struct redis_state *st = state;
    if (dir == SP_C2S)
        redis_auth_settled(st, true);
    else
        st->flags |= ST_SPOKEN;
}

static const char *const secret_keys[] = {"requirepass", "masterauth", "tls-key-file-pass", "tls-client-key-file-pass", NULL};

_Static_assert(sizeof(struct redis_state) <= SP_STATE_MAX, "the state must fit in a session");

extern const struct sp_proto sp_proto_redis;
const struct sp_proto sp_proto_redis = {
    .name = "redis",
    .title = "Redis (RESP2, RESP3, inline commands)",
    .spec = "redis.io: Redis serialization protocol specification",
    .fields = fields,
    .nfields = SP_REDIS_NFIELDS,
    .verb = SP_REDIS_COMMAND,
    .state_size = sizeof(struct redis_state),
    .state_version = 1,
    .head_max = INLINE_MAX,
    .idle_s = 8 * 3600,
    .client_first = true,
    .hello = {(const uint8_t *)"PING\r\n", 6},
    .probe = redis_probe,
    .frame = redis_frame,
    .decode = redis_decode,
    .mend = redis_mend,
    .refuse = redis_refuse,
    .step = redis_step,
    .grant = redis_grant,
    .rest = redis_rest,
    .plausible = redis_plausible,
    .alone = redis_alone,
    .secret_keys = secret_keys,
};
