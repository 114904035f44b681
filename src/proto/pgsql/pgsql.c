/* SPDX-License-Identifier: Apache-2.0 */
/* pgsql: PostgreSQL's protocol, version 3: the protocol object and its state. PostgreSQL 15, "Frontend/Backend Protocol". */
#include "proto/pgsql/pgsql.h"

static const struct sp_field fields[] = {
#define ROW(id, fname, ftype, fflags, fhint, fdoc) {.name = fname, .doc = fdoc, .hint = fhint, .flags = fflags, .type = ftype},
    SP_SESSION_FIELDS(ROW) SP_PGSQL_FIELDS(ROW)
#undef ROW
};

static const struct { const char *name, *code; } anomalies[] = {
    [SP_PGSQL_A_NONE] = {"", ""},
#define ROW(id, name, code, how, what) [SP_PGSQL_A_##id] = {name, code},
    SP_PGSQL_ANOMALIES(ROW)
#undef ROW
};

const char *pgsql_anomaly_name(enum sp_pgsql_anomaly a)
{
    return a == SP_PGSQL_A_NONE ? NULL : anomalies[a].name;
}

const char *pgsql_anomaly_code(const char *name)
{
    for (size_t i = 1; i < sizeof anomalies / sizeof *anomalies; i++) {
        if (sp_span_eq(sp_span_str(name), sp_span_str(anomalies[i].name)))
            return anomalies[i].code;
    }
    return NULL;
}

/* ---- the beginning ---- */

static enum sp_fate pgsql_probe(enum sp_dir dir, struct sp_span in)
{
    if (dir == SP_S2C) /* yes or no to SSLRequest, a byte alone */
        return in.n == 0 ? SP_MORE : in.n == 1 && (in.p[0] == 'S' || in.p[0] == 'N') ? SP_UNIT : SP_BAD;
    if (sp_span_at(in, 0) > 0)
        return SP_BAD;
    if (in.n < STARTUP_MIN)
        return SP_MORE;
    uint32_t len = pgsql_u32(in, 0), code = pgsql_u32(in, 4);
    bool request = code == CODE_TLS || code == CODE_GSS, cancel = code == CODE_CANCEL;
    if (request)
        return len == STARTUP_MIN ? SP_UNIT : SP_BAD;
    return len > STARTUP_MIN && len <= STARTUP_MAX && (cancel || code >> 16 == 3) ? SP_UNIT : SP_BAD;
}

static void pgsql_open(void *state, unsigned options)
{
    struct pgsql_state *st = state;
    st->flags = options & SP_OPEN_NO_TLS ? FLAG_NO_TLS : 0;
}

/* ---- settings ---- */

enum pgsql_setting pgsql_setting_of(struct sp_span name)
{
    static const struct { const char *name; enum pgsql_setting setting; } tracked[] = {
        {"standard_conforming_strings", SETTING_STRINGS}, {"client_encoding", SETTING_ENCODING}, {"application_name", SETTING_APPLICATION},
    };
    for (size_t i = 0; i < sizeof tracked / sizeof *tracked; i++) {
        if (sp_span_ieq(name, sp_span_str(tracked[i].name)))
            return tracked[i].setting;
    }
    return SETTING_OTHER;
}

static enum pgsql_encoding encoding_of(struct sp_span name)
{
    static const struct { const char *name; enum pgsql_encoding encoding; } unsafe[] = {
        {"SJIS", ENCODING_SJIS}, {"SHIFT_JIS_2004", ENCODING_SJIS}, {"BIG5", ENCODING_PAIRS}, {"GBK", ENCODING_PAIRS},
        {"UHC", ENCODING_PAIRS}, {"GB18030", ENCODING_PAIRS},       {"JOHAB", ENCODING_PAIRS},
    };
    for (size_t i = 0; i < sizeof unsafe / sizeof *unsafe; i++) {
        if (sp_span_ieq(name, sp_span_str(unsafe[i].name)))
            return unsafe[i].encoding;
    }
    return ENCODING_PLAIN;
}

static void keep_name(struct pgsql_name *to, struct sp_span from)
{
    from = sp_span_sub(from, 0, NAME_MAX_BYTES);
    to->n = (uint8_t)from.n;
    for (size_t i = 0; i < from.n; i++)
        to->at[i] = from.p[i];
}

static void step_setting(struct pgsql_state *st, struct sp_span unit)
{
    struct sp_cur c = sp_cur_of(unit);
    sp_cur_skip(&c, HEADER);
    struct sp_span name = sp_cur_until(&c, 0), value = sp_cur_until(&c, 0);
    switch (pgsql_setting_of(name)) {
    case SETTING_STRINGS:
        st->flags = (uint8_t)(st->flags & ~FLAG_BACKSLASH) | (sp_span_eq(value, SP_LIT("off")) ? FLAG_BACKSLASH : 0);
        break;
    case SETTING_ENCODING:
        st->encoding = (uint8_t)encoding_of(value);
        break;
    case SETTING_APPLICATION:
        keep_name(&st->application, value);
        break;
    case SETTING_OTHER:
        break;
    }
}

/* ---- steps ---- */

static void settle_client(struct pgsql_state *st, uint64_t note)
{
    uint32_t more = note & NOTE_COUNT;
    st->owed = more > UINT32_MAX - st->owed ? UINT32_MAX : st->owed + more;
    if (note & NOTE_BATCH_ENDS)
        st->flags = (uint8_t)(st->flags & ~(FLAG_BATCH | FLAG_SIMPLE)) | (note & NOTE_SIMPLE ? FLAG_SIMPLE : 0);
    if (note & NOTE_BATCH)
        st->flags |= FLAG_BATCH;
}

