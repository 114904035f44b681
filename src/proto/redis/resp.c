/* SPDX-License-Identifier: Apache-2.0 */
/* resp: numbers and bulk strings, as strictly as the server's string2ll reads them, so that there is one way to write each. */
#include "proto/redis/redis.h"

enum resp_limits { DIGITS_MAX = 18 }; /* more never is a number that anything here may be */

static struct redis_number bad(enum redis_anomaly a, size_t end)
{
    return (struct redis_number){.is = READ_BAD, .anomaly = a, .end = end};
}

static struct redis_number more(void)
{
    return (struct redis_number){.is = READ_MORE};
}

static struct redis_number line_ends(struct sp_span in, size_t at, int64_t value)
{
    if (at + 1 >= in.n)
        return more();
    return in.p[at + 1] == '\n' ? (struct redis_number){.value = value, .end = at + 2} : bad(ANOMALY_LINE_END, at + 2);
}

struct redis_number redis_any_number(struct sp_span in, size_t at, int64_t max, enum redis_anomaly wrong)
{
    bool negative = sp_span_at(in, at) == '-';
    size_t first = at + negative;
    int64_t value = 0;
    for (size_t i = first;; i++) {
        int c = sp_span_at(in, i);
        if (c < 0)
            return more();
        if (c == '\r' && i > first)
            return line_ends(in, i, negative ? -value : value);
        bool leading_zero = i > first && value == 0;
        if (!sp_is_digit((uint8_t)c) || leading_zero || (negative && i == first && c == '0') || i - first == DIGITS_MAX)
            return bad(wrong, i + 1);
        value = value * 10 + (c - '0');
        if (!negative && value > max)
            return bad(wrong, i + 1);
    }
}

struct redis_bulk redis_any_bulk(struct sp_span in, size_t at)
{
    int c = sp_span_at(in, at);
    if (c < 0)
        return (struct redis_bulk){.is = READ_MORE};
    if (c != '$')
        return (struct redis_bulk){.is = READ_BAD, .anomaly = ANOMALY_BULK, .end = at + 1};
    struct redis_number n = redis_any_number(in, at + 1, BULK_MAX, ANOMALY_LENGTH);
    if (n.is == READ_OK && n.value < 0)
        n = bad(ANOMALY_LENGTH, n.end);
    return (struct redis_bulk){.is = n.is, .anomaly = n.anomaly, .data = n.end, .len = (size_t)n.value,
                               .end = n.is == READ_OK ? n.end + (size_t)n.value + 2 : n.end};
}
