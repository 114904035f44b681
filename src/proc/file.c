/* SPDX-License-Identifier: Apache-2.0 */
/* file: a small file as a whole. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proc/file.h"

static int read_all(int fd, uint8_t *to, size_t cap, size_t *ret_n)
{
    size_t n = 0;
    while (n < cap) {
        ssize_t got = read(fd, to + n, cap - n);
        if (got < 0 && errno != EINTR)
            return -errno;
        if (got == 0)
            break;
        if (got > 0)
            n += (size_t)got;
    }
    *ret_n = n;
    return 0;
}

int sp_file_read(const char *path, size_t max, uint8_t **ret, size_t *ret_n)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    uint8_t *bytes = malloc(max + 1);
    size_t n = 0;
    int err = bytes ? read_all(fd, bytes, max + 1, &n) : -ENOMEM;
    if (!err && n > max)
        err = -EFBIG;
    close(fd);
    if (err) {
        free(bytes);
        return err;
    }
    *ret = bytes;
    *ret_n = n;
    return 0;
}
