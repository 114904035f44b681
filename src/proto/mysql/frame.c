/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame: where messages end. Packets have lengths, so commands and answers that nobody reads are hopped over, header by header, and pass as
 * one flow; what they change about who owes what goes with it as a note.
 */
#include "proto/mysql/mysql.h"

static struct sp_frame bad(enum sp_mysql_anomaly a)
{
    return (struct sp_frame){.fate = SP_BAD, .anomaly = mysql_anomaly_name(a)};
}

static struct sp_frame plain(enum sp_fate fate)
{
    return (struct sp_frame){.fate = fate};
}

static struct sp_frame flow(uint64_t len, uint64_t note)
{
    return (struct sp_frame){.fate = SP_FLOW, .len = len, .mark = note};
}

/* A message that has to be there as a whole. */
static struct sp_frame whole(struct sp_span in, uint64_t max, enum sp_mysql_anomaly too_long)
{
    uint64_t len = mysql_message_length(in), least = HEADER + (uint64_t)mysql_length(in.p);
    if (len > max || least > max || (len == 0 && in.n > max))
        return (struct sp_frame){.fate = too_long == SP_MYSQL_A_MESSAGE_TOO_LONG ? SP_TOOLONG : SP_BAD, .anomaly = mysql_anomaly_name(too_long)};
    return len == 0 || in.n < len ? plain(SP_MORE) : (struct sp_frame){.fate = SP_UNIT, .len = len};
}

/* ---- the login ---- */

static struct sp_frame frame_login(const struct mysql_state *st, struct sp_span in)
{
    enum { TLS_REQUEST = 32 };
    if (in.n < HEADER + 4)
        return plain(SP_MORE);
    struct sp_cur c = sp_cur_of(sp_span_from(in, HEADER));
    uint32_t len = mysql_length(in.p), asked = sp_cur_u32le(&c);
    if (in.p[3] != st->seq)
        return bad(SP_MYSQL_A_SEQUENCE);
    if (!(asked & CAN_PROTOCOL_41) || len < TLS_REQUEST)
        return bad(SP_MYSQL_A_VERSION);
    if (len > TLS_REQUEST || !(asked & CAN_TLS))
        return whole(in, LOGIN_MAX, SP_MYSQL_A_LOGIN_LAYOUT);
    if (st->flags & FLAG_NO_TLS)
        return bad(SP_MYSQL_A_TLS);
    return in.n < HEADER + len ? plain(SP_MORE) : (struct sp_frame){.fate = SP_STARTTLS, .len = HEADER + len};
}

/* What plugins say to each other is nobody's business, but there is one packet of it for each of the server's. */
static struct sp_frame frame_secret(const struct mysql_state *st, struct sp_span in)
{
    if (!(st->flags & FLAG_TURN))
        return plain(SP_STALL);
    if (in.n < HEADER)
        return plain(SP_MORE);
    if (in.p[3] != st->seq)
        return bad(SP_MYSQL_A_SEQUENCE);
    return mysql_length(in.p) > AUTH_MAX ? bad(SP_MYSQL_A_LENGTH) : flow(HEADER + (uint64_t)mysql_length(in.p), 0);
}

/* ---- commands ---- */

/* A file: packets up to an empty one. */
static struct sp_frame frame_file(struct sp_span in, const struct sp_ask *ask)
{
    size_t at = 0;
    while (at < in.n && in.n - at >= HEADER) {
        uint32_t len = mysql_length(in.p + at);
        if (len && (ask->want[0] & UINT64_C(1) << SP_MYSQL_INFILE_DATA)) {
            if (at)
                break;
            if (HEADER + (uint64_t)len > ask->max)
                return (struct sp_frame){.fate = SP_TOOLONG, .anomaly = mysql_anomaly_name(SP_MYSQL_A_MESSAGE_TOO_LONG)};
            return in.n < HEADER + len ? plain(SP_MORE) : (struct sp_frame){.fate = SP_UNIT, .len = HEADER + len};
        }
        at += HEADER + len;
        if (len == 0)
            return flow(at, NOTE_FILE_ENDS);
    }
    return at ? flow(at, 0) : plain(SP_MORE);
}

/* Bytes of a command that must be there before it is known what to do with it. */
static size_t command_needs(uint8_t code, uint32_t len)
{
    enum { BEGINNING = 32 };
    bool looked_at = code == COM_QUERY || code == COM_STMT_EXECUTE;
    return looked_at ? (len < BEGINNING ? len : BEGINNING) : 1;
}

