#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# install-deps: installs the Debian packages that a tier needs and that are missing, and for the tests the npm packages of
# tests/e2e. It never starts a daemon.
# Usage: tools/install-deps.sh build|run|test|bench|soak|deb
set -eu

# One entry a word: a package, or COMMAND=PACKAGE where any package's command will do (a Node.js that did not come
# from Debian, an nginx of another flavour).
build='gcc libc6-dev meson ninja-build pkg-config libvectorscan-dev libfyaml-dev libpcap-dev libseccomp-dev libsystemd-dev libsqlite3-dev zlib1g-dev libbrotli-dev libzstd-dev'
run="$build nginx=nginx-light curl=curl"
test="$run node=nodejs npm=npm apache2=apache2 redis-server=redis-server redis-cli=redis-tools postgresql-15 psql=postgresql-client-15 libpq-dev mariadbd=mariadb-server mariadb=mariadb-client mariadb-test-data openssl=openssl setpriv=util-linux ip=iproute2 git=git clang libclang-rt-14-dev clang-format ctags=universal-ctags libcmocka-dev libpg-query-dev debhelper dpkg-dev fakeroot lintian logrotate systemd-analyze=systemd"
soak="$build node=nodejs taskset=util-linux wrk=wrk"
bench="$run node=nodejs taskset=util-linux haproxy=haproxy wrk=wrk libnginx-mod-http-modsecurity modsecurity-crs redis-server=redis-server redis-benchmark=redis-tools postgresql-15 mariadbd=mariadb-server mariadb=mariadb-client pgbouncer=pgbouncer sysbench=sysbench setpriv=util-linux"
deb="$build debhelper dpkg-dev fakeroot"

case "${1:-}" in
build) wanted=$build ;;
run) wanted=$run ;;
test) wanted=$test ;;
bench) wanted=$bench ;;
soak) wanted=$soak ;;
deb) wanted=$deb ;;
*)
    echo "usage: tools/install-deps.sh build|run|test|bench|soak|deb" >&2
    exit 2
    ;;
esac

# What the lock file says, where node_modules does not already hold it.
npm_packages() {
    here=$(dirname "$0")/../tests/e2e
    [ "$1" = test ] || return 0
    [ "$here/node_modules/.package-lock.json" -nt "$here/package-lock.json" ] && return 0
    echo "install-deps: npm ci in tests/e2e"
    npm ci --prefix "$here" --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
}

installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

missing=''
for entry in $wanted; do
    package=${entry#*=}
    case "$entry" in
    *=*) PATH=$PATH:/usr/sbin:/sbin command -v "${entry%%=*}" >/dev/null && continue ;;
    esac
    installed "$package" || missing="$missing $package"
done

if [ -z "$missing" ]; then
    npm_packages "$1"
    echo "install-deps: everything for 'make $1' is installed"
    exit 0
fi
echo "install-deps: installing for 'make $1':$missing"

root=''
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || {
        echo "install-deps: not root and no sudo; install these packages yourself:$missing" >&2
        exit 1
    }
    root=sudo
fi

# Debian starts a daemon as soon as it is installed, unless this file says no.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | $root tee "$policy" >/dev/null
    $root chmod 755 "$policy"
    trap '$root rm -f "$policy"' EXIT
fi

log=$(mktemp)
apt() { $root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@" >>"$log" 2>&1; }
# shellcheck disable=SC2086 # a list of words
if ! { apt update && apt install --no-install-recommends -y $missing; }; then
    cat "$log" >&2
    rm -f "$log"
    echo "install-deps: apt-get failed" >&2
    exit 1
fi
rm -f "$log"

# Nor will it start at the next boot: the tests and the demonstration start their own.
for daemon in nginx apache2 haproxy redis-server postgresql mariadb pgbouncer; do
    case "$missing " in *" $daemon"[\ -]*) $root update-rc.d "$daemon" disable >/dev/null 2>&1 || true ;; esac
done

npm_packages "$1"
