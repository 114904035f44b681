/* SPDX-License-Identifier: Apache-2.0 */
/* keeper_set: plan, policy and listeners as a keeper holds them: checked once, when they come, so that a successor need not do it in a hurry. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proc/keeper.h"
#include "proc/sealed.h"

void keeper_set_init(struct keeper_set *s)
{
    s->plan_fd = s->policy_fd = -1;
    s->plan = NULL;
    s->policy = NULL;
    s->policy_size = 0;
    s->nlisteners = 0;
    s->listeners[0] = -1;
}

bool keeper_set_has(const struct keeper_set *s, int listener)
{
    for (unsigned i = 0; i < s->nlisteners; i++)
        if (s->listeners[i] == listener)
            return true;
    return false;
}

static bool same_file(int a, int b)
{
    struct stat x, y;
    return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

void keeper_set_reuse(struct keeper_set *s, const struct keeper_set *other)
{
    for (unsigned i = 0; i < s->nlisteners; i++)
        for (unsigned k = 0; k < other->nlisteners; k++)
            if (same_file(s->listeners[i], other->listeners[k])) {
                close(s->listeners[i]);
                s->listeners[i] = other->listeners[k];
                break;
            }
}

static int map_plan(struct keeper_set *s)
{
    const void *p;
    size_t n;
    int rc = sp_sealed_map(s->plan_fd, &p, &n);
    if (rc < 0)
        return rc;
    rc = sp_plan_verify(p, n, &s->plan);
    if (rc < 0)
        sp_sealed_unmap(p, n);
    return rc;
}

static int map_policy(struct keeper_set *s)
{
    const void *p;
    size_t n;
    int rc = sp_sealed_map(s->policy_fd, &p, &n);
    if (rc < 0)
        return rc;
    rc = sp_policy_verify(p, n, &s->policy);
    if (rc < 0)
        sp_sealed_unmap(p, n);
    else
        s->policy_size = n;
    return rc;
}

int keeper_set_map(struct keeper_set *s)
{
    int rc = map_plan(s);
    if (rc == 0 && s->plan->nlisteners != s->nlisteners)
        rc = -EPROTO;
    return rc < 0 ? rc : map_policy(s);
}

void keeper_set_fini(struct keeper_set *s, const struct keeper_set *other)
{
    for (unsigned i = 0; i < s->nlisteners; i++)
        if (!other || !keeper_set_has(other, s->listeners[i]))
            close(s->listeners[i]);
    if (s->plan_fd >= 0)
        close(s->plan_fd);
    if (s->policy_fd >= 0)
        close(s->policy_fd);
    sp_sealed_unmap(s->plan, sizeof *s->plan);
    sp_sealed_unmap(s->policy, s->policy_size);
    keeper_set_init(s);
}
