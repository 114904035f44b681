/* SPDX-License-Identifier: Apache-2.0 */
#include "reads.h"

static void put_named(struct sp_buf *out, const char *what, struct sp_span s)
{
    sp_put_str(out, what);
    sp_put(out, s);
}

static bool put_part(struct sp_buf *out, enum sp_part_result result, const struct sp_part *p)
{
    if (result == SP_PART_END) {
        sp_put_str(out, "end");
        return false;
    }
    sp_put_str(out, result == SP_PART_BROKEN ? "broken" : "part");
    if (p->name.n)
        put_named(out, " ", p->name);
    if (p->has_filename)
        put_named(out, " file:", p->filename);
    if (!sp_span_eq(p->filename, p->filename_raw))
        put_named(out, " raw:", p->filename_raw);
    if (p->filename_other.n)
        put_named(out, " or:", p->filename_other);
    if (p->type.n)
        put_named(out, " type:", p->type);
    if (p->content.n)
        put_named(out, " = ", p->content);
    sp_put_str(out, "\n");
    return result == SP_PART_ONE;
}

static void parts_with(struct sp_span boundary, struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    struct sp_part p;
    size_t at = 0;
    while (put_part(out, sp_multipart_next(in, boundary, &at, a, &p), &p))
        ;
}

static void parts(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    parts_with(SP_LIT("b"), in, a, out);
}

#define DISPOSITION "Content-Disposition: form-data; "
#define FIELD(name, value) "--b\r\n" DISPOSITION "name=\"" name "\"\r\n\r\n" value "\r\n"

static void fields_and_files(void **state)
{
    (void)state;
    assert_reads(parts, FIELD("x", "1") FIELD("y", "2\r\n3") "--b--\r\n", "part x = 1\npart y = 2\r\n3\nend");
    assert_reads(parts, "--b\r\n" DISPOSITION "name=f; filename=\"a.png\"\r\nContent-Type: image/png; q=1\r\n\r\n\1\2\r\n--b--",
                 "part f file:a.png type:image/png = \1\2\nend");
    assert_reads(parts, "--b\r\n" DISPOSITION "name=f; filename=\"\"\r\n\r\n\r\n--b--", "part f file:\nend");
    assert_reads(parts, "--b\r\ncontent-disposition : form-data; NAME=f\r\n\r\nx\r\n--b--", "part f = x\nend");
}

static void contents_may_be_empty(void **state)
{
    (void)state;
    assert_reads(parts, FIELD("x", "") "--b--", "part x\nend");
    assert_reads(parts, "--b\r\n\r\n--b\r\n\r\n\r\n--b--", "part\npart\nend");
    assert_reads(parts, "--b--", "end");
    assert_reads(parts, "", "broken\n");
}

static void preamble_epilogue_and_padding(void **state)
{
    (void)state;
    assert_reads(parts, "for readers\r\nof mail --b\r\n" FIELD("x", "1") "--b--\r\nfor nobody\r\n", "part x = 1\nend");
    assert_reads(parts, "--b \t\r\n" DISPOSITION "name=x\r\n\r\n1\r\n--b-- \t\r\n", "part x = 1\nend");
    assert_reads(parts, "\r\n" FIELD("x", "1") "--b--", "part x = 1\nend");
}

static void line_feeds_alone_do(void **state)
{
    (void)state;
    assert_reads(parts, "--b\n" DISPOSITION "name=x\n\n1\n--b\n" DISPOSITION "name=y\n\n2\r\n--b--\n", "part x = 1\npart y = 2\nend");
}

static void delimiters_begin_lines(void **state)
{
    (void)state;
    assert_reads(parts, FIELD("x", "1 --b\r\n2\r--b\r\n -b\r\n--") "--b--", "part x = 1 --b\r\n2\r--b\r\n -b\r\n--\nend");
}

static void parts_behind_the_end_are_read(void **state)
{
    (void)state;
    assert_reads(parts, FIELD("x", "1") "--b--\r\n" FIELD("y", "2") "--b--\r\n", "part x = 1\npart y = 2\nend");
    assert_reads(parts, "--b--\r\n--b--\r\nx\r\n" FIELD("y", "2") "--b--", "part y = 2\nend");
    assert_reads(parts, FIELD("x", "1") "--b--\r\n--b", "part x = 1\nend");
}

