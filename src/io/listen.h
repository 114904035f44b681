/* SPDX-License-Identifier: Apache-2.0 */
/* listen: listening sockets, and plain words for why one cannot be had. */
#ifndef SP_IO_LISTEN_H
#define SP_IO_LISTEN_H

#include "io/address.h"

/* A non-blocking socket that several workers may open each (SO_REUSEPORT). A descriptor; or -errno with one sentence in `why`. */
__attribute__((warn_unused_result)) int sp_listen_open(const struct sp_address *a, char *why, size_t why_len);
/*
 * Nobody else listens there: with SO_REUSEPORT a second process of the same user would silently share the port. 0, or -errno with one sentence.
 */
__attribute__((warn_unused_result)) int sp_listen_probe(const struct sp_address *a, char *why, size_t why_len);

#endif
