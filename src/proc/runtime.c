/* SPDX-License-Identifier: Apache-2.0 */
/* runtime: paths of unix sockets are short, that of the directory may be long: sockets are reached through its descriptor. */
#include "proc/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/plan.h"

enum runtime_limits {
    BACKLOG = 16,
    OWNER_ONLY = 0700,
    OTHERS_MAY_LOOK = 0755, /* what leads to it, when it has to be made */
};

static const char lock_name[] = "lock";

static int make_parents(const char *path)
{
    char part[SP_PLAN_PATH];
    if (snprintf(part, sizeof part, "%s", path) >= (int)sizeof part)
        return -ENAMETOOLONG;
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(part, OTHERS_MAY_LOOK) < 0 && errno != EEXIST)
            return -errno;
        *slash = '/';
    }
    return mkdir(part, OWNER_ONLY) < 0 && errno != EEXIST ? -errno : 0;
}

static int find(const char *path, bool anybodys)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) == 0 && (anybodys || st.st_uid == geteuid()) && !(st.st_mode & (S_IWGRP | S_IWOTH)))
        return fd;
    close(fd);
    return -EPERM;
}

int sp_runtime_find(const char *path)
{
    return find(path, geteuid() == 0);
}

int sp_runtime_open(const char *path)
{
    int rc = make_parents(path);
    return rc < 0 ? rc : find(path, false);
}

int sp_runtime_lock(int dir)
{
    int fd = openat(dir, lock_name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    int error = errno;
    close(fd);
    return -error;
}

static struct sockaddr_un address_of(int dir, const char *name)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    (void)snprintf(a.sun_path, sizeof a.sun_path, "/proc/self/fd/%d/%s", dir, name);
    return a;
}

int sp_runtime_listen(int dir, const char *name)
{
    struct sockaddr_un a = address_of(dir, name);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    sp_runtime_unlink(dir, name);
    if (bind(fd, (const struct sockaddr *)&a, sizeof a) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int error = errno;
    close(fd);
    return -error;
}

int sp_runtime_connect(int dir, const char *name, int flags)
{
    struct sockaddr_un a = address_of(dir, name);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&a, sizeof a) == 0)
        return fd;
    int error = errno;
    close(fd);
    return -error;
}

void sp_runtime_unlink(int dir, const char *name)
{
    (void)unlinkat(dir, name, 0);
}

void sp_runtime_clear(int dir)
{
    sp_runtime_unlink(dir, SP_RUNTIME_CONTROL);
    sp_runtime_unlink(dir, lock_name);
}
