/* SPDX-License-Identifier: Apache-2.0 */
/* mysql: the client/server protocol of MySQL and MariaDB: the protocol object and its state. MySQL 8.0 and MariaDB 10.11, "Client/Server Protocol". */
#include "proto/mysql/mysql.h"

static const struct sp_field fields[] = {
#define ROW(id, fname, ftype, fflags, fhint, fdoc) {.name = fname, .doc = fdoc, .hint = fhint, .flags = fflags, .type = ftype},
    SP_SESSION_FIELDS(ROW) SP_MYSQL_FIELDS(ROW)
#undef ROW
};

static const struct { const char *name; struct mysql_error error; } anomalies[] = {
    [SP_MYSQL_A_NONE] = {"", {0, ""}},
#define ROW(id, name, error, state, how, what) [SP_MYSQL_A_##id] = {name, {error, state}},
    SP_MYSQL_ANOMALIES(ROW)
#undef ROW
};

const char *mysql_anomaly_name(enum sp_mysql_anomaly a)
{
    return a == SP_MYSQL_A_NONE ? NULL : anomalies[a].name;
}

const struct mysql_error *mysql_anomaly_error(const char *name)
{
    for (size_t i = 1; i < sizeof anomalies / sizeof *anomalies; i++) {
        if (sp_span_eq(sp_span_str(name), sp_span_str(anomalies[i].name)))
            return &anomalies[i].error;
    }
    return NULL;
}

/* ---- the beginning ---- */

/* The server speaks first: protocol 10 and a version, or an error. */
static enum sp_fate mysql_probe(enum sp_dir dir, struct sp_span in)
{
    enum { PROTOCOL = 0x0a, ERROR = 0xff };
    if (dir == SP_C2S || (in.n > 1 && in.p[1] > GREETING_MAX >> 8) || sp_span_at(in, 2) > 0 || sp_span_at(in, 3) > 0)
        return SP_BAD;
    if (in.n < HEADER + 2)
        return SP_MORE;
    bool greeting = in.p[HEADER] == PROTOCOL && sp_is_digit(in.p[HEADER + 1]);
    return greeting || in.p[HEADER] == ERROR ? SP_UNIT : SP_BAD;
}

static void mysql_open(void *state, unsigned options)
{
    struct mysql_state *st = state;
    st->flags = options & SP_OPEN_NO_TLS ? FLAG_NO_TLS : 0;
}

static void keep_name(struct mysql_name *to, struct sp_span from)
{
    from = sp_span_sub(from, 0, NAME_BYTES);
    to->n = (uint8_t)from.n;
    for (size_t i = 0; i < from.n; i++)
        to->at[i] = from.p[i];
}

static void set(uint8_t *flags, uint8_t bit, bool on)
{
    *flags = (uint8_t)((*flags & ~bit) | (on ? bit : 0));
}

/* ---- what the server reports ---- */

static void step_status(struct mysql_state *st, uint16_t status)
{
    st->transaction = status & STATUS_IN_TRANSACTION ? 'T' : 'I';
    set(&st->sql, SP_SQL_NO_BACKSLASH_ESCAPES, status & STATUS_NO_BACKSLASH);
    if (st->sql & SP_SQL_MARIADB) /* MySQL does not report it */
        set(&st->sql, SP_SQL_ANSI_QUOTES, status & STATUS_ANSI_QUOTES);
}

static void pop(struct mysql_state *st, unsigned n)
{
    unsigned left = n < st->nowed ? st->nowed - n : 0;
    for (unsigned i = 0; n && i < left; i++) {
        unsigned from = i + n;
        uint8_t owed = st->owed[from / 2] >> (from & 1 ? 4 : 0) & 15;
        st->owed[i / 2] = i & 1 ? (uint8_t)((st->owed[i / 2] & 15) | owed << 4) : owed;
    }
    st->nowed = (uint8_t)left;
}

static void take_next(struct mysql_state *st)
{
    st->database = st->next;
    st->sql = st->next_sql;
}

static void settle(struct mysql_state *st, const struct mysql_answers *a)
{
    st->part = a->part;
    st->cont = a->cont;
    st->left = a->left;
    st->second = a->second;
    pop(st, a->ended);
    if (a->ended && st->nowed == 0) {
        if ((st->flags & FLAG_NEXT) && !a->failed)
            take_next(st);
        st->flags &= (uint8_t)~(FLAG_NEXT | FLAG_WAIT);
    }
    if (a->reported)
        step_status(st, a->status);
}

static void step_greeting(struct mysql_state *st, struct sp_span unit)
{
    struct mysql_greeting g;
    bool mariadb;
    if (!mysql_greeting_read(unit, &g))
        return;
    st->version = mysql_version_of(g.version, &mariadb);
    st->capabilities = g.capabilities;
    st->more = g.more;
    st->sql = mariadb ? SP_SQL_MARIADB : 0;
    step_status(st, g.status);
    st->transaction = 0;
    st->phase = st->flags & FLAG_BLIND ? PHASE_LOGIN : PHASE_GREETED;
    st->seq = (uint8_t)(unit.p[3] + 1);
}

