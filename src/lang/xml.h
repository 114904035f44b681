/* SPDX-License-Identifier: Apache-2.0 */
/* xml: what the reader of XML and that of its references share. */
#ifndef SP_LANG_XML_H
#define SP_LANG_XML_H

#include "lang/inside.h"

/* A general entity of the internal subset with this literal value. */
void xml_declare(struct sp_xml *x, struct sp_span name, struct sp_span value);
/* By how many bytes entities may lengthen `in`; arena->exhausted when they are beyond the limits or cannot be told. To be asked once of what is resolved. */
size_t xml_growth(struct sp_xml *x, struct sp_span in);
/* Appends `in` with its references resolved. */
void xml_put_resolved(const struct sp_xml *x, struct sp_buf *out, struct sp_span in);
struct sp_span xml_resolve(struct sp_xml *x, struct sp_span in, size_t growth);

#endif
