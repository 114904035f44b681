/* SPDX-License-Identifier: Apache-2.0 */
/* adopt: keepers outlive their supervisor. The next one finds them by their sockets, and takes over their listeners and reports as well. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "proc/runtime.h"
#include "proc/supervisor.h"

enum { ANSWER_S = 3 /* a worker without a keeper looks once a second */ };

static uint8_t buffer[SP_MESSAGE_MAX];

static int hear(struct post *p, enum sp_message_kind kind, struct sp_message *ret)
{
    for (;;) {
        int rc = sp_process_hear(p->control, SP_ROLE_KEEPER, SP_ROLE_SUPERVISOR, buffer, ret);
        if (rc != 1)
            return rc < 0 ? rc : -EPIPE;
        if (ret->kind == kind)
            return 0;
        sp_message_close_fds(ret); /* what it had to tell before we came */
    }
}

static int hear_self(struct supervisor *s, struct post *p)
{
    struct sp_message m;
    int rc = hear(p, SP_TELL_SELF, &m);
    if (rc < 0)
        return rc;
    memcpy(&p->self, m.body.p, sizeof p->self);
    if (m.nfds != 2 || p->self.slot != p->slot || p->self.nlisteners > SP_PLAN_LISTENERS) {
        sp_message_close_fds(&m);
        return -EPROTO;
    }
    p->report_fd = m.fds[0];
    /* All of them wake the same reader. */
    close(s->wake);
    s->wake = m.fds[1];
    return post_report(s, p);
}

static int hear_listeners(struct supervisor *s, struct post *p)
{
    for (uint32_t n = 0; n < p->self.nlisteners;) {
        struct sp_message m;
        int rc = hear(p, SP_TELL_LISTENERS, &m);
        if (rc < 0)
            return rc;
        for (unsigned i = 0; i < m.nfds; i++)
            lanes_adopt(s, p->lane, m.fds[i]);
        n += m.nfds;
    }
    return 0;
}

static void enter(struct supervisor *s, struct post *p)
{
    bool orphan = p->self.pid == p->self.worker, free_lane = s->lanes[p->lane].post == NO_POST;
    p->pid = orphan ? 0 : (pid_t)p->self.pid;
    p->worker = (pid_t)p->self.worker;
    p->state = orphan ? POST_ORPHAN : POST_SERVING;
    p->drains = orphan || !free_lane;
    post_watch(p, orphan ? p->worker : p->pid);
    if (!orphan && free_lane)
        s->lanes[p->lane].post = p->slot;
    else if (!orphan)
        p->state = POST_LEAVING;
}

static bool adopt(struct supervisor *s, struct post *p, const char *name)
{
    struct timeval patience = {ANSWER_S, 0}, none = {0, 0};
    p->control = sp_runtime_connect(s->runtime, name, 0);
    if (p->control < 0) {
        sp_runtime_unlink(s->runtime, name);
        p->control = -1;
        return false;
    }
    (void)setsockopt(p->control, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    int rc = post_say(p, SP_SAY_HELLO, NULL, 0, NULL, 0);
    if (rc == 0)
        rc = hear_self(s, p);
    if (rc == 0)
        rc = hear_listeners(s, p);
    (void)setsockopt(p->control, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none);
    (void)fcntl(p->control, F_SETFL, O_NONBLOCK);
    if (rc == 0) {
        enter(s, p);
        return true;
    }
    close(p->control);
    p->control = -1;
    return false;
}

unsigned posts_adopt(struct supervisor *s)
{
    unsigned n = 0;
    for (unsigned i = 0; i < POSTS_MAX; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "keeper-%u.sock", i);
        s->posts[i].lane = i % s->plan->workers;
        n += adopt(s, &s->posts[i], name);
    }
    return n;
}
