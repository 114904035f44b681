/* SPDX-License-Identifier: Apache-2.0 */
/* event_source: a worker's end of the way that events take. */
#include "io/event_source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

_Static_assert((int)SP_EVENT_LINE_MAX <= (int)SP_REPORT_LINE_MAX, "every line must fit");

struct sp_event_source {
    struct sp_event_names names;
    struct sp_report *report;
    int wake;
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
    struct sp_event_source *s = malloc(sizeof *s);
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
    free(s);
}

void sp_event_source_emit(void *source, const struct sp_event *ev)
{
    struct sp_event_source *s = source;
    struct sp_buf line = sp_buf_fixed(s->room, sizeof s->room);
    bool wake;
    sp_event_line(&s->names, ev, sp_clock_real_us(), &line);
    (void)sp_report_line(s->report, line.full ? SP_LIT("") : sp_buf_span(&line), &wake); /* it counts what it loses */
    if (wake)
        ring(s);
}
