/* SPDX-License-Identifier: Apache-2.0 */
/* inline: commands typed as lines of words, as the server's processInlineBuffer and sdssplitargs read them. */
#include "proto/redis/redis.h"

struct redis_number redis_line(struct sp_span in, size_t at, size_t scanned)
{
    struct sp_span line = sp_span_sub(in, at, INLINE_MAX);
    size_t end = sp_span_byte(line, scanned, '\n');
    size_t nul = sp_span_byte(sp_span_sub(line, 0, end), scanned, 0);
    if (nul != SP_NOT_FOUND)
        return (struct redis_number){.is = READ_BAD, .anomaly = ANOMALY_INLINE_NUL, .end = at + nul + 1};
    if (end != SP_NOT_FOUND)
        return (struct redis_number){.end = at + end + 1};
    if (line.n == INLINE_MAX)
        return (struct redis_number){.is = READ_BAD, .anomaly = ANOMALY_INLINE_TOO_LONG, .end = at + INLINE_MAX};
    return (struct redis_number){.is = READ_MORE};
}

/* isspace() of the C locale; \v and \f part words only where no word is being read. */
static bool is_blank(int c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool ends_word(int c)
{
    return c < 0 || c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static uint8_t escaped(uint8_t c)
{
    switch (c) {
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'b': return '\b';
    case 'a': return '\a';
    default: return c;
    }
}

/* One character inside quotes, from *at on. */
static uint8_t quoted_char(struct sp_span line, size_t *at, uint8_t quote)
{
    uint8_t c = line.p[(*at)++];
    int next = sp_span_at(line, *at);
    if (c != '\\' || next < 0 || (quote == '\'' && next != '\''))
        return c;
    int high = sp_span_at(line, *at + 1), low = sp_span_at(line, *at + 2);
    if (quote == '"' && next == 'x' && high >= 0 && low >= 0 && sp_hex((uint8_t)high) >= 0 && sp_hex((uint8_t)low) >= 0) {
        *at += 3;
        return (uint8_t)(sp_hex((uint8_t)high) << 4 | sp_hex((uint8_t)low));
    }
    (*at)++;
    return quote == '"' ? escaped((uint8_t)next) : (uint8_t)next;
}

/* From behind the opening quote to behind the closing one. False: there is none, or something stands right behind it. */
static bool read_quoted(struct sp_span line, size_t *at, uint8_t quote, struct sp_buf *out)
{
    while (*at < line.n && line.p[*at] != quote)
        sp_put_byte(out, quoted_char(line, at, quote));
    if (*at >= line.n)
        return false;
    int next = sp_span_at(line, ++*at);
    return next < 0 || is_blank(next);
}

/* The word at *at. A closing quote ends it. */
static bool read_word(struct sp_span line, size_t *at, struct sp_buf *out)
{
    while (!ends_word(sp_span_at(line, *at))) {
        uint8_t c = line.p[(*at)++];
        if (c == '"' || c == '\'')
            return read_quoted(line, at, c, out);
        sp_put_byte(out, c);
    }
    return true;
}

static struct sp_span without_end(struct sp_span line)
{
    size_t n = line.n;
    if (n && line.p[n - 1] == '\n')
        n--;
    if (n && n < line.n && line.p[n - 1] == '\r')
        n--;
    return sp_span_sub(line, 0, n);
}

int redis_split(struct sp_span line, struct sp_arena *a, struct sp_span *words, struct sp_span *raw, size_t max)
{
    struct sp_span in = without_end(line);
    struct sp_buf text = sp_buf_arena(a, in.n);
    size_t n = 0, at = 0;
    for (;;) {
        while (at < in.n && is_blank(in.p[at]))
            at++;
        if (at == in.n || n == max)
            break;
        size_t from = at, start = text.n;
        if (!read_word(in, &at, &text))
            return -1;
        words[n] = sp_span_from(sp_buf_span(&text), start);
        raw[n++] = sp_span_sub(in, from, at - from);
    }
    (void)sp_buf_done(&text, a);
    return (int)n;
}
