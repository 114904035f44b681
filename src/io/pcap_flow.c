/* SPDX-License-Identifier: Apache-2.0 */
/* pcap_flow: the connections of a capture that are open. */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/hash.h"
#include "io/pcap_flow.h"

enum { BUCKETS = 1 << 15 };

struct sp_flows {
    struct sp_flow *bucket[BUCKETS];
    struct sp_flow *oldest, *newest;
    unsigned n, max;
    uint8_t salt[16]; /* whoever wrote the capture must not know which connections collide */
};

/* What is hashed: salt and both ends, without padding between. */
struct key {
    uint8_t bytes[16 + 2 * 18];
};

struct sp_flows *sp_flows_new(unsigned max)
{
    struct sp_flows *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    f->max = max;
    if (getrandom(f->salt, sizeof f->salt, 0) != sizeof f->salt) {
        free(f);
        return NULL;
    }
    return f;
}

void sp_flows_free(struct sp_flows *f)
{
    free(f);
}

static int compare_ends(const struct sp_packet_end *a, const struct sp_packet_end *b)
{
    int order = memcmp(a->ip, b->ip, sizeof a->ip);
    return order ? order : (int)a->port - (int)b->port;
}

/* The ends in the order of the key; the index of the sender. */
static unsigned order_ends(const struct sp_packet *p, struct sp_packet_end end[2])
{
    unsigned from = compare_ends(&p->src, &p->dst) > 0;
    end[from] = p->src;
    end[!from] = p->dst;
    return from;
}

static void put_end(uint8_t *to, const struct sp_packet_end *end)
{
    memcpy(to, end->ip, 16);
    to[16] = (uint8_t)(end->port >> 8);
    to[17] = (uint8_t)end->port;
}

static uint64_t hash_of(const struct sp_flows *f, const struct sp_packet_end end[2])
{
    struct key k;
    memcpy(k.bytes, f->salt, sizeof f->salt);
    put_end(k.bytes + 16, &end[0]);
    put_end(k.bytes + 16 + 18, &end[1]);
    return sp_hash(sp_span_of(k.bytes, sizeof k.bytes));
}

static void unlink_age(struct sp_flows *f, struct sp_flow *flow)
{
    *(flow->older ? &flow->older->newer : &f->oldest) = flow->newer;
    *(flow->newer ? &flow->newer->older : &f->newest) = flow->older;
    flow->older = flow->newer = NULL;
}

static void link_newest(struct sp_flows *f, struct sp_flow *flow)
{
    flow->older = f->newest;
    *(f->newest ? &f->newest->newer : &f->oldest) = flow;
    f->newest = flow;
}

struct sp_flow *sp_flows_find(struct sp_flows *f, const struct sp_packet *p, unsigned *ret_from)
{
    struct sp_packet_end end[2];
    *ret_from = order_ends(p, end);
    uint64_t hash = hash_of(f, end);
    for (struct sp_flow *flow = f->bucket[hash % BUCKETS]; flow; flow = flow->chain)
        if (flow->hash == hash && compare_ends(&flow->end[0], &end[0]) == 0 && compare_ends(&flow->end[1], &end[1]) == 0) {
            unlink_age(f, flow);
            link_newest(f, flow);
            return flow;
        }
    return NULL;
}

struct sp_flow *sp_flows_add(struct sp_flows *f, const struct sp_packet *p, unsigned *ret_from)
{
    struct sp_flow *flow = sp_flows_full(f) ? NULL : calloc(1, sizeof *flow);
    if (!flow)
        return NULL;
    *ret_from = order_ends(p, flow->end);
    flow->hash = hash_of(f, flow->end);
    flow->chain = f->bucket[flow->hash % BUCKETS];
    f->bucket[flow->hash % BUCKETS] = flow;
    link_newest(f, flow);
    f->n++;
    return flow;
}

struct sp_flow *sp_flows_oldest(const struct sp_flows *f)
{
    return f->oldest;
}

bool sp_flows_full(const struct sp_flows *f)
{
    return f->n == f->max;
}

void sp_flows_remove(struct sp_flows *f, struct sp_flow *flow)
{
    struct sp_flow **at = &f->bucket[flow->hash % BUCKETS];
    while (*at != flow)
        at = &(*at)->chain;
    *at = flow->chain;
    unlink_age(f, flow);
    f->n--;
    free(flow);
}
