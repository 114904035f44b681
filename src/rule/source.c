/* SPDX-License-Identifier: Apache-2.0 */
/* source: rule files. YAML by libfyaml; every node knows its place, so every mistake is reported where it stands. */
#include "rule/source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libfyaml.h>

#include "base/hash.h"
#include "rule/yaml.h"

enum source_limits {
    RULES_MEMORY = 1 << 30,  /* all rules together, as address space */
    RULES_MAX = 100000,
    DEPTH_MAX = 8,           /* nesting of directories */
};

int sp_ruleset_init(struct sp_ruleset *s)
{
    *s = (struct sp_ruleset){0};
    int rc = sp_arena_init(&s->arena, RULES_MEMORY);
    if (rc < 0)
        return rc;
    s->rules = sp_arena_get(&s->arena, RULES_MAX * sizeof *s->rules);
    return s->rules ? 0 : -ENOMEM;
}

void sp_ruleset_fini(struct sp_ruleset *s)
{
    sp_arena_fini(&s->arena);
    *s = (struct sp_ruleset){0};
}

const struct sp_proto *sp_rule_proto(const struct sp_rule *r)
{
    return r->proto;
}

struct sp_span sp_rule_id(const struct sp_rule *r)
{
    return r->id;
}

uint32_t sp_rule_ncases(const struct sp_rule *r)
{
    return r->ncases;
}

const struct sp_case *sp_rule_case(const struct sp_rule *r, uint32_t i)
{
    return &r->cases[i];
}

/* ---- rules by name ---- */

/* Open addressing over rules that were read, right or wrong: a name is defined once. */
struct names {
    struct sp_rule **slots;
    uint32_t n, cap; /* cap is a power of two, at most half of it used */
};

static struct sp_rule **name_slot(const struct names *t, struct sp_span id)
{
    uint32_t i = (uint32_t)sp_hash(id) & (t->cap - 1);
    while (t->slots[i] && !sp_span_eq(t->slots[i]->id, id))
        i = (i + 1) & (t->cap - 1);
    return &t->slots[i];
}

static int names_grow(struct names *t)
{
    struct names more = {.cap = t->cap ? 2 * t->cap : 256, .n = t->n};
    more.slots = calloc(more.cap, sizeof *more.slots);
    if (!more.slots)
        return -ENOMEM;
    for (uint32_t i = 0; i < t->cap; i++) {
        if (t->slots[i])
            *name_slot(&more, t->slots[i]->id) = t->slots[i];
    }
    free(t->slots);
    *t = more;
    return 0;
}

/* Remembers the rule; another one of its name is returned and stays. */
static int names_add(struct names *t, struct sp_rule *rule, const struct sp_rule **ret_other)
{
    if (2 * (t->n + 1) > t->cap) {
        int rc = names_grow(t);
        if (rc < 0)
            return rc;
    }
    struct sp_rule **slot = name_slot(t, rule->id);
    *ret_other = *slot;
    if (!*slot) {
        *slot = rule;
        t->n++;
    }
    return 0;
}

/* ---- one file ---- */

struct loading {
    struct sp_ruleset *set;
    struct sp_diag *diag;
    struct macros macros;
    struct names names;
    bool failed;      /* a rule could not be read */
    int rc;           /* what went wrong with the machine, not with the rules */
};

static void report_yaml_error(struct sp_diag *diag, struct fy_diag *fyd, const char *name, struct sp_span source)
{
    void *prev = NULL;
    struct fy_diag_error *e = fy_diag_errors_iterate(fyd, &prev);
    if (!e) {
        sp_diag_error(diag, name, 1, 0, 0, (struct sp_span){NULL, 0}, "this is not YAML");
        return;
    }
    unsigned line = e->line > 0 ? (unsigned)e->line : 1;
    size_t at = 0;
    for (unsigned i = 1; i < line && at != SP_NOT_FOUND; i++) {
        size_t end = sp_span_byte(source, at, '\n');
        at = end == SP_NOT_FOUND ? end : end + 1;
    }
    struct sp_span rest = sp_span_from(source, at);
    sp_diag_error(diag, name, line, e->column > 0 ? (unsigned)e->column : 1, 1, sp_span_sub(rest, 0, sp_span_byte(rest, 0, '\n')),
                  "YAML: %s", e->msg);
}

