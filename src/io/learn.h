/* SPDX-License-Identifier: Apache-2.0 */
/*
 * learn: what a worker remembers of the statements it has seen: every key once, and how often it came since it was last told. A line of it is
 *
 *     {"event_type":"statement","service":"shop","key":"web/shop/api/0123456789abcdef","count":3,"seen_us":1700000000000000,"text":"select ..."}
 *
 * with the text only the first time. What a worker that dies had not told is lost: counts are how often at least.
 */
#ifndef SP_IO_LEARN_H
#define SP_IO_LEARN_H

#include "base/buf.h"

enum sp_learn_limits {
    SP_LEARN_KEYS = 1 << 16,    /* remembered by one worker; when they are more it forgets all and tells them again */
    SP_LEARN_EVERY_MS = 5000,   /* between two tellings of counts */
    SP_LEARN_TEXT = 8 << 10,    /* bytes of a statement's text that are told */
    SP_LEARN_LINE = 64 << 10,
};
#define SP_LEARN_PREFIX "{\"event_type\":\"statement\","

struct sp_learn;

__attribute__((warn_unused_result)) int sp_learn_new(struct sp_learn **ret); /* 0 or -ENOMEM */
void sp_learn_free(struct sp_learn *l);
/* A statement has passed. True: `line`, which has room for SP_LEARN_LINE, is to be told. */
bool sp_learn_seen(struct sp_learn *l, struct sp_span service, struct sp_span key, struct sp_span text, struct sp_buf *line);
/* There are counts to be told. */
bool sp_learn_waiting(const struct sp_learn *l);
/* The next count that is due at `now_ms`. False: none. */
bool sp_learn_due(struct sp_learn *l, uint64_t now_ms, struct sp_buf *line);

#endif
