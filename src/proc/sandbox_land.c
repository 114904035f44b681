/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox_land: files, TCP ports and signals by Landlock (Documentation/userspace-api/landlock.rst of the kernel). The numbers are written down here because
 * the headers of the oldest system that we build on know fewer of them than the kernels that we run on.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proc/sandbox_row.h"

enum landlock_call { CALL_CREATE = 444, CALL_ADD = 445, CALL_RESTRICT = 446 };
enum { CREATE_VERSION = 1, RULE_PATH = 1, RULE_PORT = 2 };

enum landlock_right {
    MAY_EXECUTE = 1 << 0,
    MAY_WRITE = 1 << 1,
    MAY_READ = 1 << 2,
    MAY_LIST = 1 << 3,
    MAY_REMOVE_DIR = 1 << 4,
    MAY_REMOVE = 1 << 5,
    MAY_MAKE_CHAR = 1 << 6,
    MAY_MAKE_DIR = 1 << 7,
    MAY_MAKE = 1 << 8,
    MAY_MAKE_SOCKET = 1 << 9,
    MAY_MAKE_FIFO = 1 << 10,
    MAY_MAKE_BLOCK = 1 << 11,
    MAY_MAKE_LINK = 1 << 12,
    MAY_MOVE = 1 << 13,     /* from version 2 */
    MAY_TRUNCATE = 1 << 14, /* 3 */
    MAY_IOCTL = 1 << 15,    /* 5 */
};

enum landlock_net { MAY_BIND = 1 << 0, MAY_CONNECT = 1 << 1 }; /* from version 4 */
enum landlock_scope { NO_ABSTRACT_SOCKETS = 1 << 0, NO_SIGNALS = 1 << 1 }; /* from version 6 */

struct ruleset_attr { uint64_t files, net, scoped; };
struct path_attr { uint64_t allowed; int32_t parent; } __attribute__((packed));
struct port_attr { uint64_t allowed, port; };

enum land_limits {
    DEPTH_MAX = 16,     /* directories below a rule directory in which links are looked for: as deep as rules are read */
    LINKS_MAX = 4096,   /* links to rules that lie elsewhere */
};

#define FILE_RIGHTS (MAY_EXECUTE | MAY_WRITE | MAY_READ | MAY_TRUNCATE | MAY_IOCTL)
#define READ_RIGHTS (MAY_READ | MAY_LIST)
#define WRITE_RIGHTS (MAY_READ | MAY_LIST | MAY_WRITE | MAY_TRUNCATE | MAY_MAKE | MAY_REMOVE)

int land_version(void)
{
    long n = syscall(CALL_CREATE, NULL, 0, CREATE_VERSION);
    return n > 0 ? (int)n : 0;
}

static uint64_t known_rights(int version)
{
    uint64_t all = MAY_MOVE - 1;
    if (version >= 2)
        all |= MAY_MOVE;
    if (version >= 3)
        all |= MAY_TRUNCATE;
    if (version >= 5)
        all |= MAY_IOCTL;
    return all;
}

static size_t attr_size(int version)
{
    return version >= 6 ? sizeof(struct ruleset_attr) : version >= 4 ? offsetof(struct ruleset_attr, scoped) : offsetof(struct ruleset_attr, net);
}

/* ---- paths ---- */

struct laying {
    const struct land *land;
    uint64_t known;
    unsigned links;
};

static int add_open(const struct laying *l, int fd, uint64_t rights)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    struct path_attr rule = {.allowed = rights & l->known & (S_ISDIR(st.st_mode) ? ~UINT64_C(0) : FILE_RIGHTS), .parent = fd};
    return syscall(CALL_ADD, l->land->ruleset, RULE_PATH, &rule, 0) < 0 ? -errno : 0;
}

/* What is not there, or cannot be looked at, stays forbidden. */
static int add_path(const struct laying *l, const char *path, uint64_t rights)
{
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return 0;
    int rc = add_open(l, fd, rights);
    close(fd);
    return rc;
}

/* Directories of rules may hold links to files that are elsewhere. */
static int add_links(struct laying *l, const char *path, unsigned depth)
{
    DIR *d = depth < DEPTH_MAX ? opendir(path) : NULL;
    int rc = 0;
    for (struct dirent *e; d && rc == 0 && (e = readdir(d));) {
        char below[PATH_MAX];
        if (e->d_name[0] == '.' || snprintf(below, sizeof below, "%s/%s", path, e->d_name) >= (int)sizeof below)
            continue;
        if (e->d_type == DT_LNK && l->links++ < LINKS_MAX)
            rc = add_path(l, below, READ_RIGHTS);
        else if (e->d_type == DT_DIR)
            rc = add_links(l, below, depth + 1);
    }
    if (d)
        closedir(d);
    return rc;
}

