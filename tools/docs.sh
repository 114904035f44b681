#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# docs: writes everything in docs/ that is generated from the program's own tables. A test fails when it differs.
# Usage: tools/docs.sh [SALLYPORT]
set -eu
cd "$(dirname "$0")/.."
exec "${1:-build/src/proc/sallyport}" help --write docs
