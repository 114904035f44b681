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

/* Library memory comes from the arena: it is gone with the message and bounded like everything else. */
static void *arena_alloc(void *arena, size_t n)
{
    return sp_arena_get(arena, n);
}

static void *zlib_alloc(void *arena, unsigned count, unsigned size)
{
    return sp_arena_get(arena, (size_t)count * size);
}

static void arena_free(void *arena, void *p)
{
    (void)arena;
    (void)p;
}

/* Several gzip members in a row are one text (RFC 1952 section 2.2). */
static enum sp_expand inflate_all(z_stream *z, struct sp_buf *out)
{
    for (;;) {
        z->next_out = out->p + out->n;
        z->avail_out = (uInt)(out->cap - out->n);
        int rc = inflate(z, Z_NO_FLUSH);
        out->n = out->cap - z->avail_out;
        bool another = rc == Z_STREAM_END && z->avail_in >= 2 && z->next_in[0] == 0x1f && z->next_in[1] == 0x8b;
        if (another && inflateReset(z) == Z_OK)
            continue;
        if (rc == Z_STREAM_END)
            return SP_EXPAND_OK;
        if (z->avail_out == 0)
            return SP_EXPAND_TOOBIG;
        if (rc != Z_OK)
            return SP_EXPAND_BROKEN;
    }
}

static enum sp_expand expand_zlib(struct sp_span in, int window, struct sp_arena *a, struct sp_buf *out)
{
    z_stream z = {.zalloc = zlib_alloc, .zfree = arena_free, .opaque = a};
    if (in.n > UINT32_MAX || inflateInit2(&z, window) != Z_OK)
        return SP_EXPAND_TOOBIG;
    z.next_in = (Bytef *)in.p;
    z.avail_in = (uInt)in.n;
    enum sp_expand rc = inflate_all(&z, out);
    inflateEnd(&z);
    return rc;
}

/* "deflate" means the zlib format (RFC 1950), but bare deflate data is common. */
static enum sp_expand expand_deflate(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    bool wrapped = in.n >= 2 && (in.p[0] & 0x0f) == Z_DEFLATED && (in.p[0] << 8 | in.p[1]) % 31 == 0;
    return expand_zlib(in, wrapped ? ZLIB_WINDOW : RAW_WINDOW, a, out);
}

static enum sp_expand expand_brotli(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    BrotliDecoderState *state = BrotliDecoderCreateInstance(arena_alloc, arena_free, a);
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
static enum sp_expand expand_zstd(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    (void)a;
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

enum sp_expand sp_coding_expand(enum sp_coding c, struct sp_span in, size_t max, struct sp_arena *a, struct sp_span *ret)
{
    if (c == SP_CODING_IDENTITY || in.n == 0) {
        *ret = in;
        return SP_EXPAND_OK;
    }
    struct sp_buf out = sp_buf_arena(a, max);
    if (out.full)
        return SP_EXPAND_TOOBIG;
    enum sp_expand rc = SP_EXPAND_BROKEN;
    if (c == SP_CODING_GZIP)
        rc = expand_zlib(in, GZIP_WINDOW, a, &out);
    else if (c == SP_CODING_DEFLATE)
        rc = expand_deflate(in, a, &out);
    else if (c == SP_CODING_BR)
        rc = expand_brotli(in, a, &out);
    else if (c == SP_CODING_ZSTD)
        rc = expand_zstd(in, a, &out);
    if (rc == SP_EXPAND_OK)
        *ret = sp_buf_span(&out);
    return rc;
}
