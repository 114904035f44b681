/* SPDX-License-Identifier: Apache-2.0 */
/* net: what both programs of the soak need of the system: time, descriptors, bytes waiting to be written, headers found in a head. */
#ifndef SP_SOAK_NET_H
#define SP_SOAK_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint64_t soak_now(void); /* nanoseconds of CLOCK_MONOTONIC */
void soak_all_descriptors(void);
void soak_fail(const char *what) __attribute__((noreturn, format(printf, 1, 0)));

/* Bytes that wait to be written; memory only while there are some. */
struct soak_out {
    uint8_t *p;
    size_t n, sent, cap;
};
uint8_t *soak_out_room(struct soak_out *o, size_t n); /* n more bytes, counted in already */
void soak_out_add(struct soak_out *o, const void *p, size_t n);
/* Writes what the socket takes; returns what it took, -1 when the connection is broken. Gives the memory back when all is written. */
long soak_out_flush(struct soak_out *o, int fd);
void soak_out_free(struct soak_out *o);

/* The value of a header in a head that ends with a NUL; NULL when it is not there. *ret_n: its length. */
const char *soak_header(const char *head, const char *name, size_t *ret_n);

#endif
