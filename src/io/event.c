/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event: what happened to a message, as one JSON line. Shape: Suricata's EVE JSON format (docs.suricata.io, "Eve JSON Format"). One row of
 * `members` is one member of the line: the writer and the JSON Schema both read it.
 */
#include <arpa/inet.h>
#include <string.h>

#include "base/clock.h"
#include "io/event.h"

enum {
    GID = 1,                    /* EVE's generator: one for all our rules */
    REVISION = 1,
    MARKER_MAX = 40,
    UTF8_LONGEST = 4,
};

#define FLOW_ID_MASK ((UINT64_C(1) << 53) - 1) /* what readers with 64-bit floating point keep exactly */

struct line {
    const struct sp_event_names *names;
    const struct sp_event *ev;
    uint64_t real_us;
    struct sp_rule_info rule;
};

enum kind { ABSENT, TEXT, NUMBER };
struct value {
    enum kind kind;
    struct sp_span text;
    uint64_t number;
    char own[INET6_ADDRSTRLEN > 32 ? INET6_ADDRSTRLEN : 32]; /* text made here */
    bool is_own;
};

static struct value text(struct sp_span s)
{
    return (struct value){.kind = TEXT, .text = s};
}

static struct value word(const char *s)
{
    return s ? text(sp_span_str(s)) : (struct value){0};
}

static struct value filled(struct sp_span s)
{
    return s.n ? text(s) : (struct value){0};
}

static struct value number(uint64_t n)
{
    return (struct value){.kind = NUMBER, .number = n};
}

static struct value filled_number(uint64_t n)
{
    return n ? number(n) : (struct value){0};
}

/* ---- what the members are ---- */

static struct value get_timestamp(const struct line *l)
{
    struct value v = {.kind = TEXT, .is_own = true};
    sp_clock_eve(l->real_us, v.own);
    return v;
}

static struct value get_flow_id(const struct line *l)
{
    return number(l->ev->session->flow_id & FLOW_ID_MASK);
}

static struct value get_event_type(const struct line *l)
{
    return word(l->ev->has_rule ? "alert" : "anomaly");
}

