/* SPDX-License-Identifier: Apache-2.0 */
/* sealed: memory from another process that nobody can change any more, so that what was checked stays true. */
#ifndef SP_PROC_SEALED_H
#define SP_PROC_SEALED_H

#include <stddef.h>

/* Maps a memfd that is sealed against writing and other lengths. 0, -EPROTO when it is not, or -errno. */
__attribute__((warn_unused_result)) int sp_sealed_map(int fd, const void **ret, size_t *ret_n);
void sp_sealed_unmap(const void *p, size_t n);

#endif
