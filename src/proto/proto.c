/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/proto.h"

const struct sp_proto *sp_proto_by_name(struct sp_span name)
{
    for (size_t i = 0; sp_protos[i]; i++) {
        if (sp_span_eq(name, sp_span_str(sp_protos[i]->name)))
            return sp_protos[i];
    }
    return NULL;
}

int sp_proto_field(const struct sp_proto *p, struct sp_span name)
{
    for (int i = 0; i < p->nfields; i++) {
        if (sp_span_eq(name, sp_span_str(p->fields[i].name)))
            return i;
    }
    return -1;
}
