/* SPDX-License-Identifier: Apache-2.0 */
#include "reads.h"

static void normal(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    sp_put(out, sp_path_normalize(in, a));
}

/* Which way it goes: climbs, has a dotdot. */
static void way(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    (void)a;
    sp_put_str(out, sp_path_climbs(in) ? "climbs" : sp_path_dotdot(in) ? "dotdot" : "");
}

static void extension(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    (void)a;
    sp_put(out, sp_path_extension(in));
}

static void basename_of(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    (void)a;
    sp_put(out, sp_path_basename(in));
}

static void climbing_leads_above_the_start(void **state)
{
    (void)state;
    assert_reads(way, "/..", "climbs");
    assert_reads(way, "..", "climbs");
    assert_reads(way, "/a/../../b", "climbs");
    assert_reads(way, "/a/b/../../..", "climbs");
    assert_reads(way, "/../a/b/c", "climbs");
    assert_reads(way, "/a/../b", "dotdot");
    assert_reads(way, "/a/b/../..", "dotdot");
    assert_reads(way, "", "");
    assert_reads(way, "/a/b/c", "");
}

static void empty_segments_and_dots_are_no_depth(void **state)
{
    (void)state;
    assert_reads(way, "/a//../..", "climbs");
    assert_reads(way, "/./././../a", "climbs");
    assert_reads(way, "/a/./../b", "dotdot");
    assert_reads(way, "/;x/../b", "climbs");
}

static void backslashes_and_parameters_hide_nothing(void **state)
{
    (void)state;
    assert_reads(way, "..\\a", "climbs");
    assert_reads(way, "/a\\..\\..\\b", "climbs");
    assert_reads(way, "/..;/manager", "climbs");
    assert_reads(way, "/a/..;x=y;z/b", "dotdot");
    assert_reads(way, "/a;..;/b", "");
}

static void more_than_two_dots_are_a_name(void **state)
{
    (void)state;
    assert_reads(way, "/.../...", "");
    assert_reads(way, "/.. /..a/a..", "");
}

static void dot_segments_are_removed(void **state)
{
    (void)state;
    assert_reads(normal, "/a/b/c/./../../g", "/a/g");
    assert_reads(normal, "mid/content=5/../6", "/mid/6");
    assert_reads(normal, "/a/../../../b", "/b");
    assert_reads(normal, "/a//b///c", "/a/b/c");
    assert_reads(normal, "\\a\\.\\b\\..\\c", "/a/c");
    assert_reads(normal, "/a;v=1/b;w/..;/c;", "/a/c");
}

static void directories_stay_directories(void **state)
{
    (void)state;
    assert_reads(normal, "", "/");
    assert_reads(normal, "/", "/");
    assert_reads(normal, "///", "/");
    assert_reads(normal, "/a/", "/a/");
    assert_reads(normal, "/a\\", "/a/");
    assert_reads(normal, "/a/.", "/a/");
    assert_reads(normal, "/a/b/..", "/a/");
    assert_reads(normal, "/a/;x", "/a/");
    assert_reads(normal, "/a/..", "/");
    assert_reads(normal, "a/.", "/a/");
}

static void extensions_are_read_as_windows_does(void **state)
{
    (void)state;
    assert_reads(extension, "/up/shell.php", "php");
    assert_reads(extension, "shell.php.jpg", "jpg");
    assert_reads(extension, "shell.php. .", "php");
    assert_reads(extension, "shell.php;.jpg", "php");
    assert_reads(extension, "shell.asp::$DATA", "asp");
    assert_reads(extension, "shell.asp::$data. ::$DATA.", "asp");
    assert_reads(extension, "x::$DATA.php", "php");
    assert_reads(extension, "/a.b/c", "");
    assert_reads(extension, "/a.php/", "");
    assert_reads(extension, "...", "");
    assert_reads(extension, "", "");
    assert_reads(extension, ".htaccess", "htaccess");
    assert_reads(extension, "a\\b.c", "c");
}

static void basenames_are_the_last_segment(void **state)
{
    (void)state;
    assert_reads(basename_of, "/a/b;c=/d", "d");
    assert_reads(basename_of, "C:\\x\\y.txt", "y.txt");
    assert_reads(basename_of, "a;b", "a");
    assert_reads(basename_of, "a/", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(climbing_leads_above_the_start),
        cmocka_unit_test(empty_segments_and_dots_are_no_depth),
        cmocka_unit_test(backslashes_and_parameters_hide_nothing),
        cmocka_unit_test(more_than_two_dots_are_a_name),
        cmocka_unit_test(dot_segments_are_removed),
        cmocka_unit_test(directories_stay_directories),
        cmocka_unit_test(extensions_are_read_as_windows_does),
        cmocka_unit_test(basenames_are_the_last_segment),
    };
    return reads_group(tests);
}
