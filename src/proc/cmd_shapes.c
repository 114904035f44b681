/* SPDX-License-Identifier: Apache-2.0 */
/* shapes: what statements have been learned, which of them are approved, and when there is nothing more to learn. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "proc/cmd.h"
#include "proc/shapes.h"
#include "proto/statement.h"

enum shapes_limits {
    OUTPUT_MAX = 256 << 20,
    TEXT_SHOWN = 100,    /* bytes of a statement in a list */
    LINE_MAX_BYTES = 1 << 20,
    CURVE_WIDTH = 60,
    CURVE_ROWS = 20,
};

static struct {
    const char *store, *service, *protocol, *then;
    struct sp_list words;
    bool new_only;
} want = {.store = SP_STORE_DEFAULT, .then = "refuse"};

static const struct sp_option options[] = {
    {.name = "store", .letter = 's', .kind = SP_OPTION_TEXT, .value = "FILE", .to.text = &want.store,
     .doc = "What was learned: 'store' of the configuration. Default: " SP_STORE_DEFAULT "."},
    {.name = "service", .kind = SP_OPTION_TEXT, .value = "NAME", .to.text = &want.service,
     .doc = "Only this service. Needed for export and import, and where one KEY may mean several services."},
    {.name = "new", .letter = 'n', .kind = SP_OPTION_FLAG, .to.flag = &want.new_only, .doc = "list: only those that nobody approved."},
    {.name = "protocol", .letter = 'p', .kind = SP_OPTION_TEXT, .value = "NAME", .to.text = &want.protocol,
     .doc = "export: what the service speaks, pgsql or mysql."},
    {.name = "then", .kind = SP_OPTION_TEXT, .value = "ACTION", .to.text = &want.then,
     .doc = "export: what becomes of other statements: refuse or alert. Default: refuse."},
    {0},
};

static const struct sp_example examples[] = {
    {"what has been seen so far, and is anything new still coming?", "sallyport shapes list && sallyport shapes curve"},
    {"approve all, then all of one user", "sallyport shapes approve --service shop && sallyport shapes approve --service shop web/"},
    {"put what is approved in force", "sallyport shapes export --service shop --protocol pgsql > /etc/sallyport/rules/shop.yaml && sallyport reload"},
    {0},
};

static struct sp_span service(void)
{
    return want.service ? sp_span_str(want.service) : SP_LIT("");
}

static int failed(struct sp_store *s)
{
    return sp_complain(SP_EXIT_RUNTIME, "%s: %s", want.store, sp_store_why(s));
}

/* ---- list ---- */

static void put_time(struct sp_buf *out, uint64_t us)
{
    char text[32] = "-";
    time_t t = (time_t)(us / 1000000);
    struct tm tm;
    if (us)
        (void)strftime(text, sizeof text, "%Y-%m-%d %H:%M", gmtime_r(&t, &tm));
    sp_put_fmt(out, "%-17s", text);
}

static int list_one(void *ctx, const struct sp_shape *s)
{
    struct sp_buf *out = ctx;
    if (want.new_only && s->approved)
        return 0;
    sp_put_fmt(out, "%-9s%8llu  ", s->approved ? "approved" : "new", (unsigned long long)s->count);
    put_time(out, s->first_us);
    put_time(out, s->last_us);
    sp_put_fmt(out, "%.*s  %.*s  ", SP_FMT(s->service), SP_FMT(s->key));
    for (size_t i = 0; i < s->text.n && i < TEXT_SHOWN; i++)
        sp_put_byte(out, s->text.p[i] < ' ' || s->text.p[i] == 0x7f ? '?' : s->text.p[i]);
    sp_put_str(out, s->text.n > TEXT_SHOWN ? "...\n" : "\n");
    return 0;
}

static int list(struct sp_store *s)
{
    struct sp_buf out = sp_buf_growing(OUTPUT_MAX);
    sp_put_fmt(&out, "%-9s%8s  %-17s%-17s%s\n", "", "count", "first (UTC)", "last", "service  user/database/application/shape  statement");
    if (sp_store_each(s, service(), list_one, &out) < 0) {
        sp_buf_fini(&out);
        return failed(s);
    }
    return sp_print(&out);
}

/* ---- approve, forget ---- */

