/* SPDX-License-Identifier: Apache-2.0 */
/* exchange: what a client of the soak says (HTTP/1.1, RFC 9112; websocket, RFC 6455), and the judge of every byte that comes back. */
#include <stdio.h>
#include <stdlib.h>

#include "load.h"

enum {
    DOWNLOAD_SIZE = 64 << 20,
    SLOW_MIN = 4 << 10, SLOW_MORE = 20 << 10,      /* bytes of a slow upload */
    SLOW_PIECE = 1024, SLOW_PAUSE_MS = 250,        /* a few KiB a second */
    BULK_MIN = 256 << 10, BULK_MORE = 4 << 20,
    BULK_PIECE = 32 << 10, BULK_PAUSE_MS = 40,
    ANSWER_PIPELINED = 8 << 10, ANSWER_MAX = 32 << 10,
    FRAME_SMALL = 200, FRAME_MIDDLE = 4 << 10, FRAME_LARGE = 66 << 10, /* the last needs eight bytes of length now and then */
    FORM_MAX = 2000,
};

static uint64_t below(struct load_client *c, uint64_t n) { return soak_random(&c->random) % n; }

static void later(struct load_client *c)
{
    load_pause(c, c->kind == LOAD_ECHO ? 20 + below(c, load_think_ms / 2) : load_think_ms / 2 + below(c, load_think_ms));
}

static struct load_expected *expect(struct load_client *c, uint64_t seed, uint64_t length, bool upload)
{
    struct load_expected *e = &c->queue[(c->first + c->outstanding++) % LOAD_QUEUE];
    *e = (struct load_expected){.seed = seed, .length = length, .upload = upload};
    load_totals.requests++;
    return e;
}

/* ---- what is said ---- */

