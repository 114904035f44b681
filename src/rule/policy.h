/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy: rules compiled into one immutable, position-independent block, and the matcher that runs it.
 *
 * How matching works. Every rule's condition becomes a tree over predicates ("this field contains that"). From each
 * tree the compiler chooses a *trigger set*: predicates of which at least one must hold for the rule to hold, chosen to
 * be rarely true and cheap to find. Triggers are grouped by field (sorted thresholds for numbers and lengths, a hash for
 * equality, one Vectorscan database for literals and regular expressions). A message is matched by looking its values up
 * in those groups; only rules whose trigger fired have their tree evaluated. So work per message depends on the fields
 * present and on the rules nearly matching, not on the rules loaded.
 *
 * The block holds offsets, no pointers: it can be written to a file, mapped anywhere at a page boundary, and shared.
 */
#ifndef SP_RULE_POLICY_H
#define SP_RULE_POLICY_H

#include "proto/proto.h"
#include "rule/source.h"

struct sp_policy; /* the block; starts with a checked header */

/* ---- compile ---- */

/* Compiles the rules of `set` into a new block. 0, or -EINVAL with the reasons in `diag`. Free with sp_policy_free. */
__attribute__((warn_unused_result)) int sp_policy_compile(const struct sp_ruleset *set, struct sp_diag *diag,
                                                          struct sp_policy **ret);
/* The same, faster: what expressions were compiled to is taken from `before`, an earlier policy (NULL: none), where they are the same. */
__attribute__((warn_unused_result)) int sp_policy_compile_after(const struct sp_ruleset *set, const struct sp_policy *before, struct sp_diag *diag,
                                                                struct sp_policy **ret);
/* An empty policy: everything passes. */
__attribute__((warn_unused_result)) int sp_policy_empty(struct sp_policy **ret);
void sp_policy_free(struct sp_policy *p);
/* Total length of the block in bytes. */
size_t sp_policy_size(const struct sp_policy *p);
/* Checks magic, version, length and every offset of a block that came from elsewhere. 0 or -EINVAL. */
__attribute__((warn_unused_result)) int sp_policy_verify(const void *block, size_t len, const struct sp_policy **ret);

/* ---- what a rule is, for events and explanations ---- */

enum sp_severity { SP_SEV_INFO, SP_SEV_LOW, SP_SEV_MEDIUM, SP_SEV_HIGH, SP_SEV_CRITICAL };

struct sp_rule_info {
    struct sp_span id;    /* "CVE-2021-41773" or the guard's name */
    struct sp_span title;
    struct sp_span cve;   /* empty unless the id or the references name one */
    uint32_t sid;         /* stable number for EVE's signature_id: a hash of the id */
    enum sp_severity severity;
    enum sp_act act;
    unsigned status;      /* of refuse; 0 = protocol default */
};
uint32_t sp_policy_nrules(const struct sp_policy *p);
void sp_policy_rule(const struct sp_policy *p, uint32_t rule, struct sp_rule_info *ret);

/* ---- match ---- */

enum sp_match_limits {
    SP_HITS_MAX = 64,  /* rules reported for one message; the gravest are kept */
    SP_FIXES_MAX = 256,/* corrected values in one message */
};

struct sp_hit {
    uint32_t rule;
    uint32_t value; /* index of the value that fired it, or UINT32_MAX */
};

struct sp_verdict {
    enum sp_act act;      /* gravest of all hits */
    unsigned status;      /* of the gravest refuse */
    bool over;            /* the budget was used up before everything was known; a refusal found so far stands */
    uint32_t nhits;
    struct sp_hit hits[SP_HITS_MAX]; /* gravest first, then by rule */
    uint32_t nfixes;      /* act == SP_CORRECT */
    struct sp_fix fixes[SP_FIXES_MAX];
};

struct sp_matcher; /* one per worker: Vectorscan scratch, bit arrays. Follows one policy. */
__attribute__((warn_unused_result)) int sp_matcher_new(const struct sp_policy *p, struct sp_matcher **ret);
void sp_matcher_free(struct sp_matcher *m);
/* Judge and gate as if `rule` were the only one (its proof cases); UINT32_MAX: all of them again. */
void sp_matcher_only(struct sp_matcher *m, uint32_t rule);

/*
 * The most steps that one message may cost from now on, 0: any number. A step is a byte scanned for patterns, a value looked up, or a
 * comparison made: the same message costs the same on every machine.
 */
void sp_matcher_limit(struct sp_matcher *m, uint64_t steps);

/* Fields of `proto` in direction `dir` that rules read before the body is known. SP_FIELD_WORDS words. */
const uint64_t *sp_policy_want(const struct sp_policy *p, const struct sp_proto *proto, enum sp_dir dir);
/* Body fields that some rule asks for whatever the head says. */
const uint64_t *sp_policy_eager(const struct sp_policy *p, const struct sp_proto *proto, enum sp_dir dir);
/* True where rules can be told apart by the value of sp_proto.verb, see sp_ask.verb: then no rule holds for a message whose verb is not heard. */
bool sp_policy_by_verb(const struct sp_policy *p, const struct sp_proto *proto, enum sp_dir dir);
bool sp_policy_heard(const struct sp_policy *p, const struct sp_proto *proto, enum sp_dir dir, struct sp_span verb);
/* True when no rule reads anything in that direction: units need not even be decoded for rules. */
bool sp_policy_idle(const struct sp_policy *p, const struct sp_proto *proto, enum sp_dir dir);
/*
 * After a head was decoded (m->whole false, m->body_fields not empty): which of the fields in m->body_fields could
 * still make some rule hold? Three-valued: a rule that is already false from the head alone asks for nothing.
 * A rule that holds already asks too when it corrects: the body may have more to correct. True when one asks; `ret` (SP_FIELD_WORDS
 * words) gets the fields of the first that does.
 */
bool sp_policy_gate(struct sp_matcher *mt, const struct sp_proto *proto, const struct sp_msg *m, uint64_t *ret);
/* Judges a decoded message. Fix values are in m->arena. When that is exhausted the message is refused. */
void sp_policy_judge(struct sp_matcher *mt, const struct sp_proto *proto, const struct sp_msg *m, struct sp_verdict *ret);
/* The same for the message that sp_policy_gate was asked about just now, which asked for nothing: what it found is not looked for again. */
void sp_policy_judge_gated(struct sp_matcher *mt, struct sp_verdict *ret);

#endif
