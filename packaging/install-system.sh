#!/usr/bin/env bash
# Installs the system packages that a task needs and that are missing, and says so. Debian 12, Ubuntu.
#
#   packaging/install-system.sh build|engine|test ...
#
# Nothing is installed a second time, and nothing that is there already is touched.
set -euo pipefail

engine_version=26.7.3-stable.1
engine="${INVIGIL_ENGINE:-${XDG_DATA_HOME:-$HOME/.local/share}/invigil/engine/$engine_version/libchdb.so}"
missing=()

say() { printf 'system: %s\n' "$*" >&2; }
installed() { dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }
tool() { command -v "$1" >/dev/null 2>&1 || missing+=("$2"); }
library() { installed "$1" || missing+=("$1"); }

for task in "$@"; do
    case "$task" in
    build)
        tool cc gcc
        [ -e /usr/include/stdio.h ] || missing+=(libc6-dev)
        [ -e /usr/include/pcap/pcap.h ] || missing+=(libpcap-dev)
        ;;
    engine)
        # npm is how the engine comes; where the engine is, npm is not needed.
        [ -e "$engine" ] || [ -e /usr/lib/invigil/libchdb.so ] || tool npm npm
        # Node reads the certificates of the system from here.
        [ -e /etc/ssl/certs/ca-certificates.crt ] || missing+=(ca-certificates)
        ;;
    test)
        # Strangers' tools that read what we write: BagIt (by pip), minisign, age, OpenSSL, a browser.
        tool python3 python3
        python3 -c 'import ensurepip' >/dev/null 2>&1 || missing+=(python3-venv)
        tool minisign minisign
        tool age age
        tool openssl openssl
        # What a package's papers are looked at with.
        tool qpdf qpdf
        tool pdffonts poppler-utils
        # Frames over a pair of interfaces in a network of their own.
        tool tcpreplay tcpreplay
        PATH="$PATH:/usr/sbin:/sbin" tool ip iproute2
        tool unshare util-linux
        tool xz xz-utils
        tool bzip2 bzip2
        # Debian's own syslog sends to ours, over TCP and TLS.
        [ -x /usr/sbin/rsyslogd ] || missing+=(rsyslog)
        [ -e /usr/lib/x86_64-linux-gnu/rsyslog/lmnsd_ossl.so ] || missing+=(rsyslog-openssl)
        # ClickHouse's own client for Node is among those who judge the store's front.
        tool node nodejs
        tool npm npm
        browser=1
        for name in chromium chromium-browser google-chrome; do
            command -v "$name" >/dev/null 2>&1 && browser=
        done
        ;;
    *)
        say "no task is called \"$task\": build, engine or test"
        exit 2
        ;;
    esac
done

if [ "${#missing[@]}" -eq 0 ] && [ -z "${browser:-}" ]; then
    exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
    [ "${#missing[@]}" -gt 0 ] || exit 0
    say "missing: ${missing[*]} (Debian's names), and there is no apt-get here"
    say "install them by this system's own means, then run the same command again"
    exit 2
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null 2>&1 && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
        as_root=(sudo)
    elif [ "${#missing[@]}" -gt 0 ]; then
        say "missing: ${missing[*]}"
        say "run once, as root: apt-get install --no-install-recommends ${missing[*]}"
        exit 2
    else
        say "no browser here: the tests that look at pages in one are left out"
        exit 0
    fi
fi
words=$(mktemp)
trap 'rm -f "$words"' EXIT
# What apt has to say is shown when it fails, and only then.
apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" >"$words" 2>&1; }

say "reading the package lists"
apt update || say "the package lists could not be read afresh; going on with those that are there"
# A browser only where apt has it as a real package (Ubuntu's is a pointer to another shop).
if [ -n "${browser:-}" ]; then
    version=$(apt-cache policy chromium 2>/dev/null | awk '/Candidate:/ {print $2}')
    case "$version" in
    '' | '(none)' | *snap*) say "no browser as a package here: the tests that look at pages in one are left out" ;;
    *) missing+=(chromium) ;;
    esac
fi
[ "${#missing[@]}" -gt 0 ] || exit 0
say "installing what is missing: ${missing[*]}"
started=$SECONDS
apt install -y --no-install-recommends "${missing[@]}" || {
    tail -n 20 "$words" >&2
    say "apt could not install: ${missing[*]}"
    exit 2
}
say "installed in $((SECONDS - started)) s"