/* Calls `each` for every document; false when the file is not YAML, which is reported. */
static bool each_document(struct loading *l, const char *name, struct sp_span source,
                          void (*each)(struct loading *, struct yaml_file *, struct fy_node *))
{
    struct fy_diag_cfg dcfg;
    fy_diag_cfg_default(&dcfg);
    struct fy_diag *fyd = fy_diag_create(&dcfg);
    struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET | FYPCF_DISABLE_RECYCLING, .diag = fyd};
    fy_diag_set_collect_errors(fyd, true);
    struct fy_parser *parser = fy_parser_create(&cfg);
    struct yaml_file file = {.name = name, .source = source, .set = l->set, .diag = l->diag, .macros = &l->macros};
    struct fy_document *doc;
    bool ok = parser && (source.n == 0 || fy_parser_set_string(parser, (const char *)source.p, source.n) == 0);
    while (ok && source.n && (doc = fy_parse_load_document(parser))) {
        struct fy_node *root = fy_document_root(doc);
        if (root && !fy_node_is_null(root))
            each(l, &file, root);
        fy_parse_document_destroy(parser, doc);
    }
    if (!ok || fy_diag_got_error(fyd)) {
        report_yaml_error(l->diag, fyd, name, source);
        ok = false;
    }
    if (parser)
        fy_parser_destroy(parser);
    fy_diag_destroy(fyd);
    return ok;
}

/* Length of the UTF-8 character that s begins with; 0 for what is none, or is a control character (YAML 1.2 section 5.1). */
static size_t character(struct sp_span s)
{
    uint8_t c = s.p[0];
    size_t n = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
    int next = sp_span_at(s, 1);
    if (n == 1)
        return (c >= 0x20 && c != 0x7f) || c == '\t' || c == '\n' || c == '\r';
    if ((c == 0xe0 && next < 0xa0) || (c == 0xed && next > 0x9f) || (c == 0xf0 && next < 0x90) || (c == 0xf4 && next > 0x8f))
        return 0; /* overlong, a surrogate, beyond U+10FFFF */
    for (size_t i = 1; i < n; i++) {
        if ((sp_span_at(s, i) & 0xc0) != 0x80 || i >= s.n)
            return 0;
    }
    return n;
}

/* libfyaml takes what is no text for the end of the file. */
static bool is_text(struct sp_diag *diag, const char *name, struct sp_span source)
{
    unsigned line, col;
    for (size_t at = 0, n; at < source.n; at += n) {
        n = character(sp_span_from(source, at));
        if (n)
            continue;
        (void)rule_place(source, at, &line, &col);
        sp_diag_error(diag, name, line, col, 0, (struct sp_span){NULL, 0}, "this is no UTF-8 text: byte 0x%02x", source.p[at]);
        return false;
    }
    return true;
}

static void load_macros(struct loading *l, struct yaml_file *f, struct fy_node *root)
{
    (void)l;
    if (yaml_is_macros(root))
        yaml_read_macros(f, root);
}

static void load_rule(struct loading *l, struct yaml_file *f, struct fy_node *root)
{
    const struct sp_rule *other = NULL;
    if (yaml_is_macros(root) || l->rc < 0)
        return;
    struct sp_rule *rule = yaml_read_rule(f, root);
    l->failed |= !rule;
    if (!rule)
        return;
    l->rc = names_add(&l->names, rule, &other);
    if (other)
        sp_diag_error(l->diag, f->name, rule->line, 0, 0, (struct sp_span){NULL, 0}, "%.*s is defined already, at %s:%u", SP_FMT(rule->id),
                      other->file, other->line);
    else if (l->set->nrules == RULES_MAX)
        sp_diag_error(l->diag, f->name, rule->line, 0, 0, (struct sp_span){NULL, 0}, "more than %d rules", RULES_MAX);
    else
        l->set->rules[l->set->nrules++] = rule;
}

static const char *keep_name(struct sp_ruleset *s, const char *name)
{
    struct sp_span copy = sp_arena_copy(&s->arena, sp_span_of(name, strlen(name) + 1));
    return copy.n ? (const char *)copy.p : "rules";
}

/* ---- files of a directory ---- */

struct file {
    const char *name;
    struct sp_span text;
    bool broken; /* not text or not YAML, which has been reported */
};

struct files {
    struct file *all;
    uint32_t n, cap;
};

static void cannot(struct sp_diag *diag, const char *path, const char *what)
{
    sp_diag_error(diag, path, 0, 0, 0, (struct sp_span){NULL, 0}, "cannot read: %s", what);
}

/* Reads all of an open file. 0 or -errno. */
static int read_open(struct sp_ruleset *s, int fd, struct sp_span *ret)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    if (st.st_size > SP_RULE_FILE_MAX)
        return -EFBIG;
    size_t max = (size_t)st.st_size, n = 0;
    uint8_t *p = sp_arena_get(&s->arena, max + 1);
    if (!p)
        return -ENOMEM;
    while (n < max) {
        ssize_t got = read(fd, p + n, max - n);
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        n += (size_t)got;
    }
    *ret = sp_span_of(p, n);
    return 0;
}

static int read_file(struct sp_ruleset *s, const char *path, struct sp_diag *diag, struct sp_span *ret)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int rc = fd < 0 ? -errno : read_open(s, fd, ret);
    if (rc == -EFBIG)
        sp_diag_error(diag, path, 0, 0, 0, (struct sp_span){NULL, 0}, "a rule file has at most %d MiB", SP_RULE_FILE_MAX >> 20);
    else if (rc < 0)
        cannot(diag, path, rc == -EINVAL ? "not a file" : strerror(-rc));
    if (fd >= 0)
        close(fd);
    return rc;
}