static void what_is_cut_off_is_broken_and_told(void **state)
{
    (void)state;
    assert_reads(parts, FIELD("x", "1") "--b\r\n" DISPOSITION "name=y; filename=z\r\n\r\nrest", "part x = 1\nbroken y file:z = rest\n");
    assert_reads(parts, FIELD("x", "1") "--b\r\n" DISPOSITION "name=y\r\n", "part x = 1\nbroken y\n");
    assert_reads(parts, FIELD("x", "1") "--b", "broken x = 1\n");
    assert_reads(parts, FIELD("x", "1") "--b-", "broken x = 1\n");
    assert_reads(parts, FIELD("x", "1") "--b\r\n", "broken x = 1\n");
    assert_reads(parts, "--b", "broken\n");
    assert_reads(parts, "nothing of the kind", "broken\n");
}

static void headers_may_be_folded(void **state)
{
    (void)state;
    assert_reads(parts, "--b\r\nContent-Disposition: form-data;\r\n name=x;\r\n\tfilename=y\r\nX: 1\r\n\r\nz\r\n--b--", "part x file:y = z\nend");
    assert_reads(parts, "--b\r\n continued: nothing\r\n" DISPOSITION "name=x\r\n\r\nz\r\n--b--", "part x = z\nend");
}

static void names_are_decoded_as_browsers_encode_them(void **state)
{
    (void)state;
    assert_reads(parts, "--b\r\n" DISPOSITION "name=\"a%22b%0D%0ac\"; filename=\"x%2e%20%22\"\r\n\r\n\r\n--b--",
                 "part a\"b\r\nc file:x%2e%20\" raw:x%2e%20%22\nend");
    assert_reads(parts, "--b\r\n" DISPOSITION "name=\"a\\\"b\"; filename=\"C:\\d\\\\e\"\r\n\r\n\r\n--b--",
                 "part a\"b file:C:\\d\\e raw:C:\\d\\\\e\nend");
    assert_reads(parts, "--b\r\n" DISPOSITION "name=x; filename=\" a \"\r\n\r\n\r\n--b--", "part x file: a \nend");
}

static void encodings_that_some_servers_undo_are_unclear(void **state)
{
    (void)state;
    assert_reads(parts, "--b\r\n" DISPOSITION "name=x\r\nContent-Transfer-Encoding: 8bit\r\n\r\nYQ==\r\n--b--", "part x = YQ==\nend");
    assert_reads(parts, "--b\r\nContent-Transfer-Encoding: base64\r\n\r\nYQ==\r\n--b--", "part = YQ==\nend"); /* no form */
    assert_reads_unclear(parts, "--b\r\n" DISPOSITION "name=x\r\nContent-Transfer-Encoding: base64\r\n\r\nYQ==\r\n--b--", "broken x\n");
    assert_reads_unclear(parts, "--b\r\n" DISPOSITION "name=x\r\nContent-Transfer-Encoding: Quoted-Printable\r\n\r\n=61\r\n--b--", "broken x\n");
}

static void both_file_names_are_told(void **state)
{
    (void)state;
    assert_reads(parts, "--b\r\n" DISPOSITION "name=x; filename=\"a.php\"; filename*=UTF-8''b.jpg\r\n\r\n\r\n--b--",
        "part x file:b.jpg raw:UTF-8''b.jpg or:a.php\nend");
    assert_reads(parts, "--b\r\n" DISPOSITION "name=x; filename*=UTF-8''b.jpg; filename=\"a.php\"\r\n\r\n\r\n--b--",
                 "part x file:a.php or:b.jpg\nend");
    assert_reads(parts, "--b\r\n" DISPOSITION "name=x; filename=a; filename*=utf-8''%61\r\n\r\n\r\n--b--", "part x file:a raw:utf-8''%61\nend");
    assert_reads(parts, "--b\r\n" DISPOSITION "name=x; filename*=utf-8''%e2%82%ac\r\n\r\n\r\n--b--",
                 "part x file:\xe2\x82\xac raw:utf-8''%e2%82%ac\nend");
}

