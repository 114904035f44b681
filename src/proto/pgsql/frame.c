/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame: where messages end. Every message has a type and a length, so those that nobody reads are hopped over, header by header, and pass
 * as one flow; what they change about who owes what goes with it as a note.
 */
#include "proto/pgsql/pgsql.h"

static struct sp_frame bad(enum sp_pgsql_anomaly a)
{
    return (struct sp_frame){.fate = SP_BAD, .anomaly = pgsql_anomaly_name(a)};
}

static struct sp_frame plain(enum sp_fate fate)
{
    return (struct sp_frame){.fate = fate};
}

static struct sp_frame unit(size_t len)
{
    return (struct sp_frame){.fate = SP_UNIT, .len = len};
}

static struct sp_frame flow(uint64_t len, uint64_t note)
{
    return (struct sp_frame){.fate = SP_FLOW, .len = len, .mark = note};
}

/* ---- the first packet ---- */

static struct sp_frame request(const struct pgsql_state *st, unsigned asked, uint32_t len)
{
    if (len != STARTUP_MIN)
        return bad(SP_PGSQL_A_STARTUP_LENGTH);
    if (st->flags & asked)
        return bad(SP_PGSQL_A_VERSION);
    if (st->flags & FLAG_NO_TLS)
        return (struct sp_frame){.fate = SP_SAY, .len = len, .say = SP_LIT("N")};
    return unit(len);
}

static struct sp_frame frame_start(const struct pgsql_state *st, struct sp_span in)
{
    int first = sp_span_at(in, 0);
    if (first > 0) /* no packet is so long: other servers' protocols, TLS */
        return bad(first == 0x16 ? SP_PGSQL_A_DIRECT_TLS : SP_PGSQL_A_STARTUP_LENGTH);
    if (in.n < sizeof(uint32_t))
        return plain(SP_MORE);
    uint32_t len = pgsql_u32(in, 0);
    if (len < STARTUP_MIN || len > STARTUP_MAX) /* the server does not wait for the rest of such a packet either */
        return bad(SP_PGSQL_A_STARTUP_LENGTH);
    if (in.n < STARTUP_MIN)
        return plain(SP_MORE);
    uint32_t code = pgsql_u32(in, 4);
    if (code == CODE_TLS || code == CODE_GSS)
        return request(st, code == CODE_TLS ? FLAG_ASKED_TLS : FLAG_ASKED_GSS, len);
    if (code == CODE_CANCEL ? len <= 12 || len > CANCEL_MAX : len <= STARTUP_MIN)
        return bad(SP_PGSQL_A_STARTUP_LENGTH);
    if (code != CODE_CANCEL && code >> 16 != 3)
        return bad(SP_PGSQL_A_VERSION);
    return in.n < len ? plain(SP_MORE) : unit(len);
}

/* ---- messages ---- */

/* Does a ParameterStatus, as far as it has come, say something that is kept? */
static bool setting_tracked(struct sp_span message)
{
    struct sp_span body = sp_span_from(message, HEADER);
    size_t end = sp_span_byte(body, 0, 0);
    return end == SP_NOT_FOUND || pgsql_setting_of(sp_span_sub(body, 0, end)) != SETTING_OTHER;
}

/* Is the message at the start of `in` to be judged, or to wait? Passwords never are. */
static bool judged(const struct pgsql_type *t, struct sp_span in, size_t len, uint64_t want)
{
    if (want & (t->fields | UINT64_C(1) << SP_PGSQL_TYPE))
        return t->tag != 'p';
    if (t->tag == 'S' && t->dir == SP_S2C)
        return setting_tracked(sp_span_sub(in, 0, len));
    return t->always || (t->tag == 'Z' && in.n < len);
}

static struct sp_frame frame_unit(const struct pgsql_type *t, struct sp_span in, size_t len, uint64_t max)
{
    if (len > max && t->always) /* an error that long is nobody's answer to a refusal */
        return flow(len, 0);
    if (len > max)
        return (struct sp_frame){.fate = SP_TOOLONG, .anomaly = pgsql_anomaly_name(SP_PGSQL_A_MESSAGE_TOO_LONG)};
    return in.n < len ? plain(SP_MORE) : unit(len);
}

/* A message that may come now, with a length that it can have. */
static enum sp_pgsql_anomaly check(const struct pgsql_state *st, const struct pgsql_type *t, uint32_t len)
{
    if (!t)
        return SP_PGSQL_A_TYPE;
    if (t->tag == 'p' && st->phase == PHASE_READY && !(st->flags & FLAG_BLIND))
        return SP_PGSQL_A_UNEXPECTED;
    return len < t->min || len > t->max ? SP_PGSQL_A_LENGTH : SP_PGSQL_A_NONE;
}

