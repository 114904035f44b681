/* SPDX-License-Identifier: Apache-2.0 */
/* pcap: captures (libpcap and pcapng files) through the engine. */
#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/event.h"
#include "io/pcap.h"
#include "io/pcap_flow.h"

enum {
    POOL_BUDGET = 1 << 30,  /* blocks of all sessions: 16 KiB each at least */
    BODY_MAX = 8 << 20,     /* longest body collected, as in the live relay */
    PROBE_MAX = 4096,       /* bytes that are enough to tell a protocol */
};

struct sp_replay {
    struct sp_engine engine;
    struct sp_pool *pool;
    struct sp_flows *flows;
    const struct sp_proto *proto;
    struct sp_event_names names;
    void (*line)(void *ctx, struct sp_span line);
    void *ctx;
    uint64_t now_us, next_flow_id;
    size_t held; /* bytes in all streams */
    struct sp_replay_counts counts;
    uint8_t text[SP_EVENT_LINE_MAX];
};

/* ---- what the engine tells ---- */

static void on_event(void *ctx, const struct sp_event *ev)
{
    struct sp_replay *r = ctx;
    struct sp_buf line = sp_buf_fixed(r->text, sizeof r->text);
    sp_event_line(&r->names, ev, r->now_us, &line);
    if (!ev->has_rule && ev->act >= SP_REFUSE)
        r->counts.malformed++;
    if (!line.full)
        r->line(r->ctx, sp_buf_span(&line));
}

static void on_judged(void *ctx, const struct sp_session *s, const struct sp_msg *m, const struct sp_verdict *v)
{
    struct sp_replay *r = ctx;
    (void)s, (void)m;
    r->counts.messages++;
    r->counts.verdicts[v->act]++;
}

/* ---- one connection ---- */

static void drop_streams(struct sp_replay *r, struct sp_flow *f)
{
    for (int dir = 0; dir < 2; dir++) {
        r->held -= f->stream[dir].held;
        sp_stream_free(&f->stream[dir]);
    }
}

static void close_session(struct sp_replay *r, struct sp_flow *f)
{
    if (f->fate == SP_FLOW_JUDGED)
        sp_session_close(&r->engine, &f->session);
    drop_streams(r, f);
    f->fate = SP_FLOW_IGNORED;
}

static void give_up(struct sp_replay *r, struct sp_flow *f)
{
    r->counts.gaps++;
    close_session(r, f);
}

static void open_session(struct sp_replay *r, struct sp_flow *f)
{
    const struct sp_packet_end *client = &f->end[f->client], *server = &f->end[!f->client];
    sp_session_open(&r->engine, &f->session, r->proto, 0);
    f->session.flow_id = ++r->next_flow_id;
    memcpy(f->session.client.ip, client->ip, sizeof client->ip);
    memcpy(f->session.server.ip, server->ip, sizeof server->ip);
    f->session.client.port = client->port;
    f->session.server.port = server->port;
    f->fate = SP_FLOW_JUDGED;
    r->counts.connections++;
}

static void drain(struct sp_replay *r, struct sp_flow *f)
{
    for (int dir = 0; dir < 2; dir++) {
        size_t n = sp_session_out(&r->engine, &f->session, dir).n;
        if (n)
            sp_session_sent(&r->engine, &f->session, dir, n);
    }
}

static void taken(struct sp_replay *r, struct sp_flow *f, enum sp_dir dir, size_t n)
{
    sp_stream_taken(&f->stream[dir], n);
    r->held -= n;
}

/* What stands at the front of one direction, as far as the session takes it. */
static bool feed_front(struct sp_replay *r, struct sp_flow *f, enum sp_dir dir)
{
    struct sp_span in = sp_stream_front(&f->stream[dir]);
    size_t n;
    uint8_t *room = in.n ? sp_session_room(&r->engine, &f->session, dir, &n) : NULL;
    if (!room || n == 0)
        return false;
    n = n < in.n ? n : in.n;
    memcpy(room, in.p, n);
    taken(r, f, dir, n);
    sp_session_got(&r->engine, &f->session, dir, n);
    drain(r, f);
    return true;
}

