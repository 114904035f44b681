/* SPDX-License-Identifier: Apache-2.0 */
/* file: a small file as a whole. */
#ifndef SP_PROC_FILE_H
#define SP_PROC_FILE_H

#include <stddef.h>
#include <stdint.h>

/* 0 with *ret to be freed, or -errno; -EFBIG beyond max. */
__attribute__((warn_unused_result)) int sp_file_read(const char *path, size_t max, uint8_t **ret, size_t *ret_n);

#endif
