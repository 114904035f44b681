/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source: rules as written. Loads YAML files (patches/, guards/) and reports every mistake with file, line, column,
 * the offending text underlined and what was expected.
 */
#ifndef SP_RULE_SOURCE_H
#define SP_RULE_SOURCE_H

#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "proto/proto.h"

/* ---- diagnostics: shared by rules, configuration, corpus lines ---- */

/* Mistakes shown; later ones are only counted: a file that is something else has thousands. */
enum { SP_DIAG_SHOWN_MAX = 200 };

struct sp_diag {
    struct sp_buf text; /* what to print, whole lines */
    unsigned errors, warnings;
};
void sp_diag_init(struct sp_diag *d);
void sp_diag_fini(struct sp_diag *d);
/* "file:line:col: error: MESSAGE", the source line, and ^~~~ under `width` columns. line and col count from 1; 0 = none. */
__attribute__((format(printf, 7, 8))) void sp_diag_error(struct sp_diag *d, const char *file, unsigned line, unsigned col,
                                                         unsigned width, struct sp_span source_line, const char *fmt, ...);
/* The entry of `words` (NULL-terminated) nearest to `word`, when it is near enough to be meant; else NULL. */
const char *sp_did_you_mean(struct sp_span word, const char *const *words);

/* ---- rules ---- */

struct sp_case {              /* a proof: bytes and what must become of them */
    struct sp_span send;      /* what the client sends on one connection */
    struct sp_span reply;     /* what the server answers (response rules); empty: no server */
    enum sp_act expect;       /* gravest verdict of its messages, by this rule alone */
    const char *service;      /* value of service.name; NULL: none */
    struct sp_moment at;      /* what rules see of the clock */
    struct sp_span becomes;   /* when n > 0: what must leave towards the server (or the client, for response rules) */
    const char *file;
    unsigned line;
};

struct sp_rule; /* a parsed, type-checked rule */
struct sp_policy;

struct sp_ruleset {
    struct sp_rule **rules;
    uint32_t nrules;
    struct sp_span *sound; /* regular expressions that need not be looked at again: a hash table */
    struct sp_arena arena; /* owns everything */
};

__attribute__((warn_unused_result)) int sp_ruleset_init(struct sp_ruleset *s);
void sp_ruleset_fini(struct sp_ruleset *s);
/* Regular expressions of an earlier policy, which must outlive `s`, are known to be sound: loading is faster. */
void sp_ruleset_trust(struct sp_ruleset *s, const struct sp_policy *before);
/* Adds every *.yaml below a directory (sorted by path), or one file. A file may hold several documents. Macros and
 * lists defined in a file of `macros:`/`lists:` are visible to all files of the same directory. 0 or -EINVAL/-errno; all mistakes of all files are
 * reported, not just the first. Nothing of a file with mistakes is added. */
__attribute__((warn_unused_result)) int sp_ruleset_load(struct sp_ruleset *s, const char *path, struct sp_diag *diag);
/* The same from memory (tests, `explain`). `name` is shown in diagnostics. */
__attribute__((warn_unused_result)) int sp_ruleset_load_text(struct sp_ruleset *s, const char *name, struct sp_span yaml,
                                                             struct sp_diag *diag);

const struct sp_proto *sp_rule_proto(const struct sp_rule *r);
struct sp_span sp_rule_id(const struct sp_rule *r);
uint32_t sp_rule_ncases(const struct sp_rule *r);
const struct sp_case *sp_rule_case(const struct sp_rule *r, uint32_t i);
/* Everything `sallyport explain RULE` prints: metadata, condition as parsed, trigger chosen, correction, cases. */
void sp_rule_explain(const struct sp_rule *r, struct sp_buf *out);

#endif