static void settle_server(struct pgsql_state *st, uint64_t note)
{
    uint32_t ready = note & NOTE_COUNT;
    if (note & NOTE_DECLINED)
        st->phase = PHASE_START;
    if (note & NOTE_COPY) /* a Sync sent behind the command is lost in COPY; a Query is answered after it */
        st->owed = st->flags & FLAG_SIMPLE ? 1 : 0;
    if (ready == 0)
        return;
    uint8_t status = (uint8_t)(note >> NOTE_STATUS_SHIFT);
    st->transaction = status == 'I' || status == 'T' || status == 'E' ? status : 0;
    if (st->phase == PHASE_LOGIN) {
        st->phase = PHASE_READY;
        ready--;
    }
    st->owed -= ready < st->owed ? ready : st->owed;
}

static void settle(struct pgsql_state *st, enum sp_dir dir, uint64_t note)
{
    if (dir == SP_C2S)
        settle_client(st, note);
    else
        settle_server(st, note);
}

static void step_startup(struct pgsql_state *st, struct sp_span unit)
{
    struct pgsql_startup s;
    enum sp_pgsql_anomaly a;
    if (!pgsql_startup_read(unit, &s, &a))
        return;
    keep_name(&st->user, s.user);
    keep_name(&st->database, s.database);
    keep_name(&st->application, s.application);
    st->replication = (uint8_t)pgsql_replication_of(s.replication);
    st->phase = PHASE_LOGIN;
}

static void step_first(struct pgsql_state *st, struct sp_span unit)
{
    switch (pgsql_u32(unit, 4)) {
    case CODE_CANCEL:
        st->phase = PHASE_CANCEL;
        break;
    case CODE_TLS:
    case CODE_GSS:
        st->asked = pgsql_u32(unit, 4) == CODE_TLS ? 'S' : 'G';
        st->flags |= st->asked == 'S' ? FLAG_ASKED_TLS : FLAG_ASKED_GSS;
        st->phase = PHASE_ASKED;
        break;
    default:
        step_startup(st, unit);
    }
}

static void pgsql_step(void *state, enum sp_dir dir, const struct sp_msg *m, enum sp_act done)
{
    struct pgsql_state *st = state;
    const struct pgsql_type *t = m->unit.n ? pgsql_type_of(dir, m->unit.p[0]) : NULL;
    bool passed = done <= SP_CORRECT;
    if (t && st->phase == PHASE_START) /* seen from somewhere in its midst */
        st->phase = PHASE_READY;
    if (!t && passed && dir == SP_C2S)
        step_first(st, m->unit);
    if (t && t->tag == 'S' && dir == SP_S2C && passed)
        step_setting(st, m->unit);
    if (t && (passed || done == SP_REFUSE)) /* what is refused goes on as another one that owes the same */
        settle(st, dir, pgsql_note(0, t, t->tag == 'Z' ? m->unit.p[HEADER] : 0));
}

static void pgsql_grant(void *state, enum sp_dir dir, const struct sp_frame *f, enum sp_act done)
{
    struct pgsql_state *st = state;
    if (done == SP_PASS)
        settle(st, dir, f->mark);
}

/* Everything that is known of the session is in the state, whatever is still owed. */
static bool pgsql_rest(const void *state)
{
    const struct pgsql_state *st = state;
    return st->phase == PHASE_READY || st->phase == PHASE_START;
}

static bool pgsql_plausible(const void *state)
{
    const struct pgsql_state *st = state;
    bool names = st->user.n <= NAME_MAX_BYTES && st->database.n <= NAME_MAX_BYTES && st->application.n <= NAME_MAX_BYTES;
    uint8_t t = st->transaction;
    return names && st->replication < REPLICATIONS && (!t || t == 'I' || t == 'T' || t == 'E');
}

static void pgsql_alone(void *state, enum sp_dir dir)
{
    struct pgsql_state *st = state;
    (void)dir;
    st->flags |= FLAG_BLIND;
    st->owed = 0;
    if (st->phase == PHASE_LOGIN)
        st->phase = PHASE_READY;
    if (st->phase == PHASE_ASKED)
        st->phase = PHASE_START;
}

_Static_assert(sizeof(struct pgsql_state) <= SP_STATE_MAX, "the state must fit in a session");

extern const struct sp_proto sp_proto_pgsql;
const struct sp_proto sp_proto_pgsql = {
    .name = "pgsql",
    .title = "PostgreSQL",
    .spec = "PostgreSQL 15, Frontend/Backend Protocol 3.0",
    .fields = fields,
    .nfields = SP_PGSQL_NFIELDS,
    .text = SP_PGSQL_QUERY,
    .state_size = sizeof(struct pgsql_state),
    .state_version = 1,
    .head_max = STARTUP_MAX,
    .idle_s = 24 * 3600, /* pools keep sessions; the server itself has no limit */
    .client_first = true,
    .hello = {(const uint8_t *)"\0\0\0\x08\x04\xd2\x16\x2f", STARTUP_MIN}, /* SSLRequest */
    .probe = pgsql_probe,
    .open = pgsql_open,
    .frame = pgsql_frame,
    .decode = pgsql_decode,
    .mend = pgsql_mend,
    .refuse = pgsql_refuse,
    .step = pgsql_step,
    .grant = pgsql_grant,
    .rest = pgsql_rest,
    .plausible = pgsql_plausible,
    .alone = pgsql_alone,
};