static int add_file(struct files *fs, const char *name, struct sp_span text)
{
    if (fs->n == fs->cap) {
        uint32_t cap = fs->cap ? 2 * fs->cap : 64;
        struct file *more = realloc(fs->all, cap * sizeof *more);
        if (!more)
            return -ENOMEM;
        fs->all = more;
        fs->cap = cap;
    }
    fs->all[fs->n++] = (struct file){.name = name, .text = text};
    return 0;
}

static bool is_rule_file(const char *name)
{
    struct sp_span s = sp_span_str(name);
    return sp_span_ends(s, SP_LIT(".yaml")) || sp_span_ends(s, SP_LIT(".yml"));
}

static int gather(struct sp_ruleset *s, const char *path, unsigned depth, struct sp_diag *diag, struct files *fs);

/* An entry of a directory. */
static int gather_below(struct sp_ruleset *s, const char *path, const char *name, unsigned depth, struct sp_diag *diag, struct files *fs)
{
    char below[PATH_MAX];
    struct stat st;
    if (name[0] == '.')
        return 0;
    if ((size_t)snprintf(below, sizeof below, "%s/%s", path, name) >= sizeof below) {
        cannot(diag, path, strerror(ENAMETOOLONG));
        return -ENAMETOOLONG;
    }
    bool directory = stat(below, &st) == 0 && S_ISDIR(st.st_mode);
    if (!directory && !is_rule_file(below))
        return 0;
    if (depth < DEPTH_MAX)
        return gather(s, below, depth + 1, diag, fs);
    sp_diag_error(diag, below, 0, 0, 0, (struct sp_span){NULL, 0}, "directories are nested more than %d deep", DEPTH_MAX);
    return -ELOOP;
}

/* What cannot be read is reported; the rest is gathered all the same. */
static int gather(struct sp_ruleset *s, const char *path, unsigned depth, struct sp_diag *diag, struct files *fs)
{
    struct dirent **entries;
    int n = scandir(path, &entries, NULL, alphasort), rc = n < 0 ? -errno : 0;
    if (rc == -ENOTDIR) {
        struct sp_span text = {NULL, 0};
        rc = read_file(s, path, diag, &text);
        return rc < 0 ? rc : add_file(fs, keep_name(s, path), text);
    }
    if (rc < 0) {
        cannot(diag, path, strerror(-rc));
        return rc;
    }
    for (int i = 0; i < n; i++) {
        int bad = gather_below(s, path, entries[i]->d_name, depth, diag, fs);
        rc = rc < 0 ? rc : bad;
        free(entries[i]);
    }
    free(entries);
    return rc;
}

/* Macros first, of all files: rules may stand before them. */
static int load_files(struct sp_ruleset *s, struct sp_diag *diag, const struct files *fs)
{
    struct loading l = {.set = s, .diag = diag};
    unsigned before = diag->errors;
    for (uint32_t i = 0; l.rc == 0 && i < s->nrules; i++) {
        const struct sp_rule *other;
        l.rc = names_add(&l.names, s->rules[i], &other);
    }
    for (uint32_t i = 0; l.rc == 0 && i < fs->n; i++) {
        struct file *f = &fs->all[i];
        bool may = sp_span_find(f->text, 0, SP_LIT("macros")) != SP_NOT_FOUND || sp_span_find(f->text, 0, SP_LIT("lists")) != SP_NOT_FOUND;
        f->broken = !is_text(diag, f->name, f->text) || (may && !each_document(&l, f->name, f->text, load_macros));
    }
    for (uint32_t i = 0; l.rc == 0 && i < fs->n; i++) {
        unsigned errors = diag->errors;
        uint32_t nrules = s->nrules;
        if (!fs->all[i].broken)
            (void)each_document(&l, fs->all[i].name, fs->all[i].text, load_rule);
        if (diag->errors > errors)
            s->nrules = nrules; /* nothing of a file with mistakes counts */
    }
    free(l.names.slots);
    return l.rc < 0 ? l.rc : l.failed || diag->errors > before ? -EINVAL : 0;
}

int sp_ruleset_load(struct sp_ruleset *s, const char *path, struct sp_diag *diag)
{
    struct files fs = {0};
    int rc = gather(s, path, 0, diag, &fs), bad = load_files(s, diag, &fs);
    free(fs.all);
    return rc < 0 ? rc : bad;
}

int sp_ruleset_load_text(struct sp_ruleset *s, const char *name, struct sp_span yaml, struct sp_diag *diag)
{
    struct file one = {.name = keep_name(s, name), .text = sp_arena_copy(&s->arena, yaml)};
    struct files fs = {.all = &one, .n = 1};
    return load_files(s, diag, &fs);
}
