/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cases PROTOCOL DIR: every case in the directory's files must come out as written, however its input is cut (the split law). Speaks TAP.
 * With --update first, the files get what comes out: the difference is the review.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "case.h"

enum { CUTS_MAX = 2048 /* longer cases are cut at evenly spread places */ };

static unsigned count, failures;

static void result(bool ok, const char *file, struct sp_span title)
{
    const char *base = strrchr(file, '/');
    printf("%sok %u - %s: %.*s\n", ok ? "" : "not ", ++count, base ? base + 1 : file, SP_FMT(title));
    failures += !ok;
}

static void explain(const char *what, struct sp_span text)
{
    size_t at = 0;
    printf("# %s\n", what);
    while (at < text.n) {
        size_t end = sp_span_byte(text, at, '\n');
        if (end == SP_NOT_FOUND)
            end = text.n;
        printf("#   %.*s\n", SP_FMT(sp_span_sub(text, at, end - at)));
        at = end + 1;
    }
}

/* Blank lines and comments at the end belong to the file's layout. */
static struct sp_span stripped(struct sp_span s)
{
    while (s.n && s.p[s.n - 1] == '\n')
        s.n--;
    return s;
}

static size_t length_of(const struct given *g)
{
    size_t n = 0;
    for (unsigned i = 0; i < g->nsegments; i++)
        n += g->segments[i].bytes.n;
    return n;
}

static bool same_when_cut(const struct sp_proto *proto, const struct given *g, struct sp_span whole)
{
    size_t n = length_of(g), step = n / CUTS_MAX + 1;
    for (size_t cut = 0; cut < n; cut += step) {
        struct sp_buf out = sp_buf_growing(2 * CASE_BYTES_MAX);
        case_run(proto, g, cut == 0, cut, &out); /* cut 0: byte by byte */
        bool same = sp_span_eq(sp_buf_span(&out), whole);
        if (!same) {
            printf("# differs when cut at %zu (0: byte by byte)\n", cut);
            explain("comes out so then:", sp_buf_span(&out));
        }
        sp_buf_fini(&out);
        if (!same)
            return false;
    }
    return true;
}

static void run_case(const struct sp_proto *proto, const char *file, const struct given *g, struct sp_buf *updated)
{
    struct sp_buf out = sp_buf_growing(2 * CASE_BYTES_MAX);
    case_run(proto, g, 0, 0, &out);
    struct sp_span got = sp_buf_span(&out);
    bool broken = sp_span_find(got, 0, SP_LIT("BUG:")) != SP_NOT_FOUND;
    bool ok = (updated || sp_span_eq(stripped(got), stripped(g->expect))) && !broken;
    if (!ok)
        explain("comes out:", got);
    ok = same_when_cut(proto, g, got) && ok;
    result(ok, file, g->title);
    if (updated) {
        sp_put(updated, g->text);
        sp_put(updated, got);
        sp_put_str(updated, "\n");
    }
    sp_buf_fini(&out);
}

static struct sp_span slurp(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *text = malloc(CASE_FILE_MAX);
    if (!f || !text) {
        perror(path);
        exit(2);
    }
    size_t n = fread(text, 1, CASE_FILE_MAX, f);
    fclose(f);
    return sp_span_of(text, n);
}

static void write_back(const char *path, const struct sp_buf *text)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(text->p, 1, text->n, f) != text->n || fclose(f)) {
        perror(path);
        exit(2);
    }
}

static void run_file(const struct sp_proto *proto, const char *path, bool update)
{
    struct sp_span file = slurp(path);
    struct sp_buf updated = sp_buf_growing(4 * CASE_FILE_MAX);
    static struct sp_arena arena;
    static struct given g;
    unsigned line;
    size_t at = 0;
    int rc;
    if (!arena.base && sp_arena_init(&arena, 256 << 20))
        abort();
    sp_arena_reset(&arena);
    while ((rc = case_next(proto, file, &at, &arena, &g, &line)) > 0)
        run_case(proto, path, &g, update ? &updated : NULL);
    if (rc < 0) {
        printf("# %s:%u: not understood\n", path, line);
        result(false, path, SP_LIT("readable"));
    } else if (update) {
        write_back(path, &updated);
    }
    sp_buf_fini(&updated);
    free((void *)(uintptr_t)file.p);
}

static int is_case_file(const struct dirent *e)
{
    const char *dot = strrchr(e->d_name, '.');
    return dot && strcmp(dot, ".txt") == 0;
}

static void run_dir(const struct sp_proto *proto, const char *dir, bool update)
{
    struct dirent **names;
    int n = scandir(dir, &names, is_case_file, alphasort);
    for (int i = 0; i < n; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", dir, names[i]->d_name);
        run_file(proto, path, update);
        free(names[i]);
    }
    if (n >= 0)
        free(names);
}

int main(int argc, char **argv)
{
    bool update = argc > 1 && strcmp(argv[1], "--update") == 0;
    const struct sp_proto *proto = argc == 3 + update ? sp_proto_by_name(sp_span_str(argv[1 + update])) : NULL;
    if (!proto) {
        fprintf(stderr, "usage: cases [--update] PROTOCOL DIR\n");
        return 2;
    }
    run_dir(proto, argv[2 + update], update);
    printf("1..%u\n", count);
    return failures != 0 || count == 0;
}
