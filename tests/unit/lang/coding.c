/* SPDX-License-Identifier: Apache-2.0 */
#include <brotli/encode.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "reads.h"

enum { MEMORY = 64 << 20 };

static struct sp_arena arena;

static int set_up(void **state)
{
    (void)state;
    return sp_arena_init(&arena, MEMORY);
}

static int tear_down(void **state)
{
    (void)state;
    sp_arena_fini(&arena);
    return 0;
}

/* ---- writing ---- */

/* windowBits as zlib has them: 31 gzip, 15 zlib, -15 neither. */
static struct sp_span deflated(struct sp_span text, int window, uint8_t *room, size_t size)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)text.p;
    z.avail_in = (uInt)text.n;
    z.next_out = room;
    z.avail_out = (uInt)size;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return sp_span_of(room, size - z.avail_out);
}

static struct sp_span zstd_of(struct sp_span text, uint8_t *room, size_t size)
{
    size_t n = ZSTD_compress(room, size, text.p, text.n, 3);
    assert_false(ZSTD_isError(n));
    return sp_span_of(room, n);
}

/* Flushed behind every `block` bytes: each time a meta-block ends. */
static struct sp_span brotli_of(struct sp_span text, size_t block, uint8_t *room, size_t size)
{
    BrotliEncoderState *e = BrotliEncoderCreateInstance(NULL, NULL, NULL);
    size_t at = 0, left = size;
    assert_non_null(e);
    while (at < text.n) {
        struct sp_span piece = sp_span_sub(text, at, block);
        at += piece.n;
        assert_true(BrotliEncoderCompressStream(e, BROTLI_OPERATION_FLUSH, &piece.n, &piece.p, &left, &room, NULL));
    }
    size_t none = 0;
    assert_true(BrotliEncoderCompressStream(e, BROTLI_OPERATION_FINISH, &none, &(const uint8_t *){NULL}, &left, &room, NULL));
    assert_true(BrotliEncoderIsFinished(e));
    BrotliEncoderDestroyInstance(e);
    return sp_span_of(room - (size - left), size - left);
}

enum { FORMS = 5 };

static struct sp_span written(int form, struct sp_span text, uint8_t *room, size_t size, enum sp_coding *ret)
{
    static const enum sp_coding codings[FORMS] = {SP_CODING_GZIP, SP_CODING_DEFLATE, SP_CODING_DEFLATE, SP_CODING_BR, SP_CODING_ZSTD};
    static const int windows[FORMS] = {31, 15, -15};
    *ret = codings[form];
    if (codings[form] == SP_CODING_ZSTD)
        return zstd_of(text, room, size);
    return codings[form] == SP_CODING_BR ? brotli_of(text, text.n, room, size) : deflated(text, windows[form], room, size);
}

/* ---- reading ---- */

static enum sp_expand expand(enum sp_coding c, struct sp_span in, size_t max, struct sp_span *ret)
{
    sp_arena_reset(&arena);
    *ret = SP_LIT("untouched");
    enum sp_expand rc = sp_coding_expand(c, in, max, &arena, ret);
    assert_true(rc == SP_EXPAND_OK || sp_span_eq(*ret, SP_LIT("untouched")));
    return rc;
}

static void every_coding_comes_back(void **state)
{
    (void)state;
    static uint8_t text[100000], room[200000];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)(i * i >> 7);
    for (int form = 0; form < FORMS; form++) {
        for (size_t n = 1; n <= sizeof text; n = n * 3 + 1) {
            enum sp_coding c;
            struct sp_span in = written(form, sp_span_of(text, n), room, sizeof room, &c), got;
            assert_int_equal(expand(c, in, sizeof text, &got), SP_EXPAND_OK);
            assert_true(sp_span_eq(got, sp_span_of(text, n)));
            assert_true(arena.used < n + 64); /* the rest went back */
        }
    }
}

static void the_limit_is_exact(void **state)
{
    (void)state;
    static uint8_t text[5000], room[10000];
    for (int form = 0; form < FORMS; form++) {
        enum sp_coding c;
        struct sp_span in = written(form, sp_span_of(text, sizeof text), room, sizeof room, &c), got;
        assert_int_equal(expand(c, in, sizeof text, &got), SP_EXPAND_OK);
        assert_int_equal(got.n, sizeof text);
        assert_int_equal(expand(c, in, sizeof text - 1, &got), SP_EXPAND_TOOBIG);
        assert_int_equal(expand(c, in, 0, &got), SP_EXPAND_TOOBIG);
        assert_false(arena.exhausted);
    }
}

static void what_is_cut_short_is_broken(void **state)
{
    (void)state;
    static uint8_t room[1000];
    for (int form = 0; form < FORMS; form++) {
        enum sp_coding c;
        struct sp_span in = written(form, SP_LIT("what is cut short is broken, is cut short, is broken"), room, sizeof room, &c), got;
        for (size_t n = 1; n < in.n; n++) {
            uint8_t *copy = malloc(n); /* of exactly this length, for the address sanitizer */
            assert_non_null(copy);
            memcpy(copy, in.p, n);
            assert_int_equal(expand(c, sp_span_of(copy, n), 1000, &got), SP_EXPAND_BROKEN);
            free(copy);
        }
    }
}

static void what_is_corrupt_is_broken(void **state)
{
    (void)state;
    struct sp_span got;
    for (int c = SP_CODING_GZIP; c <= SP_CODING_UNKNOWN; c++)
        assert_int_equal(expand((enum sp_coding)c, SP_LIT("\xff\xff\xff\xff this is no such thing"), 1000, &got), SP_EXPAND_BROKEN);
}

