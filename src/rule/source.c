/* SPDX-License-Identifier: Apache-2.0 */
/* source: rule files. YAML by libfyaml; every node knows its place, so every mistake is reported where it stands. */
#include "rule/source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libfyaml.h>

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

/* ---- one file ---- */

static bool id_taken(const struct sp_ruleset *s, struct sp_span id, const struct sp_rule **ret)
{
    for (uint32_t i = 0; i < s->nrules; i++) {
        if (sp_span_eq(s->rules[i]->id, id)) {
            *ret = s->rules[i];
            return true;
        }
    }
    return false;
}

struct loading {
    struct sp_ruleset *set;
    struct sp_diag *diag;
    struct macros macros;
    struct sp_rule **fresh; /* of the file being read */
    uint32_t nfresh, capfresh;
};

static void add_fresh(struct loading *l, struct sp_rule *rule)
{
    if (l->nfresh == l->capfresh) {
        uint32_t cap = l->capfresh ? 2 * l->capfresh : 64;
        struct sp_rule **more = realloc(l->fresh, cap * sizeof *more);
        if (!more)
            return;
        l->fresh = more;
        l->capfresh = cap;
    }
    l->fresh[l->nfresh++] = rule;
}

/* Rules count only when their whole file is right. */
static void commit_file(struct loading *l, bool right)
{
    for (uint32_t i = 0; right && i < l->nfresh; i++) {
        if (l->set->nrules < RULES_MAX)
            l->set->rules[l->set->nrules++] = l->fresh[i];
    }
    l->nfresh = 0;
}

static void report_yaml_errors(struct sp_diag *diag, struct fy_diag *fyd, const char *name, struct sp_span source)
{
    void *prev = NULL;
    struct fy_diag_error *e = fy_diag_errors_iterate(fyd, &prev);
    struct sp_span line = {NULL, 0};
    if (!e) {
        sp_diag_error(diag, name, 1, 0, 0, line, "not a YAML file");
        return;
    }
    unsigned at = 1;
    size_t off = 0;
    while (at < (unsigned)e->line && (off = sp_span_byte(source, off, '\n')) != SP_NOT_FOUND) {
        off++;
        at++;
    }
    if (off != SP_NOT_FOUND)
        line = sp_span_sub(source, off, sp_span_byte(source, off, '\n') - off);
    sp_diag_error(diag, name, e->line > 0 ? (unsigned)e->line : 1, e->column > 0 ? (unsigned)e->column : 1, 1, line, "%s", e->msg);
}

/* Calls `each` for every document; false when the file is not YAML. */
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
    bool ok = parser && fy_parser_set_string(parser, (const char *)source.p, source.n) == 0;
    while (ok && (doc = fy_parse_load_document(parser))) {
        struct fy_node *root = fy_document_root(doc);
        if (root)
            each(l, &file, root);
        fy_parse_document_destroy(parser, doc);
    }
    if (!ok || fy_diag_got_error(fyd)) {
        report_yaml_errors(l->diag, fyd, name, source);
        ok = false;
    }
    if (parser)
        fy_parser_destroy(parser);
    fy_diag_destroy(fyd);
    return ok;
}

static void load_macros(struct loading *l, struct yaml_file *f, struct fy_node *root)
{
    yaml_read_macros(f, root);
    (void)l;
}

static void load_rule(struct loading *l, struct yaml_file *f, struct fy_node *root)
{
    if (yaml_is_macros(root))
        return;
    struct sp_rule *rule = yaml_read_rule(f, root);
    const struct sp_rule *other = NULL;
    if (!rule)
        return;
    if (id_taken(l->set, rule->id, &other))
        sp_diag_error(l->diag, f->name, rule->line, 0, 0, (struct sp_span){NULL, 0}, "%.*s is defined already, at %s:%u", SP_FMT(rule->id),
                      other->file, other->line);
    add_fresh(l, rule);
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
};

