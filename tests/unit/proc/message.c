/* SPDX-License-Identifier: Apache-2.0 */
/* Messages between processes: what is exactly one arrives with its descriptors, everything else ends the sender and leaks nothing. */
#include "proc/message.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit.h"

static uint8_t buffer[SP_MESSAGE_MAX];

struct wire {
    int a, b;
    unsigned open; /* descriptors of this process when it was made */
};

static unsigned descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    unsigned n = 0;
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static struct wire wire(void)
{
    int fd[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
    return (struct wire){fd[0], fd[1], descriptors()};
}

static void cut(struct wire *w)
{
    assert_int_equal(descriptors(), w->open);
    close(w->a);
    close(w->b);
}

/* Past sp_message_send, which would refuse it. */
static void send_raw(int to, const void *bytes, size_t n, unsigned nfds)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(253 * sizeof(int))];
    } control = {0};
    struct iovec part = {(void *)(uintptr_t)bytes, n};
    struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1};
    if (nfds) {
        packet.msg_control = control.room;
        packet.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&packet);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
        for (unsigned i = 0; i < nfds; i++)
            ((int *)(void *)CMSG_DATA(c))[i] = STDERR_FILENO;
    }
    assert_int_equal(sendmsg(to, &packet, 0), (ssize_t)n);
}

static struct sp_span body_of(const void *p, size_t n)
{
    return sp_span_of(p, n);
}

static void what_is_sent_arrives(void **state)
{
    (void)state;
    struct wire w = wire();
    struct sp_say_start start = {.slot = 3, .nlisteners = 2, .policy_generation = 7};
    int fds[4] = {0, 1, 2, w.a};
    struct sp_message m;
    assert_int_equal(sp_message_send(w.a, SP_SAY_START, body_of(&start, sizeof start), fds, 4), 0);
    assert_int_equal(sp_message_receive(w.b, buffer, &m), 1);
    assert_int_equal(m.kind, SP_SAY_START);
    assert_int_equal(m.body.n, sizeof start);
    assert_memory_equal(m.body.p, &start, sizeof start);
    assert_int_equal(m.nfds, 4);
    assert_int_equal(descriptors(), w.open + 4);
    sp_message_close_fds(&m);
    assert_int_equal(sp_message_receive(w.b, buffer, &m), -EAGAIN);
    cut(&w);
}

static void most_descriptors_and_longest_text(void **state)
{
    (void)state;
    static uint8_t text[SP_MESSAGE_MAX];
    struct wire w = wire();
    int fds[SP_MESSAGE_FDS], wide = 1 << 20;
    struct sp_message m;
    assert_int_equal(setsockopt(w.a, SOL_SOCKET, SO_SNDBUF, &wide, sizeof wide), 0);
    for (unsigned i = 0; i < SP_MESSAGE_FDS; i++)
        fds[i] = w.a;
    assert_int_equal(sp_message_send(w.a, SP_SAY_LISTENERS, body_of(NULL, 0), fds, SP_MESSAGE_FDS), 0);
    assert_int_equal(sp_message_receive(w.b, buffer, &m), 1);
    assert_int_equal(m.nfds, SP_MESSAGE_FDS);
    sp_message_close_fds(&m);
    assert_int_equal(sp_message_send(w.a, SP_ADMIN_LINE, body_of(text, SP_MESSAGE_MAX - 4), NULL, 0), 0);
    assert_int_equal(sp_message_receive(w.b, buffer, &m), 1);
    assert_int_equal(m.body.n, SP_MESSAGE_MAX - 4);
    assert_int_equal(sp_message_send(w.a, SP_ADMIN_LINE, body_of(text, SP_MESSAGE_MAX - 3), NULL, 0), -EINVAL);
    cut(&w);
}