static void too_little_memory_is_too_big(void **state)
{
    (void)state;
    static uint8_t room[1000];
    for (int form = 0; form < FORMS; form++) {
        enum sp_coding c;
        struct sp_span in = written(form, SP_LIT("some text"), room, sizeof room, &c), got;
        for (size_t size = 0; size < 80000; size += 97) {
            arena.max = size;
            enum sp_expand rc = expand(c, in, 100, &got);
            bool exhausted = arena.exhausted;
            arena.max = MEMORY;
            assert_int_equal(rc, exhausted ? SP_EXPAND_TOOBIG : SP_EXPAND_OK);
        }
    }
}

static void gzip_members_are_one_text(void **state)
{
    (void)state;
    static uint8_t room[1000];
    struct sp_span first = deflated(SP_LIT("one "), 31, room, sizeof room), got;
    struct sp_span second = deflated(SP_LIT("text"), 31, room + first.n, sizeof room - first.n);
    struct sp_span both = sp_span_of(room, first.n + second.n);
    assert_int_equal(expand(SP_CODING_GZIP, both, 8, &got), SP_EXPAND_OK);
    assert_span(got, "one text");
    assert_int_equal(expand(SP_CODING_GZIP, both, 7, &got), SP_EXPAND_TOOBIG);
    assert_int_equal(expand(SP_CODING_GZIP, sp_span_sub(both, 0, both.n - 1), 8, &got), SP_EXPAND_BROKEN);
    room[both.n] = '\0'; /* padding */
    assert_int_equal(expand(SP_CODING_GZIP, sp_span_of(room, both.n + 1), 8, &got), SP_EXPAND_OK);
}

static void windows_are_bounded(void **state)
{
    (void)state;
    /* RFC 8878 section 3.1.1: magic, no content size, window of 8 MiB or 16 MiB, an empty last block */
    static const uint8_t allowed[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 13 << 3, 0x01, 0x00, 0x00};
    static const uint8_t refused[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 14 << 3, 0x01, 0x00, 0x00};
    struct sp_span got;
    assert_int_equal(expand(SP_CODING_ZSTD, sp_span_of(allowed, sizeof allowed), 10, &got), SP_EXPAND_OK);
    assert_int_equal(got.n, 0);
    assert_int_equal(expand(SP_CODING_ZSTD, sp_span_of(refused, sizeof refused), 10, &got), SP_EXPAND_BROKEN);
}

/* Brotli makes new tables for every meta-block. */
static void many_blocks_take_no_more_memory_than_one(void **state)
{
    (void)state;
    enum { BLOCK = 100, BLOCKS = 4000 };
    static uint8_t text[BLOCK * BLOCKS], room[2 * sizeof text];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = "abracadabra, simsalabim"[(i * i + i / BLOCK) % 23];
    struct sp_span in = brotli_of(sp_span_of(text, sizeof text), BLOCK, room, sizeof room), got;
    arena.max = 4 << 20;
    enum sp_expand rc = expand(SP_CODING_BR, in, sizeof text, &got);
    arena.max = MEMORY;
    assert_int_equal(rc, SP_EXPAND_OK);
    assert_true(sp_span_eq(got, sp_span_of(text, sizeof text)));
}

static void nothing_is_nothing_in_every_coding(void **state)
{
    (void)state;
    struct sp_span got;
    for (int c = SP_CODING_IDENTITY; c <= SP_CODING_UNKNOWN; c++) {
        assert_int_equal(expand((enum sp_coding)c, SP_LIT(""), 10, &got), SP_EXPAND_OK);
        assert_int_equal(got.n, 0);
    }
}

static void identity_is_not_copied(void **state)
{
    (void)state;
    struct sp_span in = SP_LIT("as it is"), got;
    assert_int_equal(expand(SP_CODING_IDENTITY, in, 0, &got), SP_EXPAND_OK);
    assert_ptr_equal(got.p, in.p);
}

static void codings_have_names(void **state)
{
    (void)state;
    assert_int_equal(sp_coding_named(SP_LIT("")), SP_CODING_IDENTITY);
    assert_int_equal(sp_coding_named(SP_LIT("Identity")), SP_CODING_IDENTITY);
    assert_int_equal(sp_coding_named(SP_LIT("gzip")), SP_CODING_GZIP);
    assert_int_equal(sp_coding_named(SP_LIT("X-GZip")), SP_CODING_GZIP);
    assert_int_equal(sp_coding_named(SP_LIT("deflate")), SP_CODING_DEFLATE);
    assert_int_equal(sp_coding_named(SP_LIT("BR")), SP_CODING_BR);
    assert_int_equal(sp_coding_named(SP_LIT("zstd")), SP_CODING_ZSTD);
    assert_int_equal(sp_coding_named(SP_LIT("compress")), SP_CODING_UNKNOWN);
    assert_int_equal(sp_coding_named(SP_LIT("gzip,")), SP_CODING_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_coding_comes_back),
        cmocka_unit_test(the_limit_is_exact),
        cmocka_unit_test(what_is_cut_short_is_broken),
        cmocka_unit_test(what_is_corrupt_is_broken),
        cmocka_unit_test(too_little_memory_is_too_big),
        cmocka_unit_test(gzip_members_are_one_text),
        cmocka_unit_test(windows_are_bounded),
        cmocka_unit_test(many_blocks_take_no_more_memory_than_one),
        cmocka_unit_test(nothing_is_nothing_in_every_coding),
        cmocka_unit_test(identity_is_not_copied),
        cmocka_unit_test(codings_have_names),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