/* The length word of a message whose header is there. A large result has millions of them. */
static inline uint32_t length_word(const uint8_t *message)
{
    return (uint32_t)message[1] << 24 | (uint32_t)message[2] << 16 | (uint32_t)message[3] << 8 | message[4];
}

/* A run of messages that nobody reads, or one that is judged. */
static struct sp_frame frame_messages(const struct pgsql_state *st, enum sp_dir dir, struct sp_span in, const struct sp_ask *ask)
{
    uint64_t note = 0;
    size_t at = 0;
    while (at < in.n) {
        const struct pgsql_type *t = pgsql_type_of(dir, in.p[at]);
        if (t && in.n - at < HEADER)
            break;
        uint32_t word = t ? length_word(in.p + at) : 0;
        enum sp_pgsql_anomaly a = check(st, t, word);
        if (a)
            return at ? flow(at, note) : bad(a);
        size_t len = 1 + (size_t)word;
        if (judged(t, sp_span_from(in, at), len, ask->want[0]))
            return at ? flow(at, note) : frame_unit(t, in, len, ask->max);
        if (t->noted)
            note = pgsql_note(note, t, t->tag == 'Z' ? in.p[at + HEADER] : 0);
        at += len;
    }
    return at ? flow(at, note) : plain(SP_MORE);
}

/* ---- by phase ---- */

/* Until the login is over only passwords pass: what a statement means depends on what the server reports then. */
static struct sp_frame frame_login(const struct pgsql_state *st, struct sp_span in, const struct sp_ask *ask)
{
    uint8_t first = in.p[0];
    if (first != 'p' && first != 'X' && pgsql_type_of(SP_C2S, first))
        return plain(SP_STALL);
    return frame_messages(st, SP_C2S, in.n < HEADER ? in : sp_span_sub(in, 0, 1 + (size_t)pgsql_u32(in, 1)), ask);
}

static struct sp_frame frame_client(const struct pgsql_state *st, struct sp_span in, const struct sp_ask *ask)
{
    bool blind = st->flags & FLAG_BLIND;
    switch ((enum pgsql_phase)st->phase) {
    case PHASE_START:
        return blind && sp_span_at(in, 0) > 0 ? frame_messages(st, SP_C2S, in, ask) : frame_start(st, in);
    case PHASE_ASKED: /* nobody may add bytes of his own in front of what will be encrypted: CVE-2021-23214 */
        return bad(SP_PGSQL_A_BEHIND_REQUEST);
    case PHASE_LOGIN:
        return blind ? frame_messages(st, SP_C2S, in, ask) : frame_login(st, in, ask);
    default:
        return frame_messages(st, SP_C2S, in, ask);
    }
}

static struct sp_frame frame_answer(const struct pgsql_state *st, struct sp_span in)
{
    if (in.p[0] == st->asked)
        return (struct sp_frame){.fate = SP_STARTTLS, .len = 1};
    if (in.p[0] == 'N')
        return flow(1, NOTE_DECLINED);
    return in.p[0] == 'E' ? flow(UINT64_MAX, 0) : bad(SP_PGSQL_A_ANSWER); /* the error of a server that is very old, or cannot start a process */
}

static struct sp_frame frame_server(const struct pgsql_state *st, struct sp_span in, const struct sp_ask *ask)
{
    switch ((enum pgsql_phase)st->phase) {
    case PHASE_START:
        if (st->flags & FLAG_BLIND)
            return frame_messages(st, SP_S2C, in, ask);
        return in.p[0] == 'E' ? flow(UINT64_MAX, 0) : bad(SP_PGSQL_A_UNSOLICITED);
    case PHASE_ASKED:
        return frame_answer(st, in);
    default:
        return frame_messages(st, SP_S2C, in, ask);
    }
}

struct sp_frame pgsql_frame(const void *state, enum sp_dir dir, struct sp_span in, uint64_t mark, const struct sp_ask *ask)
{
    const struct pgsql_state *st = state;
    (void)mark;
    if (st->phase == PHASE_CANCEL) /* the server answers by closing */
        return plain(SP_OPAQUE);
    if (in.n == 0)
        return plain(SP_MORE);
    return dir == SP_C2S ? frame_client(st, in, ask) : frame_server(st, in, ask);
}
