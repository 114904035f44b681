/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capture: what was under the hand of a worker that died, as a capture file (libpcap's format, link type RAW): a connection that opens, says in both
 * directions what was held and not judged yet, and ends. `sallyport replay` takes it. Nothing is parsed here: the keeper does this.
 */
#include <arpa/inet.h>
#include <string.h>

#include "base/clock.h"
#include "io/pcap_packet.h"
#include "io/worker.h"

enum capture_limits {
    SEGMENT_BYTES = 32 << 10, /* payload of one packet: an IP packet has less than 64 KiB */
    LINKTYPE_RAW = 101,
    SNAP_BYTES = 64 << 10,
    FIRST_SEQ = 1000,
    TCP_PSH = 8,
};

struct file_header {
    uint32_t magic;
    uint16_t major, minor;
    uint32_t zone, sigfigs, snaplen, link;
};

struct record_header {
    uint32_t sec, usec, caplen, len;
};

struct tcp_header {
    uint16_t src, dst;
    uint32_t seq, ack;
    uint8_t offset, flags;
    uint16_t window, checksum, urgent;
};

struct writing {
    struct sp_buf *out;
    const struct sp_session *session;
    uint32_t seq[2]; /* by direction: of the next byte */
    uint64_t at_us;
};

static void put_ip(struct writing *w, enum sp_dir dir, size_t payload)
{
    const struct sp_session_addr *src = dir == SP_C2S ? &w->session->client : &w->session->server;
    const struct sp_session_addr *dst = dir == SP_C2S ? &w->session->server : &w->session->client;
    size_t n = sizeof(struct tcp_header) + payload;
    uint8_t h[40] = {0x60, 0, 0, 0, (uint8_t)(n >> 8), (uint8_t)n, IPPROTO_TCP, 64};
    memcpy(h + 8, src->ip, 16);
    memcpy(h + 24, dst->ip, 16);
    sp_put(w->out, sp_span_of(h, sizeof h));
}

static void put_packet(struct writing *w, enum sp_dir dir, unsigned flags, struct sp_span payload)
{
    uint32_t len = (uint32_t)(40 + sizeof(struct tcp_header) + payload.n);
    struct record_header r = {(uint32_t)(w->at_us / 1000000), (uint32_t)(w->at_us % 1000000), len, len};
    enum sp_dir back = dir_back(dir);
    uint16_t src = dir == SP_C2S ? w->session->client.port : w->session->server.port;
    uint16_t dst = dir == SP_C2S ? w->session->server.port : w->session->client.port;
    struct tcp_header t = {.src = htons(src), .dst = htons(dst), .seq = htonl(w->seq[dir]), .ack = htonl(w->seq[back]),
                           .offset = sizeof t / 4 << 4, .flags = (uint8_t)flags, .window = 0xffff};
    sp_put(w->out, sp_span_of(&r, sizeof r));
    put_ip(w, dir, payload.n);
    sp_put(w->out, sp_span_of(&t, sizeof t));
    sp_put(w->out, payload);
    w->seq[dir] += (uint32_t)payload.n + ((flags & (SP_TCP_SYN | SP_TCP_FIN)) != 0);
    w->at_us++;
}

static void put_stream(struct writing *w, enum sp_dir dir, struct sp_span bytes)
{
    while (bytes.n) {
        size_t n = bytes.n < SEGMENT_BYTES ? bytes.n : SEGMENT_BYTES;
        put_packet(w, dir, SP_TCP_ACK | TCP_PSH, sp_span_of(bytes.p, n));
        bytes = sp_span_of(bytes.p + n, bytes.n - n);
    }
}

static void put_connection(struct writing *w, const struct sp_span held[2])
{
    put_packet(w, SP_C2S, SP_TCP_SYN, SP_LIT(""));
    put_packet(w, SP_S2C, SP_TCP_SYN | SP_TCP_ACK, SP_LIT(""));
    put_packet(w, SP_C2S, SP_TCP_ACK, SP_LIT(""));
    put_stream(w, SP_C2S, held[SP_C2S]);
    put_stream(w, SP_S2C, held[SP_S2C]);
    put_packet(w, SP_C2S, SP_TCP_FIN | SP_TCP_ACK, SP_LIT(""));
    put_packet(w, SP_S2C, SP_TCP_FIN | SP_TCP_ACK, SP_LIT(""));
}

/* Bytes that came with the step in which the worker died, and that it had no time to count. */
static uint64_t uncounted(const struct hand *h, enum sp_dir dir)
{
    bool reset = false;
    const struct conn *c = &h->copy;
    if (h->op != HAND_READ || h->dir != dir)
        return 0;
    int64_t n = settle_taken(c->fd[dir], &reset) - (int64_t)c->session.side[dir].bytes - (dir == SP_C2S ? c->preface : 0);
    return n > 0 ? (uint64_t)n : 0;
}

bool sp_relay_crash_capture(const struct sp_relay *r, struct sp_buf *out)
{
    const struct segment *s = r->segment;
    const struct hand *h = &s->hand;
    struct sp_span held[2] = {{NULL, 0}, {NULL, 0}};
    struct sp_pool *pool;
    if (h->conn == 0 || h->conn > s->max || h->op == HAND_IDLE || h->op >= HAND_CLOSE || sp_pool_over(s->memory, (uint8_t *)r->segment + s->pool_at, &pool) < 0)
        return false;
    for (int dir = 0; dir < 2; dir++) {
        const struct sp_side *d = &h->copy.session.side[dir];
        uint64_t end = d->have + uncounted(h, (enum sp_dir)dir);
        if (d->block && sp_pool_valid(pool, d->block) && d->clear <= end && end <= sp_pool_len(pool, d->block))
            held[dir] = sp_span_of(sp_pool_at(pool, d->block) + d->clear, end - d->clear);
    }
    struct file_header file = {0xa1b2c3d4, 2, 4, 0, 0, SNAP_BYTES, LINKTYPE_RAW};
    struct writing w = {.out = out, .session = &h->copy.session, .seq = {FIRST_SEQ, FIRST_SEQ}, .at_us = sp_clock_real_us()};
    bool any = held[SP_C2S].n || held[SP_S2C].n;
    if (any) {
        sp_put(out, sp_span_of(&file, sizeof file));
        put_connection(&w, held);
    }
    sp_pool_free(pool);
    return any && !out->full;
}
