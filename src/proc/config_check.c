/* SPDX-License-Identifier: Apache-2.0 */
/* config_check: what one key alone cannot say. */
#include <string.h>

#include "io/address.h"
#include "proc/config_check.h"
#include "proc/fieldinfo.h"
#include "proto/statement.h"

struct checker {
    const char *path;
    struct sp_diag *diag;
};

__attribute__((format(printf, 2, 3))) static void wrong(const struct checker *c, const char *fmt, ...)
{
    char what[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    sp_diag_error(c->diag, c->path, 0, 0, 0, SP_LIT(""), "%s", what);
}

static void check_protocol(const struct checker *c, const struct sp_config_service *s)
{
    const char *names[64];
    unsigned n = 0;
    for (; sp_protos[n] && n < 63; n++)
        names[n] = sp_protos[n]->name;
    names[n] = NULL;
    if (sp_proto_by_name(sp_span_str(s->protocol)))
        return;
    const char *near = sp_did_you_mean(sp_span_str(s->protocol), names);
    wrong(c, "service '%s': unknown protocol '%s'%s%s%s", s->name, s->protocol, near ? "; did you mean '" : "", near ? near : "",
          near ? "'?" : "");
}

/* NULL when it can be read, else what is wrong with it. Names are looked up when sockets are opened, not here. */
static const char *address_fault(const char *text, enum sp_address_use use)
{
    struct sp_address_list list;
    const char *why;
    return sp_address_parse(text, use, false, &list, &why) ? why : NULL;
}

static void check_addresses(const struct checker *c, const struct sp_config_service *s)
{
    const char *why = address_fault(s->to, SP_ADDRESS_CONNECT);
    if (why)
        wrong(c, "service '%s': to: '%s': %s", s->name, s->to, why);
    for (uint64_t i = 0; i < s->listen.n; i++)
        if ((why = address_fault(s->listen.item[i], SP_ADDRESS_LISTEN)))
            wrong(c, "service '%s': listen: '%s': %s", s->name, s->listen.item[i], why);
}

static void check_service(const struct checker *c, const struct sp_config *config, uint64_t at)
{
    const struct sp_config_service *s = &config->services[at];
    check_protocol(c, s);
    check_addresses(c, s);
    const struct sp_proto *proto = sp_proto_by_name(sp_span_str(s->protocol));
    uint16_t key, text;
    if (s->learn && proto && !sp_statement_fields(proto, &key, &text))
        wrong(c, "service '%s': there are no statements to learn in %s", s->name, s->protocol);
    if (s->learn && !*config->store)
        wrong(c, "service '%s': 'learn' needs a 'store' to write to", s->name);
    if (s->listen.n == 0)
        wrong(c, "service '%s': 'listen' is empty", s->name);
    for (uint64_t i = 0; i < at; i++)
        if (strcmp(config->services[i].name, s->name) == 0)
            wrong(c, "two services have the name '%s'", s->name);
}

static void check_event(const struct checker *c, struct sp_config_event *e)
{
    bool given = e->path && *e->path;
    if (e->kind == SP_OUTPUT_SYSLOG && !given)
        e->path = "/dev/log";
    else if ((e->kind == SP_OUTPUT_FILE || e->kind == SP_OUTPUT_SOCKET) && !given)
        wrong(c, "an event output to a file or socket needs a 'path'");
    else if (e->kind == SP_OUTPUT_STDOUT && given)
        wrong(c, "an event output to stdout has no 'path'");
}

void sp_config_check(struct sp_config *config, const char *path, struct sp_diag *diag)
{
    struct checker c = {path, diag};
    if (config->nservices == 0)
        wrong(&c, "'services' is empty");
    for (uint64_t i = 0; i < config->nservices; i++)
        check_service(&c, config, i);
    for (uint64_t i = 0; i < config->nevents; i++)
        check_event(&c, &config->events[i]);
}

int sp_config_check_options(const struct sp_config *c)
{
    const struct sp_config_service *s = &c->services[0];
    if (!sp_proto_by_name(sp_span_str(s->protocol)))
        return sp_unknown_protocol("protect", sp_span_str(s->protocol));
    const char *why = address_fault(s->to, SP_ADDRESS_CONNECT);
    if (why)
        return sp_complain(SP_EXIT_INPUT, "protect: --to '%s': %s", s->to, why);
    for (uint64_t i = 0; i < s->listen.n; i++)
        if ((why = address_fault(s->listen.item[i], SP_ADDRESS_LISTEN)))
            return sp_complain(SP_EXIT_INPUT, "protect: --listen '%s': %s", s->listen.item[i], why);
    return SP_EXIT_OK;
}