struct files {
    struct file *all;
    uint32_t n, cap;
};

static int read_file(struct sp_ruleset *s, const char *path, struct sp_diag *diag, struct sp_span *ret)
{
    struct sp_span none = {NULL, 0};
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc = -EINVAL;
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) {
        rc = -errno;
        sp_diag_error(diag, path, 0, 0, 0, none, "cannot read: %s", strerror(errno));
    } else if (st.st_size > SP_RULE_FILE_MAX) {
        sp_diag_error(diag, path, 0, 0, 0, none, "a rule file may have %d MiB, this one has more", SP_RULE_FILE_MAX >> 20);
    } else {
        uint8_t *p = sp_arena_get(&s->arena, (size_t)st.st_size + 1);
        ssize_t n = p ? read(fd, p, (size_t)st.st_size) : -1;
        rc = n < 0 ? -EIO : 0;
        if (rc == 0)
            *ret = sp_span_of(p, (size_t)n);
    }
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
    fs->all[fs->n++] = (struct file){name, text};
    return 0;
}

static bool is_rule_file(const char *name)
{
    struct sp_span s = sp_span_str(name);
    return sp_span_ends(s, SP_LIT(".yaml")) || sp_span_ends(s, SP_LIT(".yml"));
}

static int gather(struct sp_ruleset *s, const char *path, unsigned depth, struct sp_diag *diag, struct files *fs)
{
    struct dirent **entries;
    int n = scandir(path, &entries, NULL, alphasort), rc = 0;
    if (n < 0) {
        if (errno != ENOTDIR) {
            sp_diag_error(diag, path, 0, 0, 0, (struct sp_span){NULL, 0}, "cannot read: %s", strerror(errno));
            return -errno;
        }
        struct sp_span text = {NULL, 0};
        rc = read_file(s, path, diag, &text);
        return rc < 0 ? rc : add_file(fs, keep_name(s, path), text);
    }
    for (int i = 0; i < n; i++) {
        char below[4096];
        bool hidden = entries[i]->d_name[0] == '.';
        snprintf(below, sizeof below, "%s/%s", path, entries[i]->d_name);
        struct stat st;
        bool directory = !hidden && stat(below, &st) == 0 && S_ISDIR(st.st_mode);
        free(entries[i]);
        if (!hidden && rc == 0 && ((directory && depth < DEPTH_MAX) || (!directory && is_rule_file(below))))
            rc = gather(s, below, depth + 1, diag, fs);
    }
    free(entries);
    return rc;
}

static int load_files(struct sp_ruleset *s, struct sp_diag *diag, const struct files *fs)
{
    struct loading l = {.set = s, .diag = diag};
    unsigned before = diag->errors;
    for (uint32_t i = 0; i < fs->n; i++)
        (void)each_document(&l, fs->all[i].name, fs->all[i].text, load_macros);
    bool yaml = diag->errors == before; /* what is not YAML has been reported and is not read again */
    for (uint32_t i = 0; yaml && i < fs->n; i++) {
        unsigned errors = diag->errors;
        (void)each_document(&l, fs->all[i].name, fs->all[i].text, load_rule);
        commit_file(&l, diag->errors == errors);
    }
    free(l.fresh);
    return diag->errors > before ? -EINVAL : 0;
}

int sp_ruleset_load(struct sp_ruleset *s, const char *path, struct sp_diag *diag)
{
    struct files fs = {0};
    int rc = gather(s, path, 0, diag, &fs);
    if (rc == 0)
        rc = load_files(s, diag, &fs);
    free(fs.all);
    return rc;
}

int sp_ruleset_load_text(struct sp_ruleset *s, const char *name, struct sp_span yaml, struct sp_diag *diag)
{
    struct file one = {keep_name(s, name), sp_arena_copy(&s->arena, yaml)};
    struct files fs = {.all = &one, .n = 1};
    return load_files(s, diag, &fs);
}
