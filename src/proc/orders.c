/* SPDX-License-Identifier: Apache-2.0 */
/* orders: what users ask for over the control socket, or with SIGHUP. One after the other, between two turns. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "proc/notify.h"
#include "proc/supervisor.h"

enum { TEXT_MAX = SP_MESSAGE_MAX - 16 };

/* ---- users ---- */

static void dismiss(struct user *u)
{
    if (u->fd >= 0)
        close(u->fd);
    if (u->binary >= 0)
        close(u->binary);
    *u = (struct user){.fd = -1, .binary = -1};
}

void orders_accept(struct supervisor *s)
{
    int fd = accept4(s->door, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    for (unsigned i = 0; i < USERS_MAX && sp_process_trusts(fd); i++)
        if (s->users[i].fd < 0) {
            s->users[i].fd = fd;
            return;
        }
    close(fd);
}

void orders_hear(struct supervisor *s, struct user *u)
{
    static uint8_t buffer[SP_MESSAGE_MAX];
    struct sp_message m;
    int rc = sp_process_hear(u->fd, SP_ROLE_USER, SP_ROLE_SUPERVISOR, buffer, &m);
    if (rc == -EAGAIN)
        return;
    if (rc != 1) {
        dismiss(u);
        return;
    }
    u->ask = m.kind;
    if (m.nfds)
        u->binary = m.fds[0];
    (void)s;
}

void order_answer(struct user *u, int status, struct sp_span text)
{
    uint32_t told = (uint32_t)status;
    struct sp_buf b = sp_buf_growing(SP_MESSAGE_MAX);
    sp_put(&b, sp_span_of(&told, sizeof told));
    sp_put(&b, sp_span_sub(text, 0, TEXT_MAX));
    if (sp_message_send(u->fd, SP_ANSWER, sp_buf_span(&b), NULL, 0) < 0)
        sp_log(SP_LOG_DEBUG, "whoever asked is gone");
    sp_buf_fini(&b);
    dismiss(u);
}

/* ---- reload ---- */

static void log_lines(enum sp_log_level level, struct sp_span text)
{
    while (text.n) {
        size_t end = sp_span_byte(text, 0, '\n');
        if (end)
            sp_log(level, "%.*s", SP_FMT(sp_span_sub(text, 0, end)));
        text = end == SP_NOT_FOUND ? sp_span_of(NULL, 0) : sp_span_from(text, end + 1);
    }
}

/* The text is an answer for whoever asked. */
static int reload(struct supervisor *s, struct sp_buf *text)
{
    clerk_reopen(s);
    int status = load_run(s, -1);
    if (!status && load_apply(s) < 0) {
        status = SP_EXIT_RUNTIME;
        sp_put_fmt(text, "%s\n", s->why);
        log_lines(SP_LOG_ERROR, sp_buf_span(text));
    } else if (status) {
        sp_put(text, sp_buf_span(&s->load.text));
        ssize_t n = write(STDERR_FILENO, text->p, text->n);
        (void)n; /* nowhere else to say it */
    }
    if (status)
        sp_log(SP_LOG_ERROR, "not loaded again: what was in force stays in force");
    else {
        sp_put_str(text, "loaded again: ");
        sp_put(text, sp_buf_span(&s->load.text));
        log_lines(SP_LOG_INFO, sp_buf_span(text));
    }
    load_drop(&s->load);
    return status;
}

static void reload_for(struct supervisor *s, struct user *u)
{
    struct sp_buf text = sp_buf_growing(TEXT_MAX);
    sp_notify_reloading();
    int status = reload(s, &text);
    sp_notify_ready();
    if (u)
        order_answer(u, status, sp_buf_span(&text));
    sp_buf_fini(&text);
}

/* ---- upgrade ---- */

/* Comes back only when it could not be done. */
static void upgrade(struct supervisor *s, struct user *u)
{
    struct sp_buf text = sp_buf_growing(TEXT_MAX);
    sp_notify_reloading();
    int rc = succession(s, u, &text);
    sp_notify_ready();
    log_lines(SP_LOG_ERROR, sp_buf_span(&text));
    sp_log(SP_LOG_ERROR, "not upgraded: the program that runs goes on");
    order_answer(u, rc, sp_buf_span(&text));
    sp_buf_fini(&text);
}

void orders_do(struct supervisor *s)
{
    if (s->reload) {
        s->reload = false;
        reload_for(s, NULL);
    }
    for (unsigned i = 0; i < USERS_MAX && !s->stop; i++) {
        struct user *u = &s->users[i];
        if (u->ask == SP_ASK_RELOAD)
            reload_for(s, u);
        else if (u->ask == SP_ASK_STATUS || u->ask == SP_ASK_STATUS_JSON)
            status_tell(s, u);
        else if (u->ask == SP_ASK_UPGRADE)
            upgrade(s, u);
    }
}
