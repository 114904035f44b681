#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# prove: the harnesses of cur, span and bits under the bounded model checker CBMC (https://www.cprover.org/cbmc). Debian 12 has no
# package of it; it is not part of `make test`, which runs the same harnesses exhaustively for small sizes.
set -u
cd "$(dirname "$0")/../.." || exit 1
command -v cbmc >/dev/null || { echo "prove: cbmc is not installed" >&2; exit 1; }
failed=0
for noun in span cur bits; do
    cbmc --bounds-check --pointer-check --signed-overflow-check --conversion-check --unwind 8 --unwinding-assertions \
        -D_GNU_SOURCE -Isrc -Itests/harness tests/harness/model.c "tests/harness/$noun.c" src/base/{span,cur,bits}.c || failed=1
done
exit $failed
