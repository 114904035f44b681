#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# deb: the Debian package of this tree, built in a copy of it.
# Usage: tools/deb.sh DIR     DIR/sallyport_VERSION_ARCHITECTURE.deb, whose path is the last line said
set -eu
source=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
rm -rf "$out/source" "$out"/sallyport*
mkdir "$out/source"
tar -C "$source" --exclude-vcs --exclude=node_modules --exclude='./build*' -c . | tar -C "$out/source" -x
cd "$out/source"
dpkg-buildpackage --no-sign --build=binary >"$out/log" 2>&1 || {
    tail -n 20 "$out/log" | cut -c 1-300 >&2
    exit 1
}
rm -rf "$out/source"
ls "$out"/sallyport_*.deb