static bool throw_away_front(struct sp_replay *r, struct sp_flow *f, enum sp_dir dir)
{
    struct sp_span in = sp_stream_front(&f->stream[dir]);
    if (in.n)
        taken(r, f, dir, in.n);
    return in.n > 0;
}

/* Only the client is in the capture, and it waits: judge it as half a connection. */
static bool go_on_alone(struct sp_replay *r, struct sp_flow *f)
{
    struct sp_session *s = &f->session;
    if (f->fate != SP_FLOW_JUDGED || s->one_sided || f->seen[SP_S2C])
        return false;
    s->one_sided = true;
    r->proto->alone(s->state, SP_C2S);
    sp_session_got(&r->engine, s, SP_C2S, 0);
    return true;
}

static void pass_eof(struct sp_replay *r, struct sp_flow *f)
{
    for (int dir = 0; dir < 2 && !f->session.closing; dir++)
        if (sp_stream_ended(&f->stream[dir]) && !(f->session.side[dir].flags & SP_SIDE_EOF)) {
            sp_session_eof(&r->engine, &f->session, dir);
            drain(r, f);
        }
}

/* After a refusal the server would not have been asked: what it answered in the capture is no evidence. */
static bool server_counts(struct sp_flow *f)
{
    if (f->session.worst >= SP_REFUSE)
        f->session.one_sided = true;
    return !f->session.one_sided;
}

static void feed_session(struct sp_replay *r, struct sp_flow *f)
{
    bool moved = true;
    while (moved && !f->session.closing) {
        moved = feed_front(r, f, SP_C2S);
        moved |= server_counts(f) ? feed_front(r, f, SP_S2C) : throw_away_front(r, f, SP_S2C);
    }
    pass_eof(r, f);
    if (f->session.closing)
        close_session(r, f);
}

/* The first bytes of the client say whether this is for us. */
static void begin(struct sp_replay *r, struct sp_flow *f)
{
    struct sp_span in = sp_stream_front(&f->stream[SP_C2S]);
    if (in.n == 0)
        return;
    if (r->proto->probe(SP_C2S, sp_span_sub(in, 0, PROBE_MAX)) != SP_BAD) {
        open_session(r, f);
        return;
    }
    r->counts.other++;
    close_session(r, f);
}

static void feed(struct sp_replay *r, struct sp_flow *f)
{
    if (f->fate == SP_FLOW_KNOWN)
        begin(r, f);
    if (f->fate == SP_FLOW_JUDGED)
        feed_session(r, f);
}

/* No more packets of this connection will come. */
static void end_flow(struct sp_replay *r, struct sp_flow *f)
{
    if (go_on_alone(r, f))
        feed_session(r, f);
    if (f->fate == SP_FLOW_WAITING)
        r->counts.unbegun++;
    bool hole = sp_stream_has_hole(&f->stream[SP_C2S]) || sp_stream_has_hole(&f->stream[SP_S2C]);
    if (f->fate == SP_FLOW_JUDGED && hole)
        give_up(r, f);
    close_session(r, f);
    sp_flows_remove(r->flows, f);
}

/* ---- one packet ---- */

static void know_client(struct sp_flow *f, unsigned client)
{
    f->client = client;
    f->fate = SP_FLOW_KNOWN;
}

static void handshake(struct sp_flow *f, unsigned from, const struct sp_packet *p)
{
    bool answer = p->flags & SP_TCP_ACK;
    know_client(f, answer ? !from : from);
    if (!f->stream[answer ? SP_S2C : SP_C2S].known)
        sp_stream_begin(&f->stream[answer ? SP_S2C : SP_C2S], p->seq + 1);
    if (answer && !f->stream[SP_C2S].known)
        sp_stream_begin(&f->stream[SP_C2S], p->ack);
}