/* Yes, no, or the next thing that a plugin has to say. "Fast" success of caching_sha2_password is followed by the yes. */
static void step_login_answer(struct mysql_state *st, struct sp_span unit)
{
    enum { OK = 0x00, ERROR = 0xff };
    struct sp_span payload = sp_span_from(unit, HEADER);
    struct mysql_answers a = {.part = PART_FIRST};
    int first = sp_span_at(payload, 0);
    st->seq = (uint8_t)(unit.p[3] + 1);
    if (first == OK || first == ERROR) {
        st->phase = PHASE_READY;
        st->owed[0] = OWES_PACKET;
        st->nowed = 1;
        (void)mysql_answer_packet(st, &a, (uint32_t)payload.n, payload);
        settle(st, &a);
    } else if (!sp_span_eq(payload, SP_LIT("\x01\x03"))) {
        st->flags |= FLAG_TURN;
    }
}

static void step_server(struct mysql_state *st, struct sp_span unit)
{
    if (st->phase == PHASE_START && unit.p[3] == 0) {
        step_greeting(st, unit);
    } else if (st->phase == PHASE_LOGIN) {
        step_login_answer(st, unit);
    } else {
        struct mysql_answers a = mysql_answers_of(st);
        uint32_t len = mysql_length(unit.p);
        st->phase = PHASE_READY;
        if (mysql_answer_packet(st, &a, len, sp_span_sub(unit, HEADER, len))) {
            a.cont = false; /* all of it is there */
            settle(st, &a);
        }
    }
}

/* ---- what the client sends ---- */

static void push(struct mysql_state *st, unsigned owes)
{
    if (owes == OWES_NOTHING || st->nowed == OWED_MAX || (st->flags & FLAG_BLIND))
        return;
    unsigned i = st->nowed++;
    st->owed[i / 2] = i & 1 ? (uint8_t)((st->owed[i / 2] & 15) | owes << 4) : (uint8_t)owes;
}

static void begin_session(struct mysql_state *st, const struct mysql_login *login)
{
    keep_name(&st->user, login->user);
    keep_name(&st->database, login->database);
    keep_name(&st->application, login->application);
    if (login->charset)
        st->charset = login->charset;
    set(&st->sql, SP_SQL_TRAILING_BYTES, mysql_charset_trails(st->charset));
    st->flags &= (uint8_t)~(FLAG_TURN | FLAG_WAIT | FLAG_NEXT | FLAG_LOST);
    st->phase = st->flags & FLAG_BLIND ? PHASE_READY : PHASE_LOGIN;
}

static void step_login(struct mysql_state *st, struct sp_span unit)
{
    struct mysql_login login;
    bool blind = st->flags & FLAG_BLIND;
    if (!mysql_login_read(unit, st->capabilities, &login))
        return;
    st->capabilities = blind ? login.capabilities : login.capabilities & st->capabilities;
    st->more = blind ? login.more : login.more & st->more;
    begin_session(st, &login);
}

static void step_change(struct mysql_state *st, struct sp_span payload)
{
    struct mysql_login login;
    if (mysql_change_read(payload, st->capabilities, &login))
        begin_session(st, &login);
}

/* The answer decides whether what is in `next` and `next_sql` holds; if it cannot be seen, they do. */
static void await(struct mysql_state *st)
{
    if (st->flags & FLAG_BLIND)
        take_next(st);
    else
        st->flags |= FLAG_WAIT | FLAG_NEXT;
}

static void step_query(struct mysql_state *st, const struct sp_msg *m, struct sp_span text)
{
    st->next = st->database;
    st->next_sql = st->sql;
    if (mysql_told(st, text, m->arena))
        await(st);
    bool may = mysql_names_local(text) && !(st->flags & FLAG_BLIND);
    st->flags |= may ? FLAG_WAIT : 0;
    push(st, may ? OWES_FILE : OWES_RESULT);
}

static void step_command(struct mysql_state *st, const struct sp_msg *m, struct sp_span payload)
{
    enum { RESET_CONNECTION = 0x1f, SET_OPTION = 0x1b };
    const struct mysql_command *k = mysql_command_of(payload.p[0]);
    st->phase = k && k->stream ? PHASE_STREAM : PHASE_READY;
    switch (payload.p[0]) {
    case COM_CHANGE_USER:
        step_change(st, payload);
        return;
    case COM_QUERY:
        step_query(st, m, sp_span_from(payload, m->extra));
        return;
    case COM_INIT_DB:
        keep_name(&st->next, sp_span_from(payload, 1));
        st->next_sql = st->sql;
        await(st);
        break;
    case RESET_CONNECTION:
        st->next = st->database;
        st->next_sql = (uint8_t)((st->sql & SP_SQL_MARIADB) | (mysql_charset_trails(st->charset) ? SP_SQL_TRAILING_BYTES : 0));
        await(st);
        break;
    case SET_OPTION:
        st->capabilities &= ~(uint32_t)CAN_MULTI_STATEMENTS;
        st->capabilities |= sp_span_at(payload, 1) == 0 ? CAN_MULTI_STATEMENTS : 0;
        break;
    case COM_STMT_PREPARE:
        st->flags &= (uint8_t)~FLAG_LOST;
        break;
    default:
        break;
    }
    push(st, k ? k->owes : OWES_NOTHING);
}

