#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lint: what compilers cannot say about this tree. Each check prints FILE:LINE: what is wrong.
# Usage: tools/lint.sh [--tap]     --tap: the same as a test, without the list of the longest functions and the format hint
set -u
cd "$(dirname "$0")/.." || exit 2

FUNCTION_MAX=100 # lines
FILE_MAX=800     # lines
COLUMNS_MAX=160  # rows of tables (macros, and lines with texts in quotes) may be longer

sources() { find src tests fuzz bench soak -name '*.[ch]' | sort; }
scripts() { find tests fuzz bench soak tools src .ci Makefile meson.build meson_options.txt -type f -not -path '*/node_modules/*' \
    \( -name '*.sh' -o -name '*.mjs' -o -name 'meson*' -o -name Makefile -o -path '.ci/*' \) | sort; }

# C without comments and without the insides of strings, line by line: "FILE:LINE:text".
bare_c() {
    awk 'FNR == 1 { inside = 0 }
    {
        text = $0; out = ""
        while (length(text)) {
            if (inside) {
                end = index(text, "*/")
                if (!end) break
                text = substr(text, end + 2); inside = 0
            } else if (match(text, /"([^"\\]|\\.)*"|\/\*|\/\//)) {
                out = out substr(text, 1, RSTART - 1)
                found = substr(text, RSTART, RLENGTH); text = substr(text, RSTART + RLENGTH)
                if (found == "/*") inside = 1
                else if (found == "//") break
                else out = out "\"\""
            } else { out = out text; break }
        }
        print FILENAME ":" FNR ":" out
    }' "$@"
}

# base <- lang <- proto <- rule <- engine <- io <- proc; one protocol knows nothing of another.
layers() {
    find src -name '*.[ch]' -exec grep -Hn '^#include "' {} + | awk -F: '
    BEGIN { n = split("base lang proto rule engine io proc", rooms, " "); for (i = 1; i <= n; i++) rank[rooms[i]] = i }
    {
        split($1, from, "/"); split($3, quoted, "\""); split(quoted[2], to, "/")
        if (!(to[1] in rank)) print $1 ":" $2 ": include \"" quoted[2] "\" does not begin with a room"
        else if (rank[to[1]] > rank[from[2]]) print $1 ":" $2 ": " from[2] " must not include " quoted[2]
        else if (from[2] == "proto" && to[1] == "proto" && to[3] != "" && to[2] != from[3])
            print $1 ":" $2 ": a protocol must not include another one: " quoted[2]
    }'
}

banned() {
    local everywhere='(strcpy|strcat|sprintf|vsprintf|gets|strtok|alloca|atoi|atol)'
    local in_parsers='(mem(cpy|move|set|cmp|chr|mem)|str[a-z]+|v?snprintf|malloc|calloc|realloc|free)'
    find src -name '*.[ch]' -exec bash -c "$(declare -f bare_c); bare_c \"\$@\"" _ {} + |
        grep -E "(^|[^_[:alnum:]])$everywhere *\(" | sed 's/:[^:]*$/: banned call/'
    find src/proto src/lang -name '*.[ch]' -exec bash -c "$(declare -f bare_c); bare_c \"\$@\"" _ {} + |
        grep -E "(^|[^_[:alnum:]>.])$in_parsers *\(" | sed -E 's/^([^:]*:[0-9]+):.*/\1: parsers use spans, cursors, arenas and buffers of base/'
}

# "LINES FILE:LINE NAME" of every function, longest first.
functions() {
    sources | ctags -L - --languages=C --kinds-C=f --fields=+ne -f - 2>/dev/null | awk -F'\t' '{
        from = to = 0
        for (i = 4; i <= NF; i++) { if ($i ~ /^line:/) from = substr($i, 6); if ($i ~ /^end:/) to = substr($i, 5) }
        if (to) print to - from + 1, $2 ":" from, $1
    }' | sort -rn
}

long_functions() {
    command -v ctags >/dev/null || { echo "tools/lint.sh:1: universal-ctags is not installed"; return; }
    functions | awk -v max="$FUNCTION_MAX" '$1 > max { print $2 ": " $3 " has " $1 " lines; at most " max }'
}

long_files() { sources | xargs awk -v max="$FILE_MAX" 'FNR == max + 1 { print FILENAME ":" FNR ": the file has more than " max " lines" }'; }

licence() {
    { sources; scripts; } | while read -r file; do
        head -n 3 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' || echo "$file:1: no SPDX-License-Identifier line"
    done
}

unfinished() {
    grep -rnIE '\b(TO''DO|FIX''ME|X''XX|HA''CK)\b' src tests fuzz bench soak tools docs patches --include='*.[ch]' --include='*.mjs' --include='*.sh' \
        --include='*.md' --include='*.yaml' --include='meson.build' --exclude-dir=node_modules | grep -v '^tests/run.mjs:.*SKIP' | sed -E 's/^([^:]*:[0-9]+):.*/\1: unfinished work is not marked, it is done/'
}

layout() {
    sources | xargs awk -v max="$COLUMNS_MAX" '
        /\t/ { print FILENAME ":" FNR ": tab" }
        /[ \r]$/ { print FILENAME ":" FNR ": blank at the end of the line" }
        length($0) > max && !/\\$/ && !/"/ { print FILENAME ":" FNR ": " length($0) " columns; at most " max }'
}

checks='layers banned long_functions long_files licence unfinished layout'
tap=no failed=0 n=0
[ "${1:-}" = --tap ] && tap=yes && echo "1..$(wc -w <<<"$checks")"
for check in $checks; do
    found=$($check)
    n=$((n + 1))
    if [ -n "$found" ]; then
        failed=1
        [ $tap = yes ] && echo "not ok $n - $check" || echo "$check:"
        sed 's/^/  /' <<<"$found"
    elif [ $tap = yes ]; then
        echo "ok $n - $check"
    fi
done
if [ $tap = no ]; then
    echo 'The ten longest functions:'
    functions | head -n 10 | sed 's/^/  /'
    hint=$(git clang-format --diff --extensions c,h HEAD 2>/dev/null | grep -E '^(diff|@@|[-+])' | head -n 40)
    [ -n "$hint" ] && printf 'clang-format would write what you changed like this (a hint; tables keep their own layout):\n%s\n' "$hint"
    [ $failed = 0 ] && echo 'lint: nothing found'
fi
exit $failed
