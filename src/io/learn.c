/* SPDX-License-Identifier: Apache-2.0 */
/* learn: a table of keys, by open addressing. Its keys come from traffic: places are looked at up to a bound, and who finds none is told again. */
#include "io/learn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "lang/lang.h"

enum learn_limits {
    SLOTS = 2 * SP_LEARN_KEYS,
    PROBES = 16,                    /* places looked at for one key */
    TEXT_MAX = SP_LEARN_KEYS * 160, /* bytes of all keys */
};

struct slot {
    uint64_t hash, count, seen_us; /* count: since it was last told */
    uint32_t off, service, key;    /* the service's name and the key, in the text one after the other; key 0: nobody is here */
};

struct sp_learn {
    uint32_t n, used;   /* keys; bytes of text */
    uint32_t at;        /* where the next count is looked for */
    uint32_t waiting;   /* keys with a count */
    uint64_t due_ms;
    struct slot *slots;
    uint8_t *text;
};

int sp_learn_new(struct sp_learn **ret)
{
    struct sp_learn *l = calloc(1, sizeof *l);
    if (!l)
        return -ENOMEM;
    l->slots = calloc(SLOTS, sizeof *l->slots);
    l->text = malloc(TEXT_MAX);
    *ret = l;
    if (l->slots && l->text)
        return 0;
    sp_learn_free(l);
    return -ENOMEM;
}

void sp_learn_free(struct sp_learn *l)
{
    if (!l)
        return;
    free(l->slots);
    free(l->text);
    free(l);
}

static void forget(struct sp_learn *l)
{
    memset(l->slots, 0, SLOTS * sizeof *l->slots);
    l->n = l->used = l->at = l->waiting = 0;
}

static struct sp_span service_of(const struct sp_learn *l, const struct slot *s)
{
    return sp_span_of(l->text + s->off, s->service);
}

static struct sp_span key_of(const struct sp_learn *l, const struct slot *s)
{
    return sp_span_of(l->text + s->off + s->service, s->key);
}

static void put_line(struct sp_buf *line, struct sp_span service, struct sp_span key, uint64_t count, uint64_t seen_us)
{
    sp_put_str(line, SP_LEARN_PREFIX "\"service\":");
    sp_json_quote(line, service);
    sp_put_str(line, ",\"key\":");
    sp_json_quote(line, key);
    sp_put_fmt(line, ",\"count\":%llu,\"seen_us\":%llu", (unsigned long long)count, (unsigned long long)seen_us);
}

/* Its place, or one that is free; NULL: there is none within the bound. */
static struct slot *find(struct sp_learn *l, struct sp_span service, struct sp_span key, uint64_t hash)
{
    for (uint32_t i = 0; i < PROBES; i++) {
        struct slot *s = &l->slots[(hash + i) % SLOTS];
        if (!s->key || (s->hash == hash && sp_span_eq(service_of(l, s), service) && sp_span_eq(key_of(l, s), key)))
            return s;
    }
    return NULL;
}

static void enter(struct sp_learn *l, struct slot *s, struct sp_span service, struct sp_span key, uint64_t hash)
{
    *s = (struct slot){.hash = hash, .off = l->used, .service = (uint32_t)service.n, .key = (uint32_t)key.n};
    memcpy(l->text + l->used, service.p, service.n);
    memcpy(l->text + l->used + service.n, key.p, key.n);
    l->used += (uint32_t)(service.n + key.n);
    l->n++;
}

bool sp_learn_seen(struct sp_learn *l, struct sp_span service, struct sp_span key, struct sp_span text, struct sp_buf *line)
{
    uint64_t hash = sp_hash(key) ^ sp_hash(service) * 31, now = sp_clock_real_us();
    if (key.n == 0 || service.n + key.n > TEXT_MAX)
        return false;
    if (l->n == SP_LEARN_KEYS || l->used + service.n + key.n > TEXT_MAX)
        forget(l);
    struct slot *s = find(l, service, key, hash);
    if (s && s->key) {
        l->waiting += s->count++ == 0;
        s->seen_us = now;
        return false;
    }
    if (s)
        enter(l, s, service, key, hash);
    put_line(line, service, key, 1, now);
    sp_put_str(line, ",\"text\":");
    sp_json_quote(line, sp_span_sub(text, 0, SP_LEARN_TEXT));
    sp_put_str(line, "}\n");
    return !line->full;
}

bool sp_learn_waiting(const struct sp_learn *l)
{
    return l->waiting;
}

bool sp_learn_due(struct sp_learn *l, uint64_t now_ms, struct sp_buf *line)
{
    if (now_ms < l->due_ms)
        return false;
    for (; l->at < SLOTS; l->at++) {
        struct slot *s = &l->slots[l->at];
        if (!s->key || !s->count)
            continue;
        put_line(line, service_of(l, s), key_of(l, s), s->count, s->seen_us);
        sp_put_str(line, "}\n");
        s->count = 0;
        l->waiting--;
        return !line->full;
    }
    l->at = 0;
    l->due_ms = now_ms + SP_LEARN_EVERY_MS;
    return false;
}
