/* SPDX-License-Identifier: Apache-2.0 */
/* fieldinfo: what the catalogue says about a field, in words. */
#ifndef SP_PROC_FIELDINFO_H
#define SP_PROC_FIELDINFO_H

#include "base/buf.h"
#include "proto/proto.h"

enum { SP_FIELD_FLAG_NAMES = 10 };

struct sp_field_flag {
    uint16_t bit;
    const char *name;
};
extern const struct sp_field_flag sp_field_flags[SP_FIELD_FLAG_NAMES];

/* "string", "number", "boolean", "address" */
const char *sp_field_type(const struct sp_field *f);
/* "request, editable, repeated" */
void sp_field_put_flags(struct sp_buf *out, const struct sp_field *f);
/* The reference page: of every protocol, of one. */
void sp_fields_page(struct sp_buf *out);
void sp_fields_protocol_page(const struct sp_proto *p, struct sp_buf *out);
/* The reference page of the functions that conditions may call. */
void sp_functions_page(struct sp_buf *out);
/* Complains, with a suggestion; SP_EXIT_INPUT. */
int sp_unknown_protocol(const char *command, struct sp_span name);
/* Every field name of every protocol, NULL at the end; free() it. NULL without memory. */
const char **sp_field_names(void);

#endif