static int change(struct sp_store *s, bool forget)
{
    int total = 0;
    struct sp_span all = SP_LIT("");
    for (unsigned i = 1; i < want.words.n || i == 1; i++) {
        struct sp_span key = i < want.words.n ? sp_span_str(want.words.item[i]) : all;
        int n = forget ? sp_store_forget(s, service(), key) : sp_store_approve_all(s, service(), key);
        if (n < 0)
            return failed(s);
        total += n;
    }
    if (total == 0 && want.words.n > 1)
        return sp_complain(SP_EXIT_INPUT, "shapes: nothing that was learned has such a key; see 'sallyport shapes list'");
    printf("%d %s\n", total, forget ? "forgotten" : "approved");
    return SP_EXIT_OK;
}

static int approve(struct sp_store *s)
{
    return change(s, false);
}

static int forget(struct sp_store *s)
{
    if (want.words.n < 2 && !want.service)
        return sp_complain(SP_EXIT_INPUT, "shapes: forget what? Name a KEY, the beginning of one, or a --service");
    return change(s, true);
}

/* ---- export, import ---- */

struct exporting {
    struct sp_buf out;
    struct sp_shapes_file file;
    struct sp_arena arena;
    struct sp_shape proof; /* its texts are in the arena */
    uint64_t n;
};

static int export_one(void *ctx, const struct sp_shape *s)
{
    struct exporting *e = ctx;
    if (!s->approved)
        return 0;
    sp_shapes_line(&e->out, s);
    e->n++;
    if (e->proof.key.n)
        return 0;
    sp_arena_reset(&e->arena);
    if (sp_shape_proves(e->file.protocol, s, &e->arena))
        e->proof = (struct sp_shape){.key = sp_arena_copy(&e->arena, s->key), .text = sp_arena_copy(&e->arena, s->text)};
    return 0;
}

static int export_to(struct sp_store *s, struct exporting *e)
{
    sp_shapes_begin(&e->out, &e->file);
    if (sp_store_each(s, service(), export_one, e) < 0)
        return failed(s);
    if (e->n == 0)
        return sp_complain(SP_EXIT_INPUT, "shapes: nothing is approved for %s", want.service);
    sp_shapes_end(&e->out, &e->file, e->proof.key.n ? &e->proof : NULL);
    return SP_EXIT_OK;
}

static int export(struct sp_store *s)
{
    uint16_t key, text;
    const struct sp_proto *proto = want.protocol ? sp_proto_by_name(sp_span_str(want.protocol)) : NULL;
    if (!want.service)
        return sp_complain(SP_EXIT_INPUT, "shapes: export needs a --service");
    if (!proto || !sp_statement_fields(proto, &key, &text))
        return sp_complain(SP_EXIT_INPUT, "shapes: export needs the --protocol that %s speaks: pgsql or mysql", want.service);
    struct exporting e = {.out = sp_buf_growing(OUTPUT_MAX), .file = {want.service, want.protocol, want.then}};
    if (sp_arena_init(&e.arena, LINE_MAX_BYTES) < 0)
        return sp_complain(SP_EXIT_RUNTIME, "out of memory");
    int status = export_to(s, &e);
    sp_arena_fini(&e.arena);
    if (!status)
        return sp_print(&e.out);
    sp_buf_fini(&e.out);
    return status;
}

static int import_lines(struct sp_store *s, FILE *f, struct sp_arena *a)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    unsigned taken = 0;
    int rc = sp_store_begin(s);
    while (rc == 0 && (n = getline(&line, &room, f)) >= 0) {
        struct sp_shape shape;
        sp_arena_reset(a);
        if (!sp_shapes_parse(sp_span_of(line, (size_t)n), a, &shape))
            continue;
        shape.service = service();
        rc = sp_store_approve(s, &shape);
        taken++;
    }
    free(line);
    if (rc == 0)
        rc = sp_store_commit(s);
    if (rc < 0)
        return failed(s);
    if (!taken)
        return sp_complain(SP_EXIT_INPUT, "shapes: there is no shape in %s", want.words.item[1]);
    printf("%u approved\n", taken);
    return SP_EXIT_OK;
}