static void contradictions_are_unclear(void **state)
{
    (void)state;
    assert_reads_unclear(parts, "--b\r\n" DISPOSITION "name=x; name=y\r\n\r\n1\r\n--b--", "broken x\n");
    assert_reads_unclear(parts, "--b\r\n" DISPOSITION "name=x; filename=a; filename=b\r\n\r\n1\r\n--b--", "broken x file:a raw:b\n");
    assert_reads_unclear(parts, "--b\r\n" DISPOSITION "name=x\r\n" DISPOSITION "name=y\r\n\r\n1\r\n--b--", "broken x\n");
    assert_reads_unclear(parts, "--b\r\n" DISPOSITION "name=x; filename*0=she; filename*1=ll.php\r\n\r\n1\r\n--b--", "broken x\n");
    assert_reads(parts, "--b\r\n" DISPOSITION "name=x; name=x\r\n" DISPOSITION "name=x\r\n\r\n1\r\n--b--", "part x = 1\nend");
}

static void lines_that_only_begin_like_delimiters_are_unclear(void **state)
{
    (void)state;
    assert_reads_unclear(parts, FIELD("x", "1") "--bb\r\n2\r\n--b--", "broken x = 1\n");
    assert_reads_unclear(parts, FIELD("x", "1") "--b--c\r\n--b--", "broken x = 1\n");
    assert_reads_unclear(parts, "--b \rx\r\n" FIELD("x", "1") "--b--", "broken\n");
    assert_reads(parts, FIELD("x", "1") "--b--\r\n--bb\r\n", "part x = 1\nend");
}

/* --boundary, then a head of n lines of this length. */
static void head_of(struct sp_buf *out, unsigned n, unsigned length)
{
    sp_put_str(out, "--b\r\n");
    while (n--) {
        sp_put_str(out, "X: ");
        for (unsigned i = 3; i < length; i++)
            sp_put_byte(out, 'x');
        sp_put_str(out, "\r\n");
    }
    sp_put_str(out, "\r\nz\r\n--b--");
}

static void heads_have_limits(void **state)
{
    (void)state;
    static const struct { unsigned lines, length; bool unclear; } heads[] = {{32, 10, false}, {33, 10, true}, {1, 16000, false}, {1, 17000, true}};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        struct sp_buf in = sp_buf_growing(1 << 20);
        head_of(&in, heads[i].lines, heads[i].length);
        struct sp_span got = reads_as(parts, sp_buf_span(&in));
        assert_true(sp_span_eq(got, heads[i].unclear ? SP_LIT("broken\n") : SP_LIT("part = z\nend")));
        assert_int_equal(reads_exhausted(), heads[i].unclear);
        sp_buf_fini(&in);
    }
}

static void long_boundary(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    parts_with(in, SP_LIT(""), a, out);
}

static void boundaries_have_limits(void **state)
{
    (void)state;
    static const char text[] = "0123456789012345678901234567890123456789012345678901234567890123456789!";
    assert_span(reads_as(long_boundary, sp_span_of(text, 70)), "broken\n");
    assert_false(reads_exhausted());
    assert_span(reads_as(long_boundary, sp_span_of(text, 71)), "broken\n");
    assert_true(reads_exhausted());
    assert_span(reads_as(long_boundary, SP_LIT("")), "broken\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_and_files),
        cmocka_unit_test(contents_may_be_empty),
        cmocka_unit_test(preamble_epilogue_and_padding),
        cmocka_unit_test(line_feeds_alone_do),
        cmocka_unit_test(delimiters_begin_lines),
        cmocka_unit_test(parts_behind_the_end_are_read),
        cmocka_unit_test(what_is_cut_off_is_broken_and_told),
        cmocka_unit_test(headers_may_be_folded),
        cmocka_unit_test(names_are_decoded_as_browsers_encode_them),
        cmocka_unit_test(both_file_names_are_told),
        cmocka_unit_test(encodings_that_some_servers_undo_are_unclear),
        cmocka_unit_test(contradictions_are_unclear),
        cmocka_unit_test(lines_that_only_begin_like_delimiters_are_unclear),
        cmocka_unit_test(heads_have_limits),
        cmocka_unit_test(boundaries_have_limits),
    };
    return reads_group(tests);
}