static void step_client(struct mysql_state *st, const struct sp_msg *m, enum sp_act done)
{
    struct sp_span payload = m->body.n ? m->body : sp_span_from(m->unit, HEADER);
    bool login = st->phase == PHASE_GREETED || (st->phase == PHASE_START && m->unit.p[3]);
    if (payload.n == 0 || st->part == PART_FILE)
        return;
    if (done == SP_REFUSE && !login && payload.p[0] == COM_STMT_PREPARE)
        st->flags |= FLAG_LOST;
    if (done > SP_CORRECT)
        return;
    if (login)
        step_login(st, m->unit);
    else
        step_command(st, m, payload);
}

static void mysql_step(void *state, enum sp_dir dir, const struct sp_msg *m, enum sp_act done)
{
    struct mysql_state *st = state;
    if (m->unit.n <= HEADER)
        return;
    if (dir == SP_C2S)
        step_client(st, m, done);
    else if (done <= SP_CORRECT)
        step_server(st, m->unit);
}

static void grant_client(struct mysql_state *st, uint64_t note)
{
    if (st->phase == PHASE_LOGIN) {
        st->flags &= (uint8_t)~FLAG_TURN;
        return;
    }
    if (st->part == PART_FILE) {
        if (note & NOTE_FILE_ENDS)
            st->part = PART_FIRST;
        return;
    }
    for (unsigned i = 1; i <= (note & 15); i++)
        push(st, note >> 4 * i & 15);
    set(&st->flags, FLAG_CONT, note & NOTE_CONT);
    st->flags |= (note & NOTE_WAIT) && !(st->flags & FLAG_BLIND) ? FLAG_WAIT : 0;
}

static void mysql_grant(void *state, enum sp_dir dir, const struct sp_frame *f, enum sp_act done)
{
    struct mysql_state *st = state;
    if (done != SP_PASS)
        return;
    if (dir == SP_C2S) {
        grant_client(st, f->mark);
    } else {
        const struct mysql_answers a = mysql_answers_noted(f->mark);
        settle(st, &a);
    }
    if (st->phase == PHASE_START) /* seen from somewhere in its midst */
        st->phase = PHASE_READY;
}

/* Everything that is known of the session is in the state. */
static bool mysql_rest(const void *state)
{
    const struct mysql_state *st = state;
    return st->phase == PHASE_START || (st->phase == PHASE_READY && st->nowed == 0 && !(st->flags & FLAG_CONT));
}

static bool mysql_plausible(const void *state)
{
    const struct mysql_state *st = state;
    bool names = st->user.n <= NAME_BYTES && st->database.n <= NAME_BYTES && st->application.n <= NAME_BYTES && st->next.n <= NAME_BYTES;
    return names && st->nowed <= OWED_MAX;
}

static void mysql_alone(void *state, enum sp_dir dir)
{
    struct mysql_state *st = state;
    st->flags = (uint8_t)((st->flags & FLAG_NO_TLS) | FLAG_BLIND | (st->flags & FLAG_LOST));
    st->nowed = 0;
    if (dir == SP_S2C)
        return;
    st->part = PART_FIRST;
    st->seq = 1;
    if (st->phase == PHASE_GREETED || st->phase == PHASE_LOGIN)
        st->phase = PHASE_READY;
}

_Static_assert(sizeof(struct mysql_state) <= SP_STATE_MAX, "the state must fit in a session");

extern const struct sp_proto sp_proto_mysql;
const struct sp_proto sp_proto_mysql = {
    .name = "mysql",
    .title = "MySQL and MariaDB",
    .spec = "MySQL 8.0, Client/Server Protocol; MariaDB 10.11, the same",
    .fields = fields,
    .nfields = SP_MYSQL_NFIELDS,
    .text = SP_MYSQL_QUERY,
    .state_size = sizeof(struct mysql_state),
    .state_version = 1,
    .head_max = LOGIN_MAX,
    .idle_s = 24 * 3600, /* the server ends idle sessions itself: wait_timeout */
    .probe = mysql_probe,
    .open = mysql_open,
    .frame = mysql_frame,
    .decode = mysql_decode,
    .mend = mysql_mend,
    .refuse = mysql_refuse,
    .step = mysql_step,
    .grant = mysql_grant,
    .rest = mysql_rest,
    .plausible = mysql_plausible,
    .alone = mysql_alone,
};
