/* SPDX-License-Identifier: Apache-2.0 */
#include "proc/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

int sp_sealed_map(int fd, const void **ret, size_t *ret_n)
{
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) < 0 || st.st_size <= 0)
        return -EPROTO;
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return -errno;
    *ret = p;
    *ret_n = (size_t)st.st_size;
    return 0;
}

void sp_sealed_unmap(const void *p, size_t n)
{
    if (p)
        (void)munmap((void *)(uintptr_t)p, n);
}