static void say_get(struct load_client *c, const char *what, const char *size, uint64_t length, const char *more)
{
    static const char browser[] = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\nAccept: text/html,*/*;q=0.8\r\n"
                                  "Accept-Language: en-GB,en;q=0.9\r\nCookie: theme=dark; consent=1\r\n";
    char text[LOAD_HEAD];
    uint64_t seed = soak_random(&c->random);
    int n = snprintf(text, sizeof text, "GET /%s?%s=%llu&seed=%llu%s HTTP/1.1\r\nHost: soak\r\n%s%s\r\n", what, size, (unsigned long long)length,
        (unsigned long long)seed, below(c, 4) ? "" : "&chunked=1", below(c, 2) ? browser : "", more);
    expect(c, seed, length, false);
    soak_out_add(&c->out, text, (size_t)n);
}

static void say_upload_head(struct load_client *c)
{
    char text[LOAD_HEAD], length[64];
    snprintf(length, sizeof length, "Content-Length: %llu", (unsigned long long)c->upload_end);
    int n = snprintf(text, sizeof text, "%s /upload HTTP/1.1\r\nHost: soak\r\nContent-Type: application/%s\r\n%s\r\n\r\n", below(c, 2) ? "POST" : "PUT",
        c->form ? "x-www-form-urlencoded" : "octet-stream", c->coded ? "Transfer-Encoding: chunked" : length);
    soak_out_add(&c->out, text, (size_t)n);
    expect(c, 0, c->upload_end, true);
}

static void say_piece(struct load_client *c, size_t n)
{
    char size[32];
    if (c->coded)
        soak_out_add(&c->out, size, (size_t)snprintf(size, sizeof size, "%zx\r\n", n));
    uint8_t *p = soak_out_room(&c->out, n);
    soak_fill(c->upload_seed, c->upload_at, p, n);
    for (size_t i = 0; c->form && i < n; i++)
        p[i] = (uint8_t)('a' + p[i] % 16);
    soak_digest_add(&c->digest, p, n);
    c->upload_at += n;
    bool last = c->upload_at == c->upload_end;
    if (c->coded)
        soak_out_add(&c->out, last ? "\r\n0\r\n\r\n" : "\r\n", last ? 7 : 2);
    if (last) {
        c->uploading = false;
        load_want(c);
    }
}

static void begin_upload(struct load_client *c, uint64_t length, bool form)
{
    c->uploading = true;
    c->coded = below(c, 2);
    c->form = form;
    c->upload_seed = soak_random(&c->random);
    c->upload_at = 0;
    c->upload_end = length;
    c->digest = (struct soak_digest){0};
    say_upload_head(c);
}

void load_upload_more(struct load_client *c)
{
    bool bulk = c->kind == LOAD_BULK;
    uint64_t left = c->upload_end - c->upload_at, n = bulk ? BULK_PIECE : 256 + below(c, SLOW_PIECE);
    say_piece(c, (size_t)(n < left ? n : left));
    if (c->uploading)
        load_pause(c, load_draining ? 1 : bulk ? BULK_PAUSE_MS : SLOW_PAUSE_MS / 2 + below(c, SLOW_PAUSE_MS));
}

static void say_small(struct load_client *c)
{
    unsigned requests = below(c, 5) ? 1 : 2 + (unsigned)below(c, 2);
    if (requests == 1 && below(c, 8) == 0) {
        begin_upload(c, 1 + below(c, FORM_MAX), true);
        say_piece(c, (size_t)c->upload_end);
        return;
    }
    for (unsigned i = 0; i < requests; i++)
        say_get(c, "small", "n", below(c, requests > 1 ? ANSWER_PIPELINED : below(c, 4) ? 2048 : ANSWER_MAX), "");
    load_want(c);
}

static void say_frame(struct load_client *c)
{
    unsigned kind = (unsigned)below(c, 20);
    uint64_t n = below(c, kind < 14 ? FRAME_SMALL : kind < 19 ? FRAME_MIDDLE : FRAME_LARGE), mask = soak_random(&c->random);
    unsigned size = n > 65535 ? 8 : n > 125 ? 2 : 0;
    uint8_t head[14] = {0x82, (uint8_t)(0x80 | (size == 8 ? 127 : size ? 126 : n))};
    for (unsigned i = 0; i < size; i++)
        head[2 + i] = (uint8_t)(n >> 8 * (size - 1 - i));
    memcpy(head + 2 + size, &mask, 4);
    soak_out_add(&c->out, head, 6 + size);
    uint8_t *p = soak_out_room(&c->out, n);
    soak_fill(c->echo_seed, c->echo_sent, p, n);
    soak_mask(head + 2 + size, 0, p, n);
    c->echo_sent += n;
    expect(c, c->echo_seed, n, false);
    load_totals.requests--;
}

static void say_frames(struct load_client *c)
{
    for (uint64_t n = 1 + below(c, 3); n; n--)
        say_frame(c);
    load_want(c);
}

static void say_upgrade(struct load_client *c)
{
    char text[LOAD_HEAD];
    for (unsigned i = 0; i < 22; i++)
        c->key[i] = (char)('A' + below(c, 26));
    memcpy(c->key + 22, "==", 3);
    c->echo_seed = soak_random(&c->random);
    c->echo_sent = c->echo_back = 0;
    int n = snprintf(text, sizeof text, "GET /echo HTTP/1.1\r\nHost: soak\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n",
        c->key);
    soak_out_add(&c->out, text, (size_t)n);
    expect(c, 0, 0, false);
    load_want(c);
}

void load_begin(struct load_client *c)
{
    switch (c->kind) {
    case LOAD_SMALL:
        say_small(c);
        break;
    case LOAD_CHURN:
        say_get(c, "small", "n", below(c, 2048), "Connection: close\r\n");
        load_want(c);
        break;
    case LOAD_DOWNLOAD:
        say_get(c, "big", "size", DOWNLOAD_SIZE, "");
        load_want(c);
        break;
    case LOAD_UPLOAD:
        begin_upload(c, SLOW_MIN + below(c, SLOW_MORE), below(c, 2));
        load_upload_more(c);
        break;
    case LOAD_BULK:
        begin_upload(c, BULK_MIN + below(c, BULK_MORE), false);
        load_upload_more(c);
        break;
    default:
        if (c->reading == LOAD_FRAME_HEAD)
            say_frames(c);
        else
            say_upgrade(c);
    }
}

bool load_idle(const struct load_client *c) { return !c->outstanding && !c->ending && !c->connecting; }

/* ---- what comes back ---- */

static const struct load_expected *expected(const struct load_client *c) { return &c->queue[c->first % LOAD_QUEUE]; }

static void wrong(struct load_client *c, const char *what, uint64_t a, uint64_t b)
{
    c->broken = true;
    load_note(c, what, a, b);
}

/* Says what has become of a stream that is not what it should be at `at`. */
static void spoiled(struct load_client *c, uint64_t seed, uint64_t at, const uint8_t *p, size_t n)
{
    uint64_t found;
    if (soak_find(seed, at, p, n, &found)) {
        *(found > at ? &load_totals.missing : &load_totals.duplicated) += found > at ? found - at : at - found;
        wrong(c, found > at ? "bytes are missing" : "bytes came twice", at, found);
        return;
    }
    for (size_t i = 0; i < n; i++)
        load_totals.altered += soak_check(seed, at + i, p + i, 1) == 0;
    wrong(c, "bytes were altered", at, n);
}

static void check_content(struct load_client *c, uint64_t seed, uint64_t at, const uint8_t *p, size_t n)
{
    size_t right = soak_check(seed, at, p, n);
    load_totals.bytes += right;
    if (right < n)
        spoiled(c, seed, at + right, p + right, n - right);
}

static void take_body(struct load_client *c, const uint8_t *p, size_t n)
{
    const struct load_expected *e = expected(c);
    if (!c->ok)
        return;
    if (e->upload) {
        size_t some = n < LOAD_TEXT - c->ntext ? n : LOAD_TEXT - c->ntext;
        memcpy(c->text + c->ntext, p, some);
        c->ntext += (unsigned)some;
    } else if (c->at + n > e->length) {
        load_totals.duplicated += c->at + n - e->length;
        wrong(c, "an answer is too long", c->at + n, e->length);
    } else {
        check_content(c, e->seed, c->at, p, n);
    }
    c->at += n;
}

static void check_upload(struct load_client *c)
{
    char want[LOAD_TEXT + 1];
    snprintf(want, sizeof want, "%llu %016llx\n", (unsigned long long)c->digest.n, (unsigned long long)soak_digest_end(&c->digest));
    c->text[c->ntext] = 0;
    uint64_t got = strtoull(c->text, NULL, 10);
    if (strcmp(want, c->text) == 0) {
        load_totals.bytes += c->digest.n;
        return;
    }
    if (got == c->digest.n)
        load_totals.altered++;
    else
        *(got < c->digest.n ? &load_totals.missing : &load_totals.duplicated) += got < c->digest.n ? c->digest.n - got : got - c->digest.n;
    wrong(c, "an upload did not arrive as it was sent", got, c->digest.n);
}

static void answered(struct load_client *c)
{
    const struct load_expected *e = expected(c);
    if (c->ok && c->uploading)
        wrong(c, "an answer before the end of the upload", c->upload_at, c->upload_end);
    else if (c->ok && e->upload)
        check_upload(c);
    else if (c->ok && c->at < e->length) {
        load_totals.missing += e->length - c->at;
        wrong(c, "an answer is too short", c->at, e->length);
    } else if (!c->ok && c->uploading)
        c->broken = true; /* nothing can follow half an upload */
    load_totals.downloads += c->ok && c->kind == LOAD_DOWNLOAD;
    c->first++;
    c->outstanding--;
    c->reading = LOAD_ANSWER;
    c->ending = c->kind == LOAD_CHURN;
    if (!c->outstanding && !c->ending && !c->broken)
        later(c);
}

static void upgraded(struct load_client *c)
{
    size_t n = 0;
    char accept_key[29];
    const char *got = soak_header(c->head, "Sec-WebSocket-Accept", &n);
    soak_ws_accept(c->key, 24, accept_key);
    if (!got || n != 28 || memcmp(got, accept_key, 28) != 0)
        wrong(c, "the upgrade was answered with another key", n, 28);
    c->first++;
    c->outstanding--;
    c->reading = LOAD_FRAME_HEAD;
    later(c);
}

static void answer_begins(struct load_client *c)
{
    size_t n;
    unsigned long status = strncmp(c->head, "HTTP/1.1 ", 9) ? 0 : strtoul(c->head + 9, NULL, 10);
    const char *length = soak_header(c->head, "Content-Length", &n), *coding = soak_header(c->head, "Transfer-Encoding", &n);
    c->at = 0;
    c->ntext = 0;
    c->ok = status == 101 || (status >= 200 && status < 300);
    if (!c->ok) {
        load_totals.failed++;
        load_note(c, c->head, status, c->outstanding);
    }
    if (!c->outstanding || !status || (c->kind == LOAD_ECHO) != (status == 101)) {
        wrong(c, "an answer that nobody asked for", status, c->outstanding);
    } else if (status == 101) {
        upgraded(c);
    } else if (coding) {
        c->reading = LOAD_CHUNK_SIZE;
    } else {
        c->left = length ? strtoull(length, NULL, 10) : 0;
        c->reading = LOAD_FIXED;
        if (!c->left)
            answered(c);
    }
}

/* Collects up to and with the first `end`; false when it is not all here. */
static bool collect(struct load_client *c, const uint8_t **p, size_t *n, const char *end)
{
    size_t len = strlen(end);
    while (*n) {
        if (c->nhead == LOAD_HEAD) {
            wrong(c, "a head without an end", c->nhead, c->reading);
            return false;
        }
        c->head[c->nhead++] = (char)*(*p)++, (*n)--;
        if (c->nhead >= len && c->head[c->nhead - 1] == '\n' && memcmp(c->head + c->nhead - len, end, len) == 0) {
            c->head[c->nhead] = 0;
            c->nhead = 0;
            return true;
        }
    }
    return false;
}

static void take_chunk_line(struct load_client *c)
{
    char *end;
    if (c->reading == LOAD_CHUNK_SIZE) {
        c->left = strtoull(c->head, &end, 16);
        c->reading = c->left ? LOAD_CHUNK_DATA : LOAD_TRAILER;
        if (end == c->head || *end != '\r')
            wrong(c, "not a chunk", c->at, 0);
    } else if (c->head[0] != '\r') {
        wrong(c, "no end of a chunk", c->at, 0);
    } else if (c->reading == LOAD_TRAILER) {
        answered(c);
    } else {
        c->reading = LOAD_CHUNK_SIZE;
    }
}

static void frame_ends(struct load_client *c)
{
    load_totals.frames++;
    c->first++;
    c->outstanding--;
    c->reading = LOAD_FRAME_HEAD;
    if (!c->outstanding)
        later(c);
}

/* One more byte of a frame's header; its length must be that of the next frame that was sent. */
static void take_frame_head(struct load_client *c, uint8_t byte)
{
    const uint8_t *h = (const uint8_t *)c->head;
    c->head[c->nhead++] = (char)byte;
    unsigned size = c->nhead < 2 ? 0 : h[1] == 127 ? 8 : h[1] == 126 ? 2 : 0;
    if (c->nhead < 2 + size)
        return;
    c->left = size ? 0 : h[1];
    for (unsigned i = 0; i < size; i++)
        c->left = c->left << 8 | h[2 + i];
    c->nhead = 0;
    c->reading = LOAD_FRAME_BODY;
    if (!c->outstanding || h[0] != 0x82 || c->left != expected(c)->length) {
        load_totals.altered++;
        wrong(c, "a frame that was not sent", c->left, c->outstanding ? expected(c)->length : 0);
    } else if (!c->left) {
        frame_ends(c);
    }
}

static size_t take_sized(struct load_client *c, const uint8_t *p, size_t n)
{
    if (n > c->left)
        n = (size_t)c->left;
    c->left -= n;
    if (c->reading == LOAD_FRAME_BODY) {
        check_content(c, c->echo_seed, c->echo_back, p, n);
        c->echo_back += n;
    } else {
        take_body(c, p, n);
    }
    if (c->left || c->broken)
        return n;
    if (c->reading == LOAD_CHUNK_DATA)
        c->reading = LOAD_CHUNK_END;
    else if (c->reading == LOAD_FIXED)
        answered(c);
    else
        frame_ends(c);
    return n;
}

void load_take(struct load_client *c, const uint8_t *p, size_t n)
{
    while (n && !c->broken) {
        size_t some = 0;
        if (c->reading == LOAD_FRAME_HEAD) {
            take_frame_head(c, *p);
            some = 1;
        } else if (c->reading == LOAD_FIXED || c->reading == LOAD_CHUNK_DATA || c->reading == LOAD_FRAME_BODY) {
            some = take_sized(c, p, n);
        } else if (c->reading == LOAD_ANSWER) {
            if (collect(c, &p, &n, "\r\n\r\n"))
                answer_begins(c);
        } else if (collect(c, &p, &n, "\r\n")) {
            take_chunk_line(c);
        }
        p += some, n -= some;
    }
}
