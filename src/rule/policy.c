/* SPDX-License-Identifier: Apache-2.0 */
/* policy: reading a block: what its rules are called, and whether bytes from elsewhere are one at all. */
#include <errno.h>

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

/*
 * The checksum covers every byte behind the header, so a block that was damaged on its way is found out; the header's own offsets are checked
 * against its length. A block is made by our compiler and handed over sealed: this guards against mix-ups, not against a forger.
 */
int sp_policy_verify(const void *block, size_t len, const struct sp_policy **ret)
{
    const struct sp_policy *p = block;
    if (len < sizeof *p || p->magic != BLOCK_MAGIC || p->version != BLOCK_VERSION || p->len != len)
        return -EINVAL;
    bool inside = p->rules <= len && p->nrules <= (len - p->rules) / sizeof(struct brule) && p->scratch_dbs <= len &&
                  p->nscratch_dbs <= (len - p->scratch_dbs) / sizeof(uint32_t);
    for (int i = 0; i < BLOCK_SIDES_MAX; i++)
        inside = inside && p->sides[i].fields.off <= len && p->sides[i].keys.off <= len && p->sides[i].always.off <= len;
    if (!inside || p->checksum != sp_hash(sp_span_of(p + 1, len - sizeof *p)))
        return -EINVAL;
    *ret = p;
    return 0;
}
