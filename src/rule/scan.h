/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan: Vectorscan, by the code path that finds everything. Vectorscan 5.4.9's AVX2 and AVX-512 code misses matches when a repeat
 * spans some 20 bytes or more ("^[^/]*\/b" over padding; upstream changes 375 and 378). Its SSE4.2 code, which the library exports
 * by name, does not, and costs nothing more at the lengths we scan. Databases are compiled for any processor, so that they fit it.
 */
#ifndef SP_RULE_SCAN_H
#define SP_RULE_SCAN_H

#include <hs/hs.h>

#include "base/span.h"

static const hs_platform_info_t SCAN_PLATFORM = {0};

#if defined(__x86_64__)
hs_error_t corei7_hs_scan(const hs_database_t *db, const char *data, unsigned length, unsigned flags, hs_scratch_t *scratch,
                          match_event_handler on_match, void *ctx);
#define SCAN_FUNCTION corei7_hs_scan
#else
#define SCAN_FUNCTION hs_scan
#endif

/* Calls on_match for every match in s, which may be empty. `on_match` ends the scan by returning 1. */
static inline void scan_span(const void *db, struct sp_span s, hs_scratch_t *scratch, match_event_handler on_match, void *ctx)
{
    static const char nothing[1];
    (void)SCAN_FUNCTION(db, s.n ? (const char *)s.p : nothing, (unsigned)s.n, 0, scratch, on_match, ctx);
}

#endif
