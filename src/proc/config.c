/* SPDX-License-Identifier: Apache-2.0 */
/* config: reads the configuration file (YAML 1.2) by the table of keys. */
#include <errno.h>
#include <libfyaml.h>
#include <stdlib.h>
#include <string.h>

#include "proc/config_check.h"
#include "proc/config_table.h"
#include "proc/file.h"
#include "proc/rules.h"

enum {
    KEYS_SHOWN = 32,              /* of one section, for suggestions */
    STRINGS_MAX = 2 * SP_CONFIG_FILE_MAX, /* every scalar of the file, with its NUL */
};

/* ---- values of one kind ---- */

static bool read_scaled(struct sp_span text, const char *const *units, const uint64_t *factors, uint64_t *ret)
{
    size_t digits = 0;
    uint64_t n;
    while (digits < text.n && sp_is_digit(text.p[digits]))
        digits++;
    if (!sp_span_u64(sp_span_sub(text, 0, digits), &n))
        return false;
    struct sp_span unit = sp_span_trim(sp_span_from(text, digits));
    for (unsigned i = 0; units[i]; i++)
        if (sp_span_eq(unit, sp_span_str(units[i])))
            return !__builtin_mul_overflow(n, factors[i], ret);
    return false;
}

static bool read_size(struct sp_span text, uint64_t *ret)
{
    static const char *const units[] = {"", "B", "KiB", "MiB", "GiB", "TiB", NULL};
    static const uint64_t factors[] = {1, 1, 1 << 10, 1 << 20, 1 << 30, UINT64_C(1) << 40};
    return read_scaled(text, units, factors, ret);
}

static bool read_duration(struct sp_span text, uint64_t *ret)
{
    static const char *const units[] = {"ms", "s", "m", "h", NULL};
    static const uint64_t factors[] = {1, 1000, 60 * 1000, 3600 * 1000};
    return read_scaled(text, units, factors, ret);
}

static bool read_bool(struct sp_span text, bool *ret)
{
    *ret = sp_span_eq(text, SP_LIT("true"));
    return *ret || sp_span_eq(text, SP_LIT("false"));
}

static bool read_word(struct sp_span text, const char *const *words, uint64_t *ret)
{
    for (unsigned i = 0; words[i]; i++)
        if (sp_span_eq(text, sp_span_str(words[i]))) {
            *ret = i;
            return true;
        }
    return false;
}

static bool read_number(const struct config_key *k, struct sp_span text, uint64_t *ret)
{
    switch (k->kind) {
    case CONFIG_SIZE:
        return read_size(text, ret);
    case CONFIG_DURATION:
        return read_duration(text, ret);
    case CONFIG_WORD:
        return read_word(text, k->words, ret);
    default:
        return sp_span_u64(text, ret);
    }
}

static const char *keep(struct sp_config *c, struct sp_span text)
{
    char *s = sp_arena_get(&c->arena, text.n + 1);
    if (!s)
        return NULL;
    memcpy(s, text.p, text.n);
    s[text.n] = 0;
    return s;
}

/* ---- errors ---- */

struct reader {
    struct sp_config *config;
    struct sp_diag *diag;
    const char *path;
    struct sp_span text;
};

static struct sp_span line_of(const struct reader *r, unsigned line)
{
    size_t at = 0;
    for (unsigned i = 1; i < line && at != SP_NOT_FOUND; i++) {
        size_t end = sp_span_byte(r->text, at, '\n');
        at = end == SP_NOT_FOUND ? end : end + 1;
    }
    if (at == SP_NOT_FOUND)
        return SP_LIT("");
    size_t end = sp_span_byte(r->text, at, '\n');
    return sp_span_sub(r->text, at, (end == SP_NOT_FOUND ? r->text.n : end) - at);
}

/* The first scalar in a node: where a person would look for it. */
static struct fy_token *token_of(struct fy_node *node)
{
    for (int depth = 0; node && depth < 8; depth++) {
        void *at = NULL;
        if (fy_node_is_scalar(node))
            return fy_node_get_scalar_token(node);
        if (fy_node_is_sequence(node))
            node = fy_node_sequence_iterate(node, &at);
        else {
            struct fy_node_pair *pair = fy_node_mapping_iterate(node, &at);
            node = pair ? fy_node_pair_key(pair) : NULL;
        }
    }
    return NULL;
}

