/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event: what happened to a message, as one JSON line in the form of Suricata's EVE log, plus an object "sallyport" of our own.
 * A line is always valid JSON in UTF-8 and at most SP_EVENT_LINE_MAX bytes long.
 */
#ifndef SP_IO_EVENT_H
#define SP_IO_EVENT_H

#include "engine/session.h"

enum sp_event_limits {
    SP_EVENT_TEXT_MAX = 2048,       /* bytes of one value from traffic; longer ones are cut and say by how much */
    SP_EVENT_LINE_MAX = 128 << 10,  /* ten such values, each byte escaped to six, and the rest */
};

/* What formatting needs beside the event: where the protocol keeps what EVE's "http" object shows. Fill it once, share it. */
struct sp_event_names {
    const char *const *services; /* by sp_session.service; may be NULL */
    unsigned nservices;
    const struct sp_proto *http;
    int method, uri, version, host, headers, content_type, content_length, rsp_status, rsp_version, rsp_content_type, rsp_length;
};
void sp_event_names_init(struct sp_event_names *n, const char *const *services, unsigned nservices);

/* Appends the line with its newline. When it does not fit, out->full is set and the line must be dropped. */
void sp_event_line(const struct sp_event_names *n, const struct sp_event *ev, uint64_t real_us, struct sp_buf *out);
/* The line that tells how many lines before it are missing. */
void sp_event_stats_line(uint64_t dropped, uint64_t real_us, struct sp_buf *out);
/* What became of a worker. */
struct sp_event_worker {
    uint32_t slot;
    const char *what;    /* died, hung, killed, plain, inspecting, damaged_report */
    uint32_t signal;     /* that ended it; 0: none */
    uint32_t restart_us; /* until its successor served; 0: nobody knows */
};
void sp_event_worker_line(const struct sp_event_worker *ev, uint64_t real_us, struct sp_buf *out);
/* JSON Schema 2020-12 of a line, from the table that writes it. */
void sp_event_schema(struct sp_buf *out);
/* The same as a page for people. */
void sp_event_reference(struct sp_buf *out);

#endif