/* The capture began in the middle: a payload that could be a client's first bytes makes its sender the client. */
static void guess_client(struct sp_replay *r, struct sp_flow *f, unsigned from, const struct sp_packet *p)
{
    if (p->payload.n == 0 || r->proto->probe(SP_C2S, sp_span_sub(p->payload, 0, PROBE_MAX)) != SP_UNIT)
        return;
    know_client(f, from);
    sp_stream_begin(&f->stream[SP_C2S], p->seq);
    if (p->flags & SP_TCP_ACK)
        sp_stream_begin(&f->stream[SP_S2C], p->ack);
}

static enum sp_stream_add put(struct sp_replay *r, struct sp_stream *s, uint32_t seq, struct sp_span payload)
{
    size_t before = s->held;
    enum sp_stream_add added = sp_stream_put(s, seq, payload);
    r->held += s->held - before;
    return added;
}

static void add_payload(struct sp_replay *r, struct sp_flow *f, unsigned from, const struct sp_packet *p)
{
    enum sp_dir dir = from == f->client ? SP_C2S : SP_S2C;
    struct sp_stream *s = &f->stream[dir];
    uint32_t seq = p->seq + ((p->flags & SP_TCP_SYN) ? 1 : 0);
    if (!s->known)
        sp_stream_begin(s, seq);
    f->seen[dir] |= p->payload.n > 0;
    enum sp_stream_add added = put(r, s, seq, p->payload);
    if (added == SP_STREAM_OVERFLOW && go_on_alone(r, f)) {
        feed_session(r, f);
        added = put(r, s, seq, p->payload);
    }
    if (p->flags & SP_TCP_FIN) {
        s->fin = true;
        s->fin_seq = seq + (uint32_t)p->payload.n;
    }
    feed(r, f);
    if (f->fate != SP_FLOW_IGNORED && (added != SP_STREAM_TAKEN || r->held > SP_REPLAY_HELD))
        give_up(r, f);
}

static struct sp_flow *flow_of(struct sp_replay *r, const struct sp_packet *p, unsigned *ret_from)
{
    struct sp_flow *f = sp_flows_find(r->flows, p, ret_from);
    bool opens = (p->flags & SP_TCP_SYN) && !(p->flags & SP_TCP_ACK);
    bool again = f && opens && !(f->fate == SP_FLOW_KNOWN && f->stream[SP_C2S].next == p->seq + 1);
    if (again) { /* the same ports, another connection */
        end_flow(r, f);
        f = NULL;
    }
    if (f)
        return f;
    if (sp_flows_full(r->flows))
        end_flow(r, sp_flows_oldest(r->flows));
    return sp_flows_add(r->flows, p, ret_from);
}

static int one_segment(struct sp_replay *r, const struct sp_packet *p)
{
    unsigned from;
    struct sp_flow *f = flow_of(r, p, &from);
    if (!f)
        return -ENOMEM;
    r->counts.cut += p->cut;
    if (p->flags & SP_TCP_RST) {
        end_flow(r, f);
        return 0;
    }
    if (f->fate <= SP_FLOW_KNOWN && (p->flags & SP_TCP_SYN))
        handshake(f, from, p);
    else if (f->fate == SP_FLOW_WAITING)
        guess_client(r, f, from, p);
    if (f->fate == SP_FLOW_KNOWN || f->fate == SP_FLOW_JUDGED)
        add_payload(r, f, from, p);
    return 0;
}

/* ---- one file ---- */

static void set_time(struct sp_replay *r, const struct pcap_pkthdr *h)
{
    r->now_us = (uint64_t)h->ts.tv_sec * 1000000 + (uint64_t)h->ts.tv_usec;
    r->engine.now_ms = r->now_us / 1000;
    r->engine.moment = sp_clock_moment(r->now_us);
}

