/* SPDX-License-Identifier: Apache-2.0 */
/* What workers tell is believed as far as it is well formed; the store keeps it; the file of approved shapes is read back as it was written. */
#include "proc/shapes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

struct fixture {
    char dir[64], path[128];
    struct sp_store *store;
    struct sp_arena arena;
};

static int set_up(void **state)
{
    static struct fixture f;
    char why[SP_STORE_WHY];
    f = (struct fixture){.dir = "/tmp/sallyport-shapes-XXXXXX"};
    assert_non_null(mkdtemp(f.dir));
    (void)snprintf(f.path, sizeof f.path, "%s/store.db", f.dir);
    assert_int_equal(sp_arena_init(&f.arena, 1 << 20), 0);
    assert_int_equal(sp_store_open(f.path, false, why, &f.store), -1); /* nobody made one */
    assert_int_equal(sp_store_open(f.path, true, why, &f.store), 0);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    sp_store_close(f->store);
    sp_arena_fini(&f->arena);
    (void)unlink(f->path);
    (void)rmdir(f->dir);
    return 0;
}

static void lines_are_read_or_refused(void **state)
{
    struct fixture *f = *state;
    struct sp_shape s;
    static const char *const bad[] = {
        "", "{", "{}", "[]", "{\"service\":\"a\",\"key\":\"k\",\"count\":1}", "{\"service\":\"a\",\"key\":\"k\",\"count\":-1,\"seen_us\":5}",
        "{\"service\":\"a\",\"key\":7,\"count\":1,\"seen_us\":5}", "{\"service\":\"a\",\"key\":\"k\",\"count\":99999999999999999999,\"seen_us\":5}",
        "{\"service\":\"a\",\"key\":\"k\",\"count\":0,\"seen_us\":5}", "{\"service\":\"a\",\"key\":\"k\",\"count\":1,\"seen_us\":5",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(sp_shape_read(sp_span_str(bad[i]), &f->arena, &s));
    assert_true(sp_shape_read(SP_LIT("{\"event_type\":\"statement\",\"service\":\"a\",\"key\":\"k\\u0041\",\"count\":3,\"seen_us\":5,\"text\":\"t\"}"), &f->arena, &s));
    assert_true(sp_span_eq(s.key, SP_LIT("kA")) && sp_span_eq(s.service, SP_LIT("a")) && sp_span_eq(s.text, SP_LIT("t")));
    assert_int_equal(s.count, 3);
    assert_int_equal(s.last_us, 5);
}

static struct sp_shape shape(const char *key, const char *text, uint64_t count, uint64_t us)
{
    return (struct sp_shape){.service = SP_LIT("shop"), .key = sp_span_str(key), .text = sp_span_str(text), .count = count, .last_us = us};
}

struct seen {
    unsigned n, approved;
    uint64_t count, at[8], first_us, last_us;
    struct sp_buf out;
};

static int look(void *ctx, const struct sp_shape *s)
{
    struct seen *seen = ctx;
    seen->at[seen->n++] = s->at;
    seen->approved += s->approved;
    seen->count += s->count;
    seen->first_us = s->first_us;
    seen->last_us = s->last_us;
    sp_put(&seen->out, s->text);
    return 0;
}

static struct seen all(struct fixture *f)
{
    struct seen seen = {.out = sp_buf_growing(1 << 16)};
    assert_int_equal(sp_store_each(f->store, SP_LIT(""), look, &seen), 0);
    return seen;
}

static void the_store_counts(void **state)
{
    struct fixture *f = *state;
    const struct sp_shape told[] = {shape("a/b/c/1", "one", 1, 10), shape("a/b/c/1", "", 4, 30), shape("a/b/c/2'--", "two", 1, 20), shape("a/b/c/1", "", 1, 25)};
    assert_int_equal(sp_store_begin(f->store), 0);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(sp_store_saw(f->store, &told[i]), 0);
    assert_int_equal(sp_store_commit(f->store), 0);
    struct seen seen = all(f);
    assert_int_equal(seen.n, 2);
    assert_int_equal(seen.count, 7);
    assert_int_equal(seen.at[0], 0);
    assert_int_equal(seen.at[1], 5); /* five statements came before it */
    assert_true(sp_span_eq(sp_buf_span(&seen.out), SP_LIT("onetwo")));
    assert_int_equal(sp_store_statements(f->store, SP_LIT("shop")), 7);
    assert_int_equal(sp_store_statements(f->store, SP_LIT("other")), 0);
    sp_buf_fini(&seen.out);
    assert_int_equal(sp_store_approve_all(f->store, SP_LIT("other"), SP_LIT("")), 0);
    assert_int_equal(sp_store_approve_all(f->store, SP_LIT(""), SP_LIT("a/b/c/2'")), 1);
    assert_int_equal(sp_store_approve_all(f->store, SP_LIT("shop"), SP_LIT("")), 1);
    assert_int_equal(sp_store_forget(f->store, SP_LIT("shop"), SP_LIT("a/b/c/1")), 1);
    seen = all(f);
    assert_int_equal(seen.n, 1);
    assert_int_equal(seen.approved, 1);
    sp_buf_fini(&seen.out);
}

static void a_file_of_something_else(void **state)
{
    struct fixture *f = *state;
    char why[SP_STORE_WHY], path[160];
    struct sp_store *s;
    (void)snprintf(path, sizeof path, "%s/text", f->dir);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    for (unsigned i = 0; i < 300; i++)
        fputs("this is no database\n", out);
    (void)fclose(out);
    assert_int_equal(sp_store_open(path, true, why, &s), -1);
    assert_non_null(strstr(why, "not a database"));
    (void)unlink(path);
}

static void files_are_read_as_written(void **state)
{
    struct fixture *f = *state;
    const struct sp_shapes_file file = {"my-shop", "pgsql", "refuse"};
    struct sp_buf out = sp_buf_growing(1 << 16);
    struct sp_shape odd = shape("we%2Fb/d b/a\"b/0123456789abcdef", "select\n?", 0, 0), got;
    sp_shapes_begin(&out, &file);
    size_t from = out.n;
    sp_shapes_line(&out, &odd);
    size_t to = out.n;
    sp_shapes_end(&out, &file, NULL);
    struct sp_span text = sp_buf_span(&out);
    assert_true(sp_shapes_parse(sp_span_sub(text, from, to - from), &f->arena, &got));
    assert_true(sp_span_eq(got.key, odd.key) && sp_span_eq(got.text, SP_LIT("select ?")) && got.approved);
    unsigned taken = 0;
    for (size_t at = 0, end; at < text.n; at = end + 1) {
        end = sp_span_byte(text, at, '\n');
        taken += sp_shapes_parse(sp_span_sub(text, at, end - at), &f->arena, &got);
    }
    assert_int_equal(taken, 1);
    assert_false(sp_shapes_parse(SP_LIT("    - \"a/b/c\""), &f->arena, &got));
    assert_false(sp_shapes_parse(SP_LIT("    - \"a/b/c/012345678\\"), &f->arena, &got));
    sp_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_are_read_or_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_store_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_of_something_else, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_are_read_as_written, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