/* Number of the statement of a command that has one; UINT32_MAX: the one prepared last. */
static uint32_t statement_of(struct sp_span payload)
{
    struct sp_cur c = sp_cur_of(payload);
    sp_cur_skip(&c, 1);
    return sp_cur_u32le(&c);
}

static bool command_judged(const struct mysql_state *st, const struct mysql_command *k, struct sp_span payload, uint64_t want)
{
    if (!k || k->always || (want & (k->fields | UINT64_C(1) << SP_MYSQL_COMMAND)))
        return true;
    if (payload.p[0] == COM_QUERY)
        return mysql_tells(st, sp_span_from(payload, 1));
    return (st->flags & FLAG_LOST) && (payload.p[0] == COM_STMT_PREPARE || statement_of(payload) == UINT32_MAX);
}

static enum mysql_owes owes(const struct mysql_command *k, uint32_t len, struct sp_span payload)
{
    bool may = payload.p[0] == COM_QUERY && (payload.n < len || mysql_names_local(payload));
    return may ? OWES_FILE : (enum mysql_owes)k->owes;
}

/* The packets behind a command that was longer than one, which passed unread. */
static struct sp_frame frame_rest(struct sp_span in)
{
    if (in.n < HEADER)
        return plain(SP_MORE);
    uint32_t len = mysql_length(in.p);
    return flow(HEADER + (uint64_t)len, len == PACKET_MAX ? NOTE_CONT : 0);
}

/* Nothing more may be sent before the server has answered. */
static bool must_wait(const struct mysql_state *st, unsigned noted, uint8_t code)
{
    unsigned owed = st->nowed + noted;
    bool changes = code == COM_CHANGE_USER; /* its answer is that of a login */
    return (st->flags & FLAG_WAIT) || owed >= OWED_MAX || (changes && owed);
}

/* A run of commands that nobody reads, or one that is judged. */
static struct sp_frame frame_commands(const struct mysql_state *st, struct sp_span in, const struct sp_ask *ask)
{
    uint64_t note = 0;
    unsigned n = 0;
    size_t at = 0;
    while (at < in.n && n < NOTED_MAX) {
        struct sp_span left = sp_span_from(in, at);
        if (left.n < HEADER)
            break;
        uint32_t len = mysql_length(left.p);
        struct sp_span payload = sp_span_sub(left, HEADER, len);
        enum sp_mysql_anomaly a = left.p[3] ? SP_MYSQL_A_SEQUENCE : len == 0 ? SP_MYSQL_A_LENGTH : SP_MYSQL_A_NONE;
        if (a && left.p[3] && (st->flags & FLAG_BLIND)) /* part of a login, or of a file */
            return at ? flow(at, note | n) : flow(HEADER + (uint64_t)len, 0);
        if (a)
            return at ? flow(at, note | n) : bad(a);
        if (payload.n == 0 || payload.n < command_needs(payload.p[0], len))
            break;
        const struct mysql_command *k = mysql_command_of(payload.p[0]);
        if (must_wait(st, n, payload.p[0]))
            return at ? flow(at, note | n) : plain(SP_STALL);
        if (command_judged(st, k, payload, ask->want[0]))
            return at ? flow(at, note | n) : whole(in, ask->max, SP_MYSQL_A_MESSAGE_TOO_LONG);
        enum mysql_owes owed = owes(k, len, payload);
        if (owed) {
            n++;
            note |= (uint64_t)owed << 4 * n;
        }
        at += HEADER + len;
        if (len == PACKET_MAX)
            return flow(at, note | n | NOTE_CONT | (owed == OWES_FILE ? NOTE_WAIT : 0));
        if (owed == OWES_FILE)
            return flow(at, note | n | NOTE_WAIT);
    }
    return at ? flow(at, note | n) : plain(SP_MORE);
}

