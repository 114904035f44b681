/* SPDX-License-Identifier: Apache-2.0 */
/* event_source: a worker's end of the way that events take. */
#include "io/event_source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/learn.h"
#include "proto/statement.h"

_Static_assert((int)SP_EVENT_LINE_MAX <= (int)SP_REPORT_LINE_MAX, "every line must fit");

enum event_source_limits {
    DUE_AT_ONCE = 64, /* counts told in one turn: the reader has other things to do */
};

struct sp_event_source {
    struct sp_event_names names;
    struct sp_report *report;
    int wake;
    const struct sp_proto *learning; /* whose fields these are */
    uint16_t key, text;
    struct sp_learn *learn;          /* NULL until something is learned */
    uint8_t room[SP_EVENT_LINE_MAX];
};

static void ring(const struct sp_event_source *s)
{
    uint64_t one = 1;
    if (s->wake >= 0 && write(s->wake, &one, sizeof one) < 0 && errno != EAGAIN)
        sp_log(SP_LOG_ERROR, "cannot wake the writer of events: %s", strerror(errno));
}

int sp_event_source_new(struct sp_report *report, int wake, const char *const *services, unsigned nservices, struct sp_event_source **ret)
{
    struct sp_event_source *s = calloc(1, sizeof *s);
    if (!s)
        return -ENOMEM;
    sp_event_names_init(&s->names, services, nservices);
    s->report = report;
    s->wake = wake;
    ring(s); /* for lines whose writer was killed before it could */
    *ret = s;
    return 0;
}

void sp_event_source_free(struct sp_event_source *s)
{
    if (s)
        sp_learn_free(s->learn);
    free(s);
}

static void tell(const struct sp_event_source *s, const struct sp_buf *line)
{
    bool wake;
    (void)sp_report_line(s->report, line->full ? SP_LIT("") : sp_buf_span(line), &wake); /* it counts what it loses */
    if (wake)
        ring(s);
}

void sp_event_source_emit(void *source, const struct sp_event *ev)
{
    struct sp_event_source *s = source;
    struct sp_buf line = sp_buf_fixed(s->room, sizeof s->room);
    sp_event_line(&s->names, ev, sp_clock_real_us(), &line);
    tell(s, &line);
}

/* Without memory nothing is learned: traffic goes on. */
static bool learns(struct sp_event_source *s, const struct sp_proto *proto)
{
    if (s->learning == proto)
        return s->learn;
    s->learning = proto;
    return sp_statement_fields(proto, &s->key, &s->text) && (s->learn || sp_learn_new(&s->learn) == 0);
}

static struct sp_span value_of(const struct sp_msg *m, uint16_t field)
{
    for (uint32_t i = 0; i < m->nvalues; i++)
        if (m->values[i].field == field)
            return m->values[i].str;
    return (struct sp_span){NULL, 0};
}

void sp_event_source_judged(void *source, const struct sp_session *session, const struct sp_msg *m, const struct sp_verdict *v)
{
    struct sp_event_source *s = source;
    if (m->dir != SP_C2S || v->act >= SP_REFUSE || !learns(s, sp_protos[session->proto]))
        return;
    struct sp_span service = sp_span_str(s->names.services[session->service]);
    struct sp_buf line = sp_buf_fixed(s->room, sizeof s->room);
    if (sp_learn_seen(s->learn, service, value_of(m, s->key), value_of(m, s->text), &line))
        tell(s, &line);
}

bool sp_event_source_turn(struct sp_event_source *s, uint64_t now_ms)
{
    for (unsigned i = 0; i < DUE_AT_ONCE && s->learn && sp_learn_waiting(s->learn); i++) {
        struct sp_buf line = sp_buf_fixed(s->room, sizeof s->room);
        if (!sp_learn_due(s->learn, now_ms, &line))
            return true;
        tell(s, &line);
    }
    return s->learn && sp_learn_waiting(s->learn);
}