static struct value address(const uint8_t ip[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    struct value v = {.kind = TEXT, .is_own = true};
    bool four = memcmp(ip, mapped, sizeof mapped) == 0;
    inet_ntop(four ? AF_INET : AF_INET6, four ? ip + 12 : ip, v.own, sizeof v.own);
    return v;
}

static struct value get_src_ip(const struct line *l)
{
    return address(l->ev->session->client.ip);
}

static struct value get_src_port(const struct line *l)
{
    return number(l->ev->session->client.port);
}

static struct value get_dest_ip(const struct line *l)
{
    return address(l->ev->session->server.ip);
}

static struct value get_dest_port(const struct line *l)
{
    return number(l->ev->session->server.port);
}

static struct value get_proto(const struct line *l)
{
    (void)l;
    return word("TCP");
}

static const struct sp_proto *proto_of(const struct line *l)
{
    return sp_protos[l->ev->session->proto];
}

static struct value get_app_proto(const struct line *l)
{
    return word(proto_of(l)->name);
}

static struct value get_direction(const struct line *l)
{
    return word(l->ev->dir == SP_C2S ? "to_server" : "to_client");
}

/* The first value of a field of the message, under `key` when it has keys. */
static const struct sp_value *first(const struct line *l, int field, struct sp_span key)
{
    const struct sp_msg *m = l->ev->msg;
    if (!m || field < 0)
        return NULL;
    for (uint32_t i = 0; i < m->nvalues; i++)
        if (m->values[i].field == field && (key.n == 0 || sp_span_ieq(m->values[i].key, key)))
            return &m->values[i];
    return NULL;
}

static struct value field_text(const struct line *l, int field, struct sp_span key)
{
    const struct sp_value *v = first(l, field, key);
    return v ? text(v->str) : (struct value){0};
}

static struct value field_number(const struct line *l, int field)
{
    const struct sp_value *v = first(l, field, SP_LIT(""));
    return v && v->num >= 0 ? number((uint64_t)v->num) : (struct value){0};
}

static bool is_request(const struct line *l)
{
    return l->ev->dir == SP_C2S;
}

static struct value get_hostname(const struct line *l)
{
    return field_text(l, l->names->host, SP_LIT(""));
}

static struct value get_url(const struct line *l)
{
    return field_text(l, l->names->uri, SP_LIT(""));
}

static struct value get_user_agent(const struct line *l)
{
    return field_text(l, l->names->headers, SP_LIT("user-agent"));
}

static struct value get_refer(const struct line *l)
{
    return field_text(l, l->names->headers, SP_LIT("referer"));
}

static struct value get_method(const struct line *l)
{
    return field_text(l, l->names->method, SP_LIT(""));
}

static struct value get_protocol(const struct line *l)
{
    return field_text(l, is_request(l) ? l->names->version : l->names->rsp_version, SP_LIT(""));
}

static struct value get_content_type(const struct line *l)
{
    return field_text(l, is_request(l) ? l->names->content_type : l->names->rsp_content_type, SP_LIT(""));
}

static struct value get_http_status(const struct line *l)
{
    return field_number(l, l->names->rsp_status);
}

static struct value get_length(const struct line *l)
{
    return field_number(l, is_request(l) ? l->names->content_length : l->names->rsp_length);
}

/* Correcting is not blocking: the message went on. */
static struct value get_action(const struct line *l)
{
    return word(l->ev->act >= SP_REFUSE ? "blocked" : "allowed");
}

static struct value get_gid(const struct line *l)
{
    (void)l;
    return number(GID);
}

static struct value get_signature_id(const struct line *l)
{
    return number(l->rule.sid);
}

static struct value get_rev(const struct line *l)
{
    (void)l;
    return number(REVISION);
}

static struct value get_signature(const struct line *l)
{
    return text(l->rule.title);
}

static struct value get_category(const struct line *l)
{
    return word(l->rule.cve.n ? "Known vulnerability" : "Class of weakness");
}

/* EVE counts from 1, the gravest. */
static struct value get_severity(const struct line *l)
{
    static const uint8_t eve[] = {[SP_SEV_INFO] = 4, [SP_SEV_LOW] = 4, [SP_SEV_MEDIUM] = 3, [SP_SEV_HIGH] = 2, [SP_SEV_CRITICAL] = 1};
    return number(eve[l->rule.severity]);
}

static struct value get_anomaly_type(const struct line *l)
{
    (void)l;
    return word("applayer");
}

static struct value get_anomaly_layer(const struct line *l)
{
    (void)l;
    return word("proto_parser");
}

static struct value get_anomaly(const struct line *l)
{
    return word(l->ev->anomaly);
}

static struct value get_rule(const struct line *l)
{
    return filled(l->rule.id);
}

static struct value get_verdict(const struct line *l)
{
    static const char *const names[] = {[SP_PASS] = "pass",     [SP_ALERT] = "alert", [SP_CORRECT] = "correct",
                                        [SP_REFUSE] = "refuse", [SP_DROP] = "drop",   [SP_CLOSE] = "close"};
    return word(names[l->ev->act]);
}

static struct value get_field(const struct line *l)
{
    return filled(l->ev->field);
}

/* An empty value is told too, once a field is named. */
static struct value get_before(const struct line *l)
{
    return l->ev->field.n ? text(l->ev->before) : filled(l->ev->before);
}

static struct value get_after(const struct line *l)
{
    return l->ev->act == SP_CORRECT && l->ev->field.n ? text(l->ev->after) : filled(l->ev->after);
}

static struct value get_cve(const struct line *l)
{
    return filled(l->rule.cve);
}

static struct value get_service(const struct line *l)
{
    uint32_t s = l->ev->session->service;
    return l->names->services && s < l->names->nservices ? word(l->names->services[s]) : (struct value){0};
}

static struct value get_status(const struct line *l)
{
    return filled_number(l->ev->status);
}

/* Protocols of databases call the same things by the same names, behind their own. */
static struct value database_text(const struct line *l, const char *name)
{
    uint8_t full[64];
    struct sp_buf out = sp_buf_fixed(full, sizeof full);
    sp_put_str(&out, proto_of(l)->name);
    sp_put_byte(&out, '.');
    sp_put_str(&out, name);
    struct value v = field_text(l, sp_proto_field(proto_of(l), sp_buf_span(&out)), SP_LIT(""));
    return v.text.n ? v : (struct value){0};
}

static struct value get_message(const struct line *l)
{
    struct value v = database_text(l, "message.type");
    return v.kind == ABSENT ? database_text(l, "command") : v;
}

static struct value get_user(const struct line *l)
{
    return database_text(l, "user");
}

static struct value get_database(const struct line *l)
{
    return database_text(l, "database");
}

static struct value get_application(const struct line *l)
{
    return database_text(l, "application_name");
}

static struct value get_query(const struct line *l)
{
    return database_text(l, "query");
}

static struct value get_shape(const struct line *l)
{
    return database_text(l, "statement.shape");
}

/* ---- the table ---- */

enum object { TOP, HTTP, DATABASE, ALERT, ANOMALY, SALLYPORT, WORKER, OBJECTS };
static const char *const object_name[OBJECTS] = {[HTTP] = "http",       [DATABASE] = "database",   [ALERT] = "alert",
                                                  [ANOMALY] = "anomaly", [SALLYPORT] = "sallyport", [WORKER] = "worker"};
static const char *const object_doc[OBJECTS] = {
    [HTTP] = "The HTTP message. Members whose value the message does not have are absent.",
    [DATABASE] = "The message of a database's protocol. Members that the protocol, or the message, does not have are absent.",
    [ALERT] = "The rule; only in events of type alert.",
    [ANOMALY] = "The malformation; only in events of type anomaly.",
    [SALLYPORT] = "What EVE has no place for.",
    [WORKER] = "What became of a worker; only in events of type sallyport.",
};

struct member {
    enum object object;
    const char *name;
    enum kind kind;
    bool always;
    struct value (*get)(const struct line *l);
    const char *doc;
};

static const struct member members[] = {
    {TOP, "timestamp", TEXT, true, get_timestamp, "When the verdict was given, ISO 8601 with microseconds, UTC."},
    {TOP, "flow_id", NUMBER, true, get_flow_id, "The same in all events of one connection."},
    {TOP, "event_type", TEXT, true, get_event_type, "alert: a rule's verdict. anomaly: a malformation. stats: lines before this one were dropped. "
        "sallyport: what became of one of our own processes."},
    {TOP, "src_ip", TEXT, false, get_src_ip, "Address of the client."},
    {TOP, "src_port", NUMBER, false, get_src_port, "Port of the client."},
    {TOP, "dest_ip", TEXT, false, get_dest_ip, "Address that the client connected to."},
    {TOP, "dest_port", NUMBER, false, get_dest_port, "Port that the client connected to."},
    {TOP, "proto", TEXT, false, get_proto, "Transport protocol, always TCP."},
    {TOP, "app_proto", TEXT, false, get_app_proto, "Application protocol."},
    {TOP, "direction", TEXT, false, get_direction, "to_server: the message came from the client. to_client: from the server."},
    {HTTP, "hostname", TEXT, false, get_hostname, "Host the request is for, without its port."},
    {HTTP, "url", TEXT, false, get_url, "Request target, as sent."},
    {HTTP, "http_user_agent", TEXT, false, get_user_agent, "User-Agent of the request."},
    {HTTP, "http_refer", TEXT, false, get_refer, "Referer of the request."},
    {HTTP, "http_method", TEXT, false, get_method, "Method, as sent."},
    {HTTP, "protocol", TEXT, false, get_protocol, "Version of the message, for example HTTP/1.1."},
    {HTTP, "http_content_type", TEXT, false, get_content_type, "Media type of the message's body."},
    {HTTP, "status", NUMBER, false, get_http_status, "Status of the response, when the message is one."},
    {HTTP, "length", NUMBER, false, get_length, "Content-Length of the message."},
    {DATABASE, "message", TEXT, false, get_message, "Type of the message, or name of the command."},
    {DATABASE, "user", TEXT, false, get_user, "User of the session."},
    {DATABASE, "name", TEXT, false, get_database, "Database of the session."},
    {DATABASE, "application", TEXT, false, get_application, "Name that the application gives itself."},
    {DATABASE, "query", TEXT, false, get_query, "Text of the statement."},
    {DATABASE, "shape", TEXT, false, get_shape, "Shape of the statement: the same for statements that differ in literals alone."},
    {ALERT, "action", TEXT, true, get_action, "blocked: the message did not reach the receiver. allowed: it did, perhaps corrected."},
    {ALERT, "gid", NUMBER, true, get_gid, "Always 1."},
    {ALERT, "signature_id", NUMBER, true, get_signature_id, "Stable number of the rule."},
    {ALERT, "rev", NUMBER, true, get_rev, "Always 1."},
    {ALERT, "signature", TEXT, true, get_signature, "Title of the rule."},
    {ALERT, "category", TEXT, true, get_category, "Known vulnerability, or Class of weakness."},
    {ALERT, "severity", NUMBER, true, get_severity, "1 critical, 2 high, 3 medium, 4 low."},
    {ANOMALY, "type", TEXT, true, get_anomaly_type, "Always applayer."},
    {ANOMALY, "event", TEXT, false, get_anomaly, "Name of the malformation, from the protocol's table."},
    {ANOMALY, "layer", TEXT, true, get_anomaly_layer, "Always proto_parser."},
    {SALLYPORT, "rule", TEXT, false, get_rule, "Identifier of the rule."},
    {SALLYPORT, "verdict", TEXT, true, get_verdict, "What was done: pass, alert, correct, refuse, drop, close."},
    {SALLYPORT, "field", TEXT, false, get_field, "Field whose value made the rule fire."},
    {SALLYPORT, "before", TEXT, false, get_before, "Its decoded value as it came; secrets are masked."},
    {SALLYPORT, "after", TEXT, false, get_after, "Its value after the correction."},
    {SALLYPORT, "cve", TEXT, false, get_cve, "Vulnerability that the rule is about."},
    {SALLYPORT, "service", TEXT, false, get_service, "Name of the service in the configuration."},
    {SALLYPORT, "anomaly", TEXT, false, get_anomaly, "Name of the malformation, also when a rule fired."},
    {SALLYPORT, "status", NUMBER, false, get_status, "Status that the client was answered."},
    /* Lines of their own: sp_event_worker_line. */
    {WORKER, "slot", NUMBER, true, NULL, "Number of the worker."},
    {WORKER, "event", TEXT, true, NULL, "died: of a signal of its own making. hung: it was ended because it did not move. killed: by somebody else. "
        "plain: no worker can be brought up, bytes pass unread or are refused. inspecting: that is over. damaged_report: its events could not be read."},
    {WORKER, "signal", NUMBER, false, NULL, "Signal that ended it."},
    {WORKER, "restart_us", NUMBER, false, NULL, "Microseconds from its death until its successor served."},
};
enum { MEMBERS = sizeof members / sizeof *members };

/* ---- writing ---- */

/* s cut to the limit, not inside a UTF-8 sequence. */
static struct sp_span cut(struct sp_span s)
{
    if (s.n <= SP_EVENT_TEXT_MAX)
        return s;
    size_t n = SP_EVENT_TEXT_MAX;
    for (int back = 1; back < UTF8_LONGEST && (s.p[n] & 0xc0) == 0x80; back++)
        n--;
    return sp_span_sub(s, 0, n);
}

static void put_text(struct sp_buf *out, struct sp_span s)
{
    struct sp_span kept = cut(s);
    sp_put_byte(out, '"');
    sp_put_json(out, kept);
    if (kept.n < s.n) {
        sp_put_str(out, "... (");
        sp_put_u64(out, s.n - kept.n);
        sp_put_str(out, " more bytes)");
    }
    sp_put_byte(out, '"');
}

static void put_member(struct sp_buf *out, const char *name, const struct value *v)
{
    sp_put_byte(out, '"');
    sp_put_str(out, name);
    sp_put_str(out, "\":");
    if (v->kind == NUMBER)
        sp_put_u64(out, v->number);
    else
        put_text(out, v->is_own ? sp_span_str(v->own) : v->text);
}

static bool has_object(const struct line *l, enum object o)
{
    switch (o) {
    case HTTP:
        return l->ev->msg && proto_of(l) == l->names->http;
    case DATABASE:
        return l->ev->msg && proto_of(l) != l->names->http;
    case ALERT:
        return l->ev->has_rule;
    case ANOMALY:
        return !l->ev->has_rule;
    case WORKER:
        return false;
    case TOP:
    case SALLYPORT:
    case OBJECTS:
        break;
    }
    return true;
}

static void put_members(struct sp_buf *out, const struct line *l, enum object o)
{
    const char *separator = "";
    for (unsigned i = 0; i < MEMBERS; i++) {
        if (members[i].object != o)
            continue;
        struct value v = members[i].get(l);
        if (v.kind == ABSENT)
            continue;
        sp_put_str(out, separator);
        put_member(out, members[i].name, &v);
        separator = ",";
    }
}

void sp_event_line(const struct sp_event_names *n, const struct sp_event *ev, uint64_t real_us, struct sp_buf *out)
{
    struct line l = {.names = n, .ev = ev, .real_us = real_us};
    if (ev->has_rule)
        sp_policy_rule(ev->policy, ev->rule, &l.rule);
    sp_put_byte(out, '{');
    put_members(out, &l, TOP);
    for (enum object o = TOP + 1; o < OBJECTS; o++) {
        if (!has_object(&l, o))
            continue;
        sp_put_fmt(out, ",\"%s\":{", object_name[o]);
        put_members(out, &l, o);
        sp_put_byte(out, '}');
    }
    sp_put_str(out, "}\n");
}

void sp_event_stats_line(uint64_t dropped, uint64_t real_us, struct sp_buf *out)
{
    char when[32];
    sp_clock_eve(real_us, when);
    sp_put_fmt(out, "{\"timestamp\":\"%s\",\"event_type\":\"stats\",\"stats\":{\"sallyport\":{\"events_dropped\":%llu}}}\n", when,
               (unsigned long long)dropped);
}

static void put_if(struct sp_buf *out, const char *name, uint32_t n)
{
    if (n)
        sp_put_fmt(out, ",\"%s\":%u", name, n);
}

void sp_event_worker_line(const struct sp_event_worker *ev, uint64_t real_us, struct sp_buf *out)
{
    char when[32];
    sp_clock_eve(real_us, when);
    sp_put_fmt(out, "{\"timestamp\":\"%s\",\"event_type\":\"sallyport\",\"worker\":{\"slot\":%u,\"event\":\"%s\"", when, ev->slot, ev->what);
    put_if(out, "signal", ev->signal);
    put_if(out, "restart_us", ev->restart_us);
    sp_put_str(out, "}}\n");
}

/* ---- setting up ---- */

static int http_field(const struct sp_event_names *n, const char *name)
{
    return n->http ? sp_proto_field(n->http, sp_span_str(name)) : -1;
}

void sp_event_names_init(struct sp_event_names *n, const char *const *services, unsigned nservices)
{
    *n = (struct sp_event_names){.services = services, .nservices = nservices, .http = sp_proto_by_name(SP_LIT("http"))};
    n->method = http_field(n, "http.request.method");
    n->uri = http_field(n, "http.request.uri");
    n->version = http_field(n, "http.request.version");
    n->host = http_field(n, "http.request.host");
    n->headers = http_field(n, "http.request.headers");
    n->content_type = http_field(n, "http.request.content_type");
    n->content_length = http_field(n, "http.request.content_length");
    n->rsp_status = http_field(n, "http.response.status");
    n->rsp_version = http_field(n, "http.response.version");
    n->rsp_content_type = http_field(n, "http.response.content_type");
    n->rsp_length = http_field(n, "http.response.content_length");
}

/* ---- the reference page and the schema ---- */

void sp_event_reference(struct sp_buf *out)
{
    sp_put_fmt(out, "# Events\n\nOne JSON object a line, in the form of Suricata's EVE; a JSON Schema is [event.schema.json](../event.schema.json). Written by "
                    "`make docs`. Values from traffic are cut after %d bytes and then say how many more there were; secrets are masked.\n\n"
                    "| member | type | meaning |\n|---|---|---|\n", SP_EVENT_TEXT_MAX);
    for (unsigned i = 0; i < MEMBERS; i++) {
        const struct member *m = &members[i];
        const char *object = object_name[m->object];
        sp_put_fmt(out, "| `%s%s%s` | %s | %s |\n", object ? object : "", object ? "." : "", m->name,
                   m->kind == NUMBER ? "number" : "string", m->doc);
    }
}


static void schema_member(struct sp_buf *out, const char *indent, const struct member *m)
{
    sp_put_fmt(out, "%s\"%s\": {\"type\": \"%s\", \"description\": \"", indent, m->name, m->kind == NUMBER ? "integer" : "string");
    sp_put_json(out, sp_span_str(m->doc));
    sp_put_str(out, "\"}");
}

static void schema_required(struct sp_buf *out, enum object o)
{
    const char *separator = "";
    sp_put_str(out, "\"required\": [");
    for (unsigned i = 0; i < MEMBERS; i++)
        if (members[i].object == o && members[i].always && members[i].get != get_flow_id) {
            sp_put_fmt(out, "%s\"%s\"", separator, members[i].name);
            separator = ", ";
        }
    sp_put_str(out, "]");
}

static void schema_members(struct sp_buf *out, const char *indent, enum object o)
{
    const char *separator = "\n";
    for (unsigned i = 0; i < MEMBERS; i++)
        if (members[i].object == o) {
            sp_put_str(out, separator);
            schema_member(out, indent, &members[i]);
            separator = ",\n";
        }
}

static void schema_object(struct sp_buf *out, enum object o)
{
    sp_put_fmt(out, ",\n    \"%s\": {\n      \"type\": \"object\",\n      \"description\": \"%s\",\n      \"additionalProperties\": false,\n      ",
               object_name[o], object_doc[o]);
    schema_required(out, o);
    sp_put_str(out, ",\n      \"properties\": {");
    schema_members(out, "        ", o);
    sp_put_str(out, "\n      }\n    }");
}

void sp_event_schema(struct sp_buf *out)
{
    sp_put_str(out, "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
                    "  \"title\": \"An event of Sallyport: one line, in the form of Suricata's EVE\",\n"
                    "  \"type\": \"object\",\n  \"additionalProperties\": false,\n  ");
    schema_required(out, TOP);
    sp_put_str(out, ",\n  \"properties\": {");
    schema_members(out, "    ", TOP);
    for (enum object o = TOP + 1; o < OBJECTS; o++)
        schema_object(out, o);
    sp_put_str(out, ",\n    \"stats\": {\"type\": \"object\", \"description\": \"Only in events of type stats: "
                    "sallyport.events_dropped counts the lines that could not be written.\"}\n  }\n}\n");
}