__attribute__((format(printf, 3, 4))) static void wrong(const struct reader *r, struct fy_node *node, const char *fmt, ...)
{
    char what[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    struct fy_token *token = token_of(node);
    const struct fy_mark *start = token ? fy_token_start_mark(token) : NULL;
    const struct fy_mark *end = token ? fy_token_end_mark(token) : NULL;
    unsigned line = start ? (unsigned)start->line + 1 : 0, col = start ? (unsigned)start->column + 1 : 0;
    unsigned width = start && end && end->line == start->line && end->column > start->column ? (unsigned)(end->column - start->column) : 1;
    sp_diag_error(r->diag, r->path, line, col, width, line_of(r, line), "%s", what);
}

static struct sp_span scalar(struct fy_node *node)
{
    size_t n;
    const char *text = fy_node_get_scalar(node, &n);
    return sp_span_of(text, text ? n : 0);
}

/* ---- nodes ---- */

static void read_map(struct reader *r, struct fy_node *node, enum config_section section, char *to, struct fy_node *where);

static bool plain_scalar(const struct reader *r, const struct config_key *k, struct fy_node *node, struct fy_node *where)
{
    if (node && fy_node_is_scalar(node) && !fy_node_is_alias(node) && !fy_node_is_null(node))
        return true;
    wrong(r, where, "'%s' must be %s", k->name, config_kind_name(k->kind));
    return false;
}

static void read_text(struct reader *r, const struct config_key *k, struct fy_node *node, const char **ret)
{
    struct sp_span text = scalar(node);
    if (text.n < k->min || (k->max && text.n > k->max))
        wrong(r, node, "'%s' must have %llu to %llu bytes", k->name, (unsigned long long)k->min, (unsigned long long)k->max);
    else if (sp_span_byte(text, 0, 0) != SP_NOT_FOUND)
        wrong(r, node, "'%s' must not have a zero byte", k->name);
    else
        *ret = keep(r->config, text);
}

static void wrong_value(struct reader *r, const struct config_key *k, struct fy_node *node)
{
    struct sp_span text = scalar(node);
    if (k->kind != CONFIG_WORD) {
        wrong(r, node, "'%s' must be %s, not '%.*s'", k->name, config_kind_name(k->kind), SP_FMT(sp_span_sub(text, 0, 64)));
        return;
    }
    char all[256];
    struct sp_buf b = sp_buf_fixed(all, sizeof all - 1);
    for (unsigned i = 0; k->words[i]; i++)
        sp_put_fmt(&b, "%s%s", i ? ", " : "", k->words[i]);
    all[b.n] = 0;
    const char *near = sp_did_you_mean(text, k->words);
    wrong(r, node, "'%s' must be one of %s%s%s%s", k->name, all, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static void read_number_node(struct reader *r, const struct config_key *k, struct fy_node *node, uint64_t *ret)
{
    uint64_t n;
    if (!read_number(k, scalar(node), &n))
        wrong_value(r, k, node);
    else if (k->kind != CONFIG_WORD && (n < k->min || n > k->max))
        wrong(r, node, "'%s' must be from %llu to %llu%s", k->name, (unsigned long long)k->min, (unsigned long long)k->max,
              k->kind == CONFIG_DURATION ? " milliseconds" : k->kind == CONFIG_SIZE ? " bytes" : "");
    else
        *ret = n;
}

static void read_texts(struct reader *r, const struct config_key *k, struct fy_node *node, struct sp_config_list *list,
                       struct fy_node *where)
{
    void *at = NULL;
    bool one = node && fy_node_is_scalar(node);
    if (!one && !(node && fy_node_is_sequence(node))) {
        wrong(r, where, "'%s' must be %s", k->name, config_kind_name(k->kind));
        return;
    }
    list->n = 0;
    struct fy_node *item = one ? node : fy_node_sequence_iterate(node, &at);
    for (; item; item = one ? NULL : fy_node_sequence_iterate(node, &at)) {
        if (!plain_scalar(r, k, item, where))
            return;
        if (list->n == SP_LISTEN_MAX) {
            wrong(r, item, "'%s' has more than %d entries", k->name, SP_LISTEN_MAX);
            return;
        }
        list->item[list->n++] = keep(r->config, scalar(item));
    }
}

static void read_maps(struct reader *r, const struct config_key *k, struct fy_node *node, char *to, struct fy_node *where)
{
    void *at = NULL;
    uint64_t *n = (uint64_t *)(void *)(to + k->count);
    if (!node || !fy_node_is_sequence(node)) {
        wrong(r, where, "'%s' must be %s", k->name, config_kind_name(k->kind));
        return;
    }
    for (struct fy_node *item; (item = fy_node_sequence_iterate(node, &at));) {
        if (*n == k->max) {
            wrong(r, item, "'%s' has more than %llu entries", k->name, (unsigned long long)k->max);
            return;
        }
        read_map(r, item, k->inner, to + k->offset + k->item * (*n)++, where);
    }
}

static void read_value(struct reader *r, const struct config_key *k, struct fy_node *node, char *to, struct fy_node *where)
{
    void *at = to + k->offset;
    switch (k->kind) {
    case CONFIG_TEXT:
        if (plain_scalar(r, k, node, where))
            read_text(r, k, node, at);
        break;
    case CONFIG_BOOL:
        if (plain_scalar(r, k, node, where) && !read_bool(scalar(node), at))
            wrong_value(r, k, node);
        break;
    case CONFIG_NUMBER:
    case CONFIG_SIZE:
    case CONFIG_DURATION:
    case CONFIG_WORD:
        if (plain_scalar(r, k, node, where))
            read_number_node(r, k, node, at);
        break;
    case CONFIG_TEXTS:
        read_texts(r, k, node, at, where);
        break;
    case CONFIG_MAP:
        read_map(r, node, k->inner, at, where);
        break;
    case CONFIG_MAPS:
        read_maps(r, k, node, to, where);
        break;
    }
}

/* ---- keys ---- */

static const struct config_key *key_named(enum config_section section, struct sp_span name)
{
    for (unsigned i = 0; i < config_nkeys; i++)
        if (config_keys[i].section == section && sp_span_eq(sp_span_str(config_keys[i].name), name))
            return &config_keys[i];
    return NULL;
}

static void unknown_key(struct reader *r, enum config_section section, struct fy_node *key)
{
    const char *names[KEYS_SHOWN + 1];
    unsigned n = 0;
    for (unsigned i = 0; i < config_nkeys && n < KEYS_SHOWN; i++)
        if (config_keys[i].section == section)
            names[n++] = config_keys[i].name;
    names[n] = NULL;
    const char *near = sp_did_you_mean(scalar(key), names);
    wrong(r, key, "unknown key '%.*s'%s%s%s", SP_FMT(sp_span_sub(scalar(key), 0, 64)), near ? "; did you mean '" : "", near ? near : "",
          near ? "'?" : "");
}

/* Defaults go through the same readers as what people write. */
static void set_default(struct sp_config *c, const struct config_key *k, char *to)
{
    struct sp_span text = k->value ? sp_span_str(k->value) : SP_LIT("");
    bool ok = true;
    if (k->kind == CONFIG_TEXT)
        *(const char **)(void *)(to + k->offset) = k->value ? keep(c, text) : NULL;
    else if (k->kind == CONFIG_BOOL)
        ok = read_bool(text, (bool *)(to + k->offset));
    else if (k->kind <= CONFIG_WORD && k->value)
        ok = read_number(k, text, (uint64_t *)(void *)(to + k->offset));
    if (!ok)
        abort(); /* a mistake in our own table */
}

static void set_defaults(struct sp_config *c, enum config_section section, char *to)
{
    for (unsigned i = 0; i < config_nkeys; i++) {
        const struct config_key *k = &config_keys[i];
        if (k->section == section && k->kind == CONFIG_MAP)
            set_defaults(c, k->inner, to + k->offset);
        else if (k->section == section)
            set_default(c, k, to);
    }
}

static void require(struct reader *r, enum config_section section, uint64_t seen, struct fy_node *node, struct fy_node *where)
{
    for (unsigned i = 0; i < config_nkeys; i++)
        if (config_keys[i].section == section && config_keys[i].required && !(seen >> i & 1))
            wrong(r, token_of(node) ? node : where, "the key '%s' is missing", config_keys[i].name);
}

/* `to` is the section's struct; `where` is shown for what has no place of its own. Sections nest as the table does, never deeper. */
static void read_map(struct reader *r, struct fy_node *node, enum config_section section, char *to, struct fy_node *where)
{
    void *at = NULL;
    uint64_t seen = 0;
    if (!node || !fy_node_is_mapping(node)) {
        wrong(r, node && token_of(node) ? node : where, "a mapping is wanted here");
        return;
    }
    if (section == SECTION_SERVICE || section == SECTION_EVENT)
        set_defaults(r->config, section, to);
    for (struct fy_node_pair *pair; (pair = fy_node_mapping_iterate(node, &at));) {
        struct fy_node *key = fy_node_pair_key(pair);
        const struct config_key *k = key && fy_node_is_scalar(key) ? key_named(section, scalar(key)) : NULL;
        if (!k) {
            unknown_key(r, section, key);
            continue;
        }
        seen |= UINT64_C(1) << (k - config_keys);
        read_value(r, k, fy_node_pair_value(pair), to, key);
    }
    require(r, section, seen, node, where);
}

/* ---- the file ---- */

static void yaml_errors(struct reader *r, struct fy_diag *fy)
{
    void *at = NULL;
    for (struct fy_diag_error *e; (e = fy_diag_errors_iterate(fy, &at));)
        sp_diag_error(r->diag, r->path, (unsigned)e->line, (unsigned)e->column, 1, line_of(r, (unsigned)e->line), "%s", e->msg);
    if (!r->diag->errors)
        sp_diag_error(r->diag, r->path, 1, 1, 1, line_of(r, 1), "this is not YAML");
}

static void read_document(struct reader *r, struct fy_document *doc)
{
    struct fy_node *root = fy_document_root(doc);
    if (!root || fy_node_is_null(root))
        sp_diag_error(r->diag, r->path, 1, 1, 0, SP_LIT(""), "the configuration is empty");
    else
        read_map(r, root, SECTION_TOP, (char *)r->config, root);
    if (!r->diag->errors)
        sp_config_check(r->config, r->path, r->diag);
}

static void parse(struct reader *r)
{
    struct fy_diag_cfg quiet;
    fy_diag_cfg_default(&quiet);
    quiet.fp = NULL;
    struct fy_diag *fy = fy_diag_create(&quiet);
    if (!fy)
        return;
    fy_diag_set_collect_errors(fy, true);
    struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG, .diag = fy};
    struct fy_document *doc = fy_document_build_from_string(&cfg, (const char *)r->text.p, r->text.n);
    if (doc)
        read_document(r, doc);
    else
        yaml_errors(r, fy);
    fy_document_destroy(doc);
    fy_diag_destroy(fy);
}

int sp_config_defaults(struct sp_config *ret)
{
    *ret = (struct sp_config){.nservices = 1};
    int err = sp_arena_init(&ret->arena, STRINGS_MAX);
    if (err)
        return err;
    set_defaults(ret, SECTION_TOP, (char *)ret);
    set_defaults(ret, SECTION_SERVICE, (char *)&ret->services[0]);
    return 0;
}

int sp_config_load(const char *path, struct sp_diag *diag, struct sp_config *ret)
{
    uint8_t *text;
    size_t n;
    int err = sp_file_read(path, SP_CONFIG_FILE_MAX, &text, &n);
    if (err)
        return err;
    struct reader r = {.config = ret, .diag = diag, .path = path, .text = sp_span_of(text, n)};
    err = sp_config_defaults(ret);
    if (!err) {
        ret->nservices = 0;
        parse(&r);
        err = diag->errors ? -EINVAL : ret->arena.exhausted ? -ENOMEM : 0;
        if (err)
            sp_config_fini(ret);
    }
    free(text);
    return err;
}

int sp_config_open(const char *path, struct sp_config *ret)
{
    struct sp_diag diag;
    sp_diag_init(&diag);
    int err = sp_config_load(path, &diag, ret);
    sp_print_diag(&diag);
    if (err && !diag.errors)
        sp_complain(SP_EXIT_INPUT, "cannot read %s: %s", path, strerror(-err));
    sp_diag_fini(&diag);
    return err == -ENOMEM ? SP_EXIT_RUNTIME : err ? SP_EXIT_INPUT : SP_EXIT_OK;
}

void sp_config_rules(const struct sp_config *c, struct sp_list *ret)
{
    ret->n = 0;
    for (uint64_t i = 0; i < c->rules.n; i++)
        ret->item[ret->n++] = c->rules.item[i];
}

void sp_config_fini(struct sp_config *c)
{
    sp_arena_fini(&c->arena);
}
