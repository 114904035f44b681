/* SPDX-License-Identifier: Apache-2.0 */
/* startup: the first message of a session: version and parameters. "Start-up", StartupMessage. */
#include "proto/pgsql/pgsql.h"

const char *const pgsql_replications[REPLICATIONS] = {"", "physical", "database"};

/* As the server reads a boolean: any beginning of these words that is not ambiguous, in any case. */
static bool says_yes(struct sp_span value)
{
    static const char *const words[] = {"true", "yes", "1"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (value.n && sp_span_istarts(sp_span_str(words[i]), value))
            return true;
    }
    return sp_span_ieq(value, SP_LIT("on"));
}

unsigned pgsql_replication_of(struct sp_span value)
{
    if (sp_span_eq(value, SP_LIT("database")))
        return 2;
    return says_yes(value);
}

/* Parameters that decide who asks for what: two of them would let two readers see two sessions. */
static bool take_parameter(struct pgsql_startup *s, struct sp_span name, struct sp_span value)
{
    const struct { struct sp_span name; struct sp_span *to; } once[] = {
        {SP_LIT("user"), &s->user},
        {SP_LIT("database"), &s->database},
        {SP_LIT("application_name"), &s->application},
        {SP_LIT("replication"), &s->replication},
    };
    for (unsigned i = 0; i < s->n; i++) {
        if (sp_span_ieq(s->name[i], name))
            return false;
    }
    if (s->n == STARTUP_PARAMETERS_MAX)
        return false;
    for (size_t i = 0; i < sizeof once / sizeof *once; i++) {
        if (sp_span_ieq(name, once[i].name)) /* a setting's name has no case, and the server refuses User as a setting */
            *once[i].to = value;
    }
    s->name[s->n] = name;
    s->value[s->n++] = value;
    return true;
}

bool pgsql_startup_read(struct sp_span unit, struct pgsql_startup *ret, enum sp_pgsql_anomaly *ret_anomaly)
{
    struct sp_cur c = sp_cur_of(unit);
    *ret = (struct pgsql_startup){.n = 0};
    sp_cur_skip(&c, STARTUP_MIN);
    for (;;) {
        struct sp_span name = sp_cur_until(&c, 0);
        if (!sp_cur_ok(&c) || name.n == 0)
            break;
        struct sp_span value = sp_cur_until(&c, 0);
        if (sp_cur_ok(&c) && !take_parameter(ret, name, value)) {
            *ret_anomaly = SP_PGSQL_A_STARTUP_REPEATED;
            return false;
        }
    }
    if (!sp_cur_ok(&c) || sp_cur_left(&c)) {
        *ret_anomaly = SP_PGSQL_A_STARTUP_LAYOUT;
        return false;
    }
    if (ret->database.n == 0)
        ret->database = ret->user;
    return true;
}

static void add_protocol(struct sp_msg *m)
{
    uint32_t version = pgsql_u32(m->unit, 4);
    struct sp_buf text = sp_buf_arena(m->arena, 16);
    sp_put_u64(&text, version >> 16);
    sp_put_byte(&text, '.');
    sp_put_u64(&text, version & 0xffff);
    pgsql_add_text(m, SP_PGSQL_PROTOCOL, sp_buf_done(&text, m->arena));
}

void pgsql_startup_values(struct sp_msg *m, const struct pgsql_startup *s)
{
    if (sp_want(m, SP_PGSQL_USER))
        pgsql_add_text(m, SP_PGSQL_USER, sp_span_sub(s->user, 0, NAME_MAX_BYTES));
    if (sp_want(m, SP_PGSQL_DATABASE))
        pgsql_add_text(m, SP_PGSQL_DATABASE, sp_span_sub(s->database, 0, NAME_MAX_BYTES));
    if (sp_want(m, SP_PGSQL_APPLICATION))
        pgsql_add_text(m, SP_PGSQL_APPLICATION, sp_span_sub(s->application, 0, NAME_MAX_BYTES));
    unsigned replication = pgsql_replication_of(s->replication);
    if (replication && sp_want(m, SP_PGSQL_REPLICATION))
        pgsql_add_text(m, SP_PGSQL_REPLICATION, sp_span_str(pgsql_replications[replication]));
    if (sp_want(m, SP_PGSQL_PROTOCOL))
        add_protocol(m);
    for (unsigned i = 0; i < s->n && sp_want(m, SP_PGSQL_STARTUP); i++)
        pgsql_add(m, SP_PGSQL_STARTUP, s->name[i], s->value[i]);
}
