/* SPDX-License-Identifier: Apache-2.0 */
/* policy: reading a block: what its rules are called. */
#include "base/hash.h"
#include "rule/block.h"

size_t sp_policy_size(const struct sp_policy *p)
{
    return p->len;
}

uint32_t sp_policy_nrules(const struct sp_policy *p)
{
    return p->nrules;
}

void sp_policy_rule(const struct sp_policy *p, uint32_t rule, struct sp_rule_info *ret)
{
    const struct brule *r = (const struct brule *)block_at(p, p->rules) + rule;
    *ret = (struct sp_rule_info){.id = block_str(p, r->id), .title = block_str(p, r->title), .cve = block_str(p, r->cve), .sid = r->sid,
                                 .severity = (enum sp_severity)r->severity, .act = (enum sp_act)r->act, .status = r->status};
}

uint64_t block_checksum(const struct sp_policy *p)
{
    struct sp_policy head = *p;
    head.checksum = 0;
    uint64_t of_head = sp_hash(sp_span_of(&head, sizeof head));
    return of_head ^ sp_hash(sp_span_of(p + 1, p->len - sizeof *p)) * 3;
}
