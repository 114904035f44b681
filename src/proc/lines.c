/* SPDX-License-Identifier: Apache-2.0 */
/* lines: the lines of a file or pipe one after the other, in memory that depends on the longest line only. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proc/lines.h"

enum {
    FIRST_CAP = 1 << 20, /* some hundred records a read */
};

int sp_lines_init(struct sp_lines *l, int fd)
{
    *l = (struct sp_lines){.fd = fd, .buf = malloc(FIRST_CAP), .cap = FIRST_CAP};
    return l->buf ? 0 : -ENOMEM;
}

void sp_lines_fini(struct sp_lines *l)
{
    free(l->buf);
    l->buf = NULL;
}

static int make_room(struct sp_lines *l)
{
    if (l->at > 0) {
        memmove(l->buf, l->buf + l->at, l->have - l->at);
        l->have -= l->at;
        l->at = 0;
    }
    if (l->have < l->cap)
        return 0;
    if (l->cap == SP_LINE_MAX)
        return -E2BIG;
    uint8_t *bigger = realloc(l->buf, l->cap * 2);
    if (!bigger)
        return -ENOMEM;
    l->buf = bigger;
    l->cap *= 2;
    return 0;
}

static int read_more(struct sp_lines *l)
{
    int err = make_room(l);
    if (err)
        return err;
    ssize_t n;
    do
        n = read(l->fd, l->buf + l->have, l->cap - l->have);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    l->ended = n == 0;
    l->have += (size_t)n;
    return 0;
}

static struct sp_span rest(const struct sp_lines *l)
{
    return sp_span_of(l->buf + l->at, l->have - l->at);
}

int sp_lines_next(struct sp_lines *l, struct sp_span *ret)
{
    size_t looked_at = 0, end;
    while ((end = sp_span_byte(rest(l), looked_at, '\n')) == SP_NOT_FOUND && !l->ended) {
        looked_at = l->have - l->at;
        int err = read_more(l);
        if (err) {
            l->number++;
            return err;
        }
    }
    struct sp_span line = end == SP_NOT_FOUND ? rest(l) : sp_span_sub(rest(l), 0, end);
    if (end == SP_NOT_FOUND && line.n == 0)
        return 0;
    l->at += line.n + (end != SP_NOT_FOUND);
    l->number++;
    *ret = line;
    return 1;
}
