/* SPDX-License-Identifier: Apache-2.0 */
/* coding: content codings, RFC 9110 section 8.4.1 (gzip, deflate), RFC 7932 (br), RFC 8878 (zstd). Output is bounded by the caller. */
#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

#include "lang/lang.h"

enum coding_limits {
    GZIP_WINDOW = 15 + 16,   /* zlib: gzip framing */
    ZLIB_WINDOW = 15,
    RAW_WINDOW = -15,        /* deflate without a wrapper, as some clients send it */
    ZSTD_WINDOW_LOG = 23,    /* RFC 8878 section 3.1.1.1.2 asks decoders for 8 MiB; more is refused */
};

enum sp_coding sp_coding_named(struct sp_span token)
{
    static const struct { const char *name; enum sp_coding coding; } names[] = {
        {"", SP_CODING_IDENTITY}, {"identity", SP_CODING_IDENTITY}, {"gzip", SP_CODING_GZIP}, {"x-gzip", SP_CODING_GZIP},
        {"deflate", SP_CODING_DEFLATE}, {"br", SP_CODING_BR}, {"zstd", SP_CODING_ZSTD},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (sp_span_ieq(token, sp_span_str(names[i].name)))
            return names[i].coding;
    }
    return SP_CODING_UNKNOWN;
}

/* ---- memory of the libraries ---- */

/*
 * It comes from the arena: it is gone with the message and bounded like everything else. Brotli asks for and frees its tables with every
 * meta-block, of which a small input can have very many, so what is freed is used again. Sizes are powers of two: it always fits.
 */
enum room_limits {
    CLASSES = 28,      /* up to 4 GiB */
    CLASS_MIN_LOG = 5, /* smaller than 32 bytes is 32 */
};

struct room {
    struct sp_arena *arena;
    struct block *free[CLASSES];
};

struct block {
    size_t class;
    struct block *next;
    uint8_t bytes[] __attribute__((aligned(16)));
};

static void *room_get(void *room, size_t n)
{
    struct room *r = room;
    size_t class = 0;
    while (class < CLASSES && (size_t)1 << (class + CLASS_MIN_LOG) < n)
        class++;
    if (class == CLASSES)
        return NULL;
    struct block *b = r->free[class];
    if (b) {
        r->free[class] = b->next;
        return b->bytes;
    }
    b = sp_arena_get(r->arena, sizeof *b + ((size_t)1 << (class + CLASS_MIN_LOG)));
    if (!b)
        return NULL;
    b->class = class;
    return b->bytes;
}

static void room_free(void *room, void *p)
{
    struct room *r = room;
    if (!p)
        return;
    struct block *b = (struct block *)((uint8_t *)p - offsetof(struct block, bytes));
    b->next = r->free[b->class];
    r->free[b->class] = b;
}

static void *zlib_get(void *room, unsigned count, unsigned size)
{
    return room_get(room, (size_t)count * size);
}

/* ---- the codings ---- */

/* Several gzip members in a row are one text (RFC 1952 section 2.2). */
static enum sp_expand inflate_all(z_stream *z, struct sp_buf *out)
{
    for (;;) {
        size_t room = out->cap - out->n;
        z->next_out = out->p + out->n;
        z->avail_out = room < UINT32_MAX ? (uInt)room : UINT32_MAX;
        int rc = inflate(z, Z_NO_FLUSH);
        out->n = (size_t)(z->next_out - out->p);
        bool another = rc == Z_STREAM_END && z->avail_in >= 2 && z->next_in[0] == 0x1f && z->next_in[1] == 0x8b;
        if (another && inflateReset(z) == Z_OK)
            continue;
        if (rc == Z_STREAM_END)
            return SP_EXPAND_OK;
        if (out->n == out->cap)
            return SP_EXPAND_TOOBIG;
        if (rc != Z_OK)
            return SP_EXPAND_BROKEN;
    }
}

static enum sp_expand expand_zlib(struct sp_span in, int window, struct room *room, struct sp_buf *out)
{
    z_stream z = {.zalloc = zlib_get, .zfree = room_free, .opaque = room};
    if (in.n > UINT32_MAX || inflateInit2(&z, window) != Z_OK)
        return SP_EXPAND_TOOBIG;
    z.next_in = (Bytef *)in.p;
    z.avail_in = (uInt)in.n;
    enum sp_expand rc = inflate_all(&z, out);
    inflateEnd(&z);
    return rc;
}