/* Where glibc looks when it looks up a name, its modules for that included. */
static const char *const name_lookup[] = {
    "/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf", "/etc/services", "/etc/ld.so.cache",
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager", NULL,
};

static int lay_reading(struct laying *l, const char *const *paths, unsigned npaths)
{
    int rc = 0;
    for (const char *const *p = name_lookup; rc == 0 && *p; p++)
        rc = add_path(l, *p, READ_RIGHTS);
    for (unsigned i = 0; rc == 0 && i < npaths; i++) {
        rc = add_path(l, paths[i], READ_RIGHTS);
        if (rc == 0)
            rc = add_links(l, paths[i], 0);
    }
    return rc;
}

/* The directory, so that the file can be made again after it was moved away. Devices and FIFOs are never made: themselves alone. */
static int add_file(const struct laying *l, const char *path)
{
    struct stat st;
    char directory[PATH_MAX];
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return add_path(l, path, MAY_READ | MAY_WRITE);
    if (snprintf(directory, sizeof directory, "%s", path) >= (int)sizeof directory)
        return -ENAMETOOLONG;
    char *slash = strrchr(directory, '/');
    if (slash)
        slash[slash == directory] = 0;
    return add_path(l, slash ? directory : ".", WRITE_RIGHTS);
}

/* A link's target may be in another directory. */
static int add_output(const struct laying *l, const char *path)
{
    char real[PATH_MAX];
    int rc = add_file(l, path);
    return rc == 0 && realpath(path, real) ? add_file(l, real) : rc;
}

static int lay_writing(struct laying *l, const struct sp_plan *plan)
{
    int rc = plan->crashes[0] ? add_path(l, plan->crashes, WRITE_RIGHTS) : 0;
    if (rc == 0 && plan->store[0]) /* its journal lies beside it */
        rc = add_output(l, plan->store);
    for (uint32_t i = 0; rc == 0 && i < plan->noutputs; i++)
        if (plan->outputs[i].kind == SP_OUTPUT_FILE)
            rc = add_output(l, plan->outputs[i].path);
    return rc;
}

/* ---- ports ---- */

static int add_port(const struct land *l, uint16_t port)
{
    struct port_attr rule = {.allowed = MAY_CONNECT, .port = port};
    return syscall(CALL_ADD, l->ruleset, RULE_PORT, &rule, 0) < 0 ? -errno : 0;
}

static int lay_servers(const struct land *l, const struct sp_plan *plan)
{
    int rc = 0;
    for (uint32_t i = 0; i < plan->nservices; i++)
        for (unsigned k = 0; rc == 0 && k < plan->services[i].to.n; k++) {
            const struct sp_address *a = &plan->services[i].to.at[k];
            if (a->sa.any.sa_family != AF_UNIX)
                rc = add_port(l, sp_address_session(a).port);
        }
    return rc;
}

static int lay_ports(const struct land *l, const struct sp_sandbox *row, const struct sp_plan *plan)
{
    int rc = 0;
    if (row->local_only)
        return 0;
    if (!row->ports)
        return lay_servers(l, plan);
    for (const uint16_t *p = row->ports; rc == 0 && *p; p++)
        rc = add_port(l, *p);
    return rc;
}

/* ---- the whole ---- */

int land_prepare(const struct sp_sandbox *row, const struct sp_plan *plan, const char *const *paths, unsigned npaths, struct land *ret)
{
    int version = row->files == FILES_ALL ? 0 : land_version(), rc = 0;
    struct ruleset_attr attr = {known_rights(version), MAY_BIND | MAY_CONNECT, NO_ABSTRACT_SOCKETS | NO_SIGNALS};
    ret->ruleset = -1;
    if (version == 0)
        return 0;
    ret->ruleset = (int)syscall(CALL_CREATE, &attr, attr_size(version), 0);
    if (ret->ruleset < 0)
        return -errno;
    struct laying l = {.land = ret, .known = attr.files};
    if (row->files == FILES_READ)
        rc = lay_reading(&l, paths, npaths);
    else if (row->files == FILES_WRITE)
        rc = lay_writing(&l, plan);
    if (rc == 0 && version >= 4)
        rc = lay_ports(ret, row, plan);
    if (rc < 0)
        close(ret->ruleset);
    return rc;
}

int land_enter(struct land *l)
{
    if (l->ruleset < 0)
        return 0;
    int rc = syscall(CALL_RESTRICT, l->ruleset, 0) < 0 ? -errno : 0;
    close(l->ruleset);
    l->ruleset = -1;
    return rc;
}