static void the_sender_is_checked_too(void **state)
{
    (void)state;
    struct wire w = wire();
    struct sp_say_grace grace = {10};
    int fd = w.a;
    assert_int_equal(sp_message_send(w.a, SP_SAY_STOP, body_of(&grace, sizeof grace - 1), NULL, 0), -EINVAL);
    assert_int_equal(sp_message_send(w.a, SP_SAY_STOP, body_of(&grace, sizeof grace), &fd, 1), -EINVAL);
    assert_int_equal(sp_message_send(w.a, (enum sp_message_kind)60, body_of(NULL, 0), NULL, 0), -EINVAL);
    cut(&w);
}

static void refused(uint32_t kind, size_t body, unsigned nfds)
{
    static uint8_t bytes[SP_MESSAGE_MAX + 64];
    struct wire w = wire();
    struct sp_message m = {.nfds = 99};
    memcpy(bytes, &kind, sizeof kind);
    send_raw(w.a, bytes, sizeof kind + body, nfds);
    assert_int_equal(sp_message_receive(w.b, buffer, &m), -EPROTO);
    assert_int_equal(m.nfds, 99);
    cut(&w);
}

static void what_is_no_message_is_refused(void **state)
{
    (void)state;
    refused(0, 0, 0);
    refused(60, 0, 0);
    refused(1000000, 0, 0);
    refused(UINT32_MAX, 0, 0);
    refused(SP_SAY_STOP, sizeof(struct sp_say_grace) - 1, 0);
    refused(SP_SAY_STOP, sizeof(struct sp_say_grace) + 1, 0);
    refused(SP_SAY_HELLO, 1, 0);
    refused(SP_TELL_WRONG, 3, 0);
    refused(SP_ADMIN_LINE, SP_MESSAGE_MAX, 0);
}

static void wrong_numbers_of_descriptors_are_refused_and_closed(void **state)
{
    (void)state;
    refused(SP_SAY_START, sizeof(struct sp_say_start), 3);
    refused(SP_SAY_START, sizeof(struct sp_say_start), 5);
    refused(SP_SAY_HELLO, 0, 1);
    refused(SP_SAY_LISTENERS, 0, 0);
    refused(SP_SAY_LISTENERS, 0, SP_MESSAGE_FDS + 1); /* more than there is room for: control data is cut */
    refused(SP_SAY_LISTENERS, 0, 253);
    refused(60, 0, 5);
}

static void a_packet_without_a_kind_is_refused(void **state)
{
    (void)state;
    struct wire w = wire();
    struct sp_message m;
    send_raw(w.a, "abc", 3, 2);
    assert_int_equal(sp_message_receive(w.b, buffer, &m), -EPROTO);
    send_raw(w.a, "", 0, 1);
    assert_int_equal(sp_message_receive(w.b, buffer, &m), -EPROTO);
    cut(&w);
}

static void a_peer_that_is_gone(void **state)
{
    (void)state;
    struct wire w = wire();
    struct sp_message m;
    assert_int_equal(sp_message_send(w.a, SP_SAY_HELLO, body_of(NULL, 0), NULL, 0), 0);
    close(w.a);
    assert_int_equal(sp_message_receive(w.b, buffer, &m), 1);
    assert_int_equal(sp_message_receive(w.b, buffer, &m), 0);
    assert_int_equal(sp_message_send(w.b, SP_SAY_HELLO, body_of(NULL, 0), NULL, 0), -EPIPE);
    close(w.b);
}

static void a_peer_that_left_with_our_words_unread(void **state)
{
    (void)state;
    struct wire w = wire();
    struct sp_message m;
    assert_int_equal(sp_message_send(w.b, SP_SAY_HELLO, body_of(NULL, 0), NULL, 0), 0);
    close(w.a);
    assert_int_equal(sp_message_receive(w.b, buffer, &m), 0);
    close(w.b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sent_arrives),
        cmocka_unit_test(most_descriptors_and_longest_text),
        cmocka_unit_test(the_sender_is_checked_too),
        cmocka_unit_test(what_is_no_message_is_refused),
        cmocka_unit_test(wrong_numbers_of_descriptors_are_refused_and_closed),
        cmocka_unit_test(a_packet_without_a_kind_is_refused),
        cmocka_unit_test(a_peer_that_is_gone),
        cmocka_unit_test(a_peer_that_left_with_our_words_unread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