/* "deflate" means the zlib format (RFC 1950), but bare deflate data is common. */
static enum sp_expand expand_deflate(struct sp_span in, struct room *room, struct sp_buf *out)
{
    bool wrapped = in.n >= 2 && (in.p[0] & 0x0f) == Z_DEFLATED && (in.p[0] << 8 | in.p[1]) % 31 == 0;
    return expand_zlib(in, wrapped ? ZLIB_WINDOW : RAW_WINDOW, room, out);
}

static enum sp_expand expand_brotli(struct sp_span in, struct room *memory, struct sp_buf *out)
{
    BrotliDecoderState *state = BrotliDecoderCreateInstance(room_get, room_free, memory);
    if (!state)
        return SP_EXPAND_TOOBIG;
    size_t left = in.n, room = out->cap;
    const uint8_t *from = in.p;
    uint8_t *to = out->p;
    BrotliDecoderResult rc = BrotliDecoderDecompressStream(state, &left, &from, &room, &to, NULL);
    out->n = out->cap - room;
    BrotliDecoderDestroyInstance(state);
    if (rc == BROTLI_DECODER_RESULT_SUCCESS)
        return SP_EXPAND_OK;
    return rc == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT ? SP_EXPAND_TOOBIG : SP_EXPAND_BROKEN;
}

/* zstd's stable interface has no allocator: its context (some 100 KiB and the window) comes from the heap and goes back
 * before we return. The window is bounded, so the memory is. */
static enum sp_expand expand_zstd(struct sp_span in, struct sp_buf *out)
{
    ZSTD_DCtx *ctx = ZSTD_createDCtx();
    if (!ctx)
        return SP_EXPAND_TOOBIG;
    (void)ZSTD_DCtx_setParameter(ctx, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG);
    ZSTD_inBuffer from = {in.p, in.n, 0};
    ZSTD_outBuffer to = {out->p, out->cap, 0};
    size_t rc = 1;
    while (from.pos < from.size && to.pos < to.size && !ZSTD_isError(rc)) {
        size_t before = from.pos + to.pos;
        rc = ZSTD_decompressStream(ctx, &to, &from);
        if (from.pos + to.pos == before)
            break;
    }
    out->n = to.pos;
    ZSTD_freeDCtx(ctx);
    if (rc == 0 && from.pos == from.size)
        return SP_EXPAND_OK;
    return !ZSTD_isError(rc) && to.pos == to.size ? SP_EXPAND_TOOBIG : SP_EXPAND_BROKEN;
}

static enum sp_expand expand(enum sp_coding c, struct sp_span in, struct room *room, struct sp_buf *out)
{
    switch (c) {
    case SP_CODING_GZIP:
        return expand_zlib(in, GZIP_WINDOW, room, out);
    case SP_CODING_DEFLATE:
        return expand_deflate(in, room, out);
    case SP_CODING_BR:
        return expand_brotli(in, room, out);
    case SP_CODING_ZSTD:
        return expand_zstd(in, out);
    case SP_CODING_IDENTITY:
    case SP_CODING_UNKNOWN:
        break;
    }
    return SP_EXPAND_BROKEN;
}

enum sp_expand sp_coding_expand(enum sp_coding c, struct sp_span in, size_t max, struct sp_arena *a, struct sp_span *ret)
{
    if (c == SP_CODING_IDENTITY || in.n == 0) {
        *ret = in;
        return SP_EXPAND_OK;
    }
    /* one byte more, so that the end of the stream is reached where exactly `max` come out */
    struct sp_buf out = sp_buf_arena(a, max < SIZE_MAX ? max + 1 : max);
    struct room room = {.arena = a};
    if (out.full)
        return SP_EXPAND_TOOBIG;
    enum sp_expand rc = expand(c, in, &room, &out);
    if (a->exhausted || (rc == SP_EXPAND_OK && out.n > max))
        rc = SP_EXPAND_TOOBIG;
    sp_arena_keep(a, out.p, rc == SP_EXPAND_OK ? out.n : 0); /* the memory of the library lies behind it */
    if (rc == SP_EXPAND_OK)
        *ret = sp_buf_span(&out);
    return rc;
}