static int import(struct sp_store *s)
{
    struct sp_arena a;
    if (!want.service || want.words.n != 2)
        return sp_complain(SP_EXIT_INPUT, "shapes: import needs a --service and one FILE");
    FILE *f = fopen(want.words.item[1], "re");
    if (!f)
        return sp_complain(SP_EXIT_INPUT, "cannot open %s: %s", want.words.item[1], strerror(errno));
    int status = SP_EXIT_RUNTIME;
    if (sp_arena_init(&a, LINE_MAX_BYTES) == 0) {
        status = import_lines(s, f, &a);
        sp_arena_fini(&a);
    }
    (void)fclose(f);
    return status;
}

/* ---- curve ---- */

struct curve {
    uint64_t statements, shapes, last_at, last_us;
    uint64_t new_in[CURVE_ROWS]; /* shapes that came first in each part of all statements */
};

static int curve_one(void *ctx, const struct sp_shape *s)
{
    struct curve *c = ctx;
    if (!s->first_us) /* only ever imported */
        return 0;
    uint64_t row = c->statements ? s->at * CURVE_ROWS / c->statements : 0;
    c->new_in[row < CURVE_ROWS ? row : CURVE_ROWS - 1]++;
    c->shapes++;
    c->last_at = s->at > c->last_at ? s->at : c->last_at;
    c->last_us = s->first_us > c->last_us ? s->first_us : c->last_us;
    return 0;
}

static void put_curve(struct sp_buf *out, const struct curve *c)
{
    uint64_t sum = 0;
    sp_put_fmt(out, "%12s %8s %8s\n", "statements", "new", "shapes");
    for (unsigned i = 0; i < CURVE_ROWS; i++) {
        sum += c->new_in[i];
        sp_put_fmt(out, "%12llu %8llu %8llu  ", (unsigned long long)(c->statements * (i + 1) / CURVE_ROWS), (unsigned long long)c->new_in[i], (unsigned long long)sum);
        for (uint64_t k = 0; k < sum * CURVE_WIDTH / c->shapes; k++)
            sp_put_byte(out, '#');
        sp_put_byte(out, '\n');
    }
}

static int curve(struct sp_store *s)
{
    struct curve c = {.statements = sp_store_statements(s, service())};
    struct sp_buf out = sp_buf_growing(OUTPUT_MAX);
    if (sp_store_each(s, service(), curve_one, &c) < 0) {
        sp_buf_fini(&out);
        return failed(s);
    }
    if (c.shapes) {
        put_curve(&out, &c);
        double hours = (double)(sp_clock_real_us() - c.last_us) / 3.6e9;
        sp_put_fmt(&out, "%llu shapes; no new one in the last %llu statements, %.1f hours\n", (unsigned long long)c.shapes,
                   (unsigned long long)(c.statements - c.last_at), hours);
    } else {
        sp_put_str(&out, "nothing has been learned yet\n");
    }
    return sp_print(&out);
}

/* ---- the command ---- */

static const struct { const char *name; int (*run)(struct sp_store *s); bool makes; } actions[] = {
    {"list", list, false}, {"curve", curve, false}, {"approve", approve, false}, {"forget", forget, false}, {"export", export, false}, {"import", import, true},
};

static int run(void)
{
    char why[SP_STORE_WHY];
    struct sp_store *store;
    const char *word = want.words.n ? want.words.item[0] : "list";
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(word, actions[i].name) != 0)
            continue;
        if (sp_store_open(want.store, actions[i].makes, why, &store) < 0)
            return sp_complain(SP_EXIT_INPUT, "cannot open %s: %s", want.store, why);
        int status = actions[i].run(store);
        sp_store_close(store);
        return status;
    }
    return sp_complain(SP_EXIT_INPUT, "shapes: '%s' is not one of list, curve, approve, forget, export, import", word);
}

const struct sp_command sp_cmd_shapes = {
    .name = "shapes",
    .summary = "show, approve and export the statements that were learned",
    .operands = "ACTION [KEY...|FILE]",
    .about = "A service with 'learn: true' notes the shape of every statement, by user, database and application: what stays the same when literals, the length "
             "of lists, comments and generated aliases change. When no new ones come any more (curve), approve what is right and export it: the file is "
             "a rule file, a list with the guard that refuses every other statement.\n"
             "ACTION: list (the default), curve, approve [KEY...] (all without a key), forget KEY..., export, import FILE.\n"
             "KEY: user/database/application/shape, the beginning of one, or a shape alone.",
    .options = options,
    .examples = examples,
    .given = &want.words,
    .min_operands = 0,
    .max_operands = SP_LIST_MAX,
    .run = run,
};