static struct sp_frame frame_client(const struct mysql_state *st, struct sp_span in, const struct sp_ask *ask)
{
    bool blind = st->flags & FLAG_BLIND;
    if (in.n < HEADER && st->phase != PHASE_STREAM)
        return plain(SP_MORE);
    switch ((enum mysql_phase)st->phase) {
    case PHASE_START:
        if (!blind)
            return plain(SP_STALL);
        return in.p[3] == 1 ? frame_login(st, in) : frame_commands(st, in, ask);
    case PHASE_GREETED:
        return frame_login(st, in);
    case PHASE_LOGIN:
        return frame_secret(st, in);
    case PHASE_STREAM:
        return plain(SP_OPAQUE);
    case PHASE_READY:
        break;
    }
    if (st->flags & FLAG_CONT)
        return frame_rest(in);
    return st->part == PART_FILE ? frame_file(in, ask) : frame_commands(st, in, ask);
}

/* ---- answers ---- */

#define BIT(field) (UINT64_C(1) << SP_MYSQL_##field)

/* Is this packet to be judged? */
static bool answer_judged(const struct mysql_state *st, const struct mysql_answers *a, uint32_t len, uint8_t first, uint64_t want)
{
    enum mysql_owes owed = mysql_owed(st, a);
    if (first == 0xff)
        return want & (BIT(ERROR_CODE) | BIT(ERROR_STATE) | BIT(ERROR_MESSAGE));
    switch ((enum mysql_part)a->part) {
    case PART_FIRST:
        return first == 0xfb && owed != OWES_ROWS && owed != OWES_PACKET;
    case PART_COLUMNS:
    case PART_PREPARED:
        return want & BIT(RESULT_COLUMNS);
    case PART_ROWS:
        return (want & BIT(ROW)) && (owed == OWES_RESULT || owed == OWES_FILE) && !mysql_rows_end(st, len, first);
    default:
        return false;
    }
}

/* What the server says though nobody asked: an error, when it ends the session. */
static struct sp_frame frame_unasked(struct sp_span in)
{
    if (in.n < HEADER + 1)
        return plain(SP_MORE);
    return in.p[HEADER] == 0xff ? flow(HEADER + (uint64_t)mysql_length(in.p), 0) : bad(SP_MYSQL_A_UNSOLICITED);
}

/* A run of packets that nobody reads, or one that is judged. */
static struct sp_frame frame_answers(const struct mysql_state *st, struct sp_span in, const struct sp_ask *ask)
{
    struct mysql_answers a = mysql_answers_of(st);
    size_t at = 0;
    while (at < in.n && in.n - at >= HEADER) {
        struct sp_span left = sp_span_from(in, at);
        uint32_t len = mysql_length(left.p);
        struct sp_span payload = sp_span_sub(left, HEADER, len);
        if (!a.cont && mysql_owed(st, &a) == OWES_NOTHING)
            return at ? flow(at, mysql_answers_note(&a)) : frame_unasked(in);
        if (payload.n < mysql_answer_needs(&a, len, payload) || (len && !a.cont && payload.n == 0))
            break;
        if (!a.cont && len && answer_judged(st, &a, len, payload.p[0], ask->want[0]))
            return at ? flow(at, mysql_answers_note(&a)) : whole(in, ask->max, SP_MYSQL_A_MESSAGE_TOO_LONG);
        struct mysql_answers before = a;
        if (!mysql_answer_packet(st, &a, len, payload))
            return at ? flow(at, mysql_answers_note(&before)) : bad(SP_MYSQL_A_REPLY);
        at += HEADER + len;
    }
    return at ? flow(at, mysql_answers_note(&a)) : plain(SP_MORE);
}

static struct sp_frame frame_server(const struct mysql_state *st, struct sp_span in, const struct sp_ask *ask)
{
    if (in.n < HEADER && st->phase != PHASE_STREAM)
        return plain(SP_MORE);
    switch ((enum mysql_phase)st->phase) {
    case PHASE_START:
        return in.p[3] == 0 || !(st->flags & FLAG_BLIND) ? whole(in, GREETING_MAX, SP_MYSQL_A_GREETING) : frame_answers(st, in, ask);
    case PHASE_GREETED:
        return frame_unasked(in);
    case PHASE_LOGIN:
        return whole(in, HEADER + AUTH_MAX, SP_MYSQL_A_LENGTH);
    case PHASE_STREAM:
        return plain(SP_OPAQUE);
    case PHASE_READY:
        break;
    }
    return frame_answers(st, in, ask);
}

struct sp_frame mysql_frame(const void *state, enum sp_dir dir, struct sp_span in, uint64_t mark, const struct sp_ask *ask)
{
    (void)mark;
    return dir == SP_C2S ? frame_client(state, in, ask) : frame_server(state, in, ask);
}