static int one_packet(struct sp_replay *r, int link, const struct pcap_pkthdr *h, const uint8_t *bytes)
{
    struct sp_packet p;
    set_time(r, h);
    r->counts.packets++;
    switch (sp_packet_read(link, sp_span_of(bytes, h->caplen), &p)) {
    case SP_PACKET_TCP:
        return one_segment(r, &p);
    case SP_PACKET_FRAGMENT:
        r->counts.fragments++;
        return 0;
    case SP_PACKET_OTHER:
        break;
    }
    return 0;
}

static int every_packet(struct sp_replay *r, pcap_t *in, const char *path, char *error)
{
    struct pcap_pkthdr *h;
    const uint8_t *bytes;
    uint64_t number = 0;
    int got, err = 0;
    while (!err && (got = pcap_next_ex(in, &h, &bytes)) == 1) {
        number++;
        err = one_packet(r, pcap_datalink(in), h, bytes);
    }
    if (err)
        snprintf(error, SP_REPLAY_ERROR, "%s: packet %llu: %s", path, (unsigned long long)number, strerror(-err));
    else if (got != PCAP_ERROR_BREAK) {
        snprintf(error, SP_REPLAY_ERROR, "%s: packet %llu: %s", path, (unsigned long long)number + 1, pcap_geterr(in));
        err = -EINVAL;
    }
    return err;
}

static int check_link(pcap_t *in, const char *path, char *error)
{
    int link = pcap_datalink(in);
    if (sp_packet_link_known(link))
        return 0;
    const char *name = pcap_datalink_val_to_name(link);
    snprintf(error, SP_REPLAY_ERROR, "%s: captures of link type %d (%s) cannot be read", path, link, name ? name : "unknown");
    return -EINVAL;
}

int sp_replay_file(struct sp_replay *r, const char *path, char error[SP_REPLAY_ERROR])
{
    char why[PCAP_ERRBUF_SIZE];
    pcap_t *in = pcap_open_offline(path, why);
    if (!in) {
        bool named = strncmp(why, path, strlen(path)) == 0;
        snprintf(error, SP_REPLAY_ERROR, "%s%s%s", named ? "" : path, named ? "" : ": ", why);
        return -EINVAL;
    }
    int err = check_link(in, path, error);
    if (!err)
        err = every_packet(r, in, path, error);
    pcap_close(in);
    while (sp_flows_oldest(r->flows))
        end_flow(r, sp_flows_oldest(r->flows));
    return err;
}

/* ---- life ---- */

int sp_replay_new(const struct sp_policy *policy, const struct sp_proto *proto, void (*line)(void *ctx, struct sp_span line),
                  void *ctx, struct sp_replay **ret)
{
    struct sp_replay *r = calloc(1, sizeof *r);
    if (!r)
        return -ENOMEM;
    r->proto = proto;
    r->line = line;
    r->ctx = ctx;
    sp_event_names_init(&r->names, NULL, 0);
    r->flows = sp_flows_new(SP_REPLAY_FLOWS);
    int err = r->flows ? sp_pool_new(POOL_BUDGET, &r->pool) : -ENOMEM;
    if (!err)
        err = sp_engine_init(&r->engine, policy, r->pool, BODY_MAX);
    if (err) {
        sp_pool_free(r->pool);
        sp_flows_free(r->flows);
        free(r);
        return err;
    }
    r->engine.emit = on_event;
    r->engine.judged = on_judged;
    r->engine.ctx = r;
    *ret = r;
    return 0;
}

struct sp_replay_counts sp_replay_counts(const struct sp_replay *r)
{
    return r->counts;
}

void sp_replay_free(struct sp_replay *r)
{
    sp_engine_fini(&r->engine);
    sp_pool_free(r->pool);
    sp_flows_free(r->flows);
    free(r);
}
