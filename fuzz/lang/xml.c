/* SPDX-License-Identifier: Apache-2.0 */
/* xml: reading advances and ends, to a bounded depth, and the end stays the end. */
#include "lang/lang.h"
#include "target.h"

void target(struct sp_span in, struct sp_arena *a)
{
    struct sp_xml x;
    struct sp_xml_item item;
    size_t items = 0;
    sp_xml_start(&x, in, a);
    size_t most = 2 * x.in.n + 2;
    do {
        sp_xml_next(&x, &item);
        fuzz_check(++items <= most && x.at <= x.in.n);
        fuzz_check(x.depth <= SP_XML_DEPTH_MAX && item.path.n <= SP_XML_PATH_MAX);
        fuzz_check(item.kind != SP_XML_ELEMENT || item.name.n);
        fuzz_check(item.value.n <= x.in.n + x.expanded && item.name.n <= x.in.n);
    } while (item.kind != SP_XML_END && item.kind != SP_XML_BROKEN);
    sp_xml_next(&x, &item);
    fuzz_check(item.kind == SP_XML_END || item.kind == SP_XML_BROKEN);
}
