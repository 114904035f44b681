/* SPDX-License-Identifier: Apache-2.0 */
/* msg: the bounded lists that decoders fill in. */
#include "proto/proto.h"

bool sp_msg_add(struct sp_msg *m, const struct sp_value *v)
{
    if (m->nvalues == SP_VALUES_MAX) {
        m->overflow = true;
        return false;
    }
    m->values[m->nvalues++] = *v;
    return true;
}

bool sp_msg_canon(struct sp_msg *m, size_t off, size_t len, struct sp_span with)
{
    if (m->ncanon == SP_EDITS_MAX) {
        m->overflow = true;
        return false;
    }
    m->canon[m->ncanon++] = (struct sp_edit){.off = (uint32_t)off, .len = (uint32_t)len, .with = with};
    return true;
}
