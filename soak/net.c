/* SPDX-License-Identifier: Apache-2.0 */
/* net: see net.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include "net.h"

uint64_t soak_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

void soak_fail(const char *what)
{
    perror(what);
    exit(2);
}

void soak_all_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        soak_fail("getrlimit");
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit))
        soak_fail("setrlimit");
}

uint8_t *soak_out_room(struct soak_out *o, size_t n)
{
    if (o->n + n > o->cap) {
        o->cap = (o->n + n) * 2;
        o->p = realloc(o->p, o->cap);
        if (!o->p)
            soak_fail("realloc");
    }
    o->n += n;
    return o->p + o->n - n;
}

void soak_out_add(struct soak_out *o, const void *p, size_t n)
{
    if (n)
        memcpy(soak_out_room(o, n), p, n);
}

void soak_out_free(struct soak_out *o)
{
    free(o->p);
    *o = (struct soak_out){0};
}

long soak_out_flush(struct soak_out *o, int fd)
{
    long taken = 0;
    while (o->sent < o->n) {
        ssize_t n = send(fd, o->p + o->sent, o->n - o->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? taken : -1;
        o->sent += (size_t)n, taken += n;
    }
    soak_out_free(o);
    return taken;
}

const char *soak_header(const char *head, const char *name, size_t *ret_n)
{
    size_t n = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, n) || line[2 + n] != ':')
            continue;
        const char *value = line + 3 + n;
        value += strspn(value, " \t");
        *ret_n = strcspn(value, "\r");
        return value;
    }
    return NULL;
}
