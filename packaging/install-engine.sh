#!/usr/bin/env bash
# Fetches the embedded engine, ClickHouse as one library (chDB), checks it, and puts it in its place.
#
# It comes from the npm registry, about 180 MB, and takes 570 MB on disk. Nothing is unpacked before its digest
# is the one written here. INVIGIL_ENGINE names an engine that is already somewhere else.
set -euo pipefail

version=26.7.3-stable.1
package=@chdb/lib-linux-x64-gnu
# The registry's integrity, sha512-XP97mMqnc5tZpKQywR8N7cLTsHNiTmHr30pC5mzo3jWmukjKn2IBa60c2B/gWUNcuFjOMjWoorQICCqBVj5wpw==, in hexadecimal.
sha512=5cff7b98caa7739b59a4a432c11f0dedc2d3b073624e61ebdf4a42e66ce8de35a6ba48ca9f62016bad1cd81fe059435cb858ce3235a8a2b408082a81563e70a7
place="${XDG_DATA_HOME:-$HOME/.local/share}/invigil/engine/$version"

say() { printf 'engine: %s\n' "$*" >&2; }

if [ -n "${INVIGIL_ENGINE:-}" ]; then
    if [ -e "$INVIGIL_ENGINE" ]; then
        say "INVIGIL_ENGINE names one; nothing is to do"
        exit 0
    fi
    say "INVIGIL_ENGINE names $INVIGIL_ENGINE, which is not there; put the engine there, or unset it to have one fetched"
    exit 2
fi
for there in "$place/libchdb.so" /usr/lib/invigil/libchdb.so; do
    if [ -e "$there" ]; then
        say "$there is there; nothing is to do"
        exit 0
    fi
done
if [ "$(uname -s)-$(uname -m)" != Linux-x86_64 ]; then
    say "there is no tried engine for $(uname -s) on $(uname -m): name one with INVIGIL_ENGINE, or use a ClickHouse server (store.url)"
    exit 2
fi
if ! command -v npm >/dev/null 2>&1; then
    say "npm is missing; packaging/install-system.sh engine installs it"
    exit 2
fi

mkdir -p "$place"
# What an interrupted fetch left.
find "$place" -maxdepth 1 -name ".fetching.*" -mmin +120 -exec rm -rf {} +
# In the same folder as its place, so that the last step is one rename.
work=$(mktemp -d "$place/.fetching.XXXXXX")
trap 'rm -rf "$work"' EXIT
started=$SECONDS
say "fetching $package@$version (about 180 MB)"
if ! (cd "$work" && npm pack "$package@$version" --cache "$work/cache" --loglevel error >/dev/null </dev/null); then
    say "the registry did not give it; see npm's words above, then run the same command again"
    exit 2
fi
rm -rf "$work/cache"
archive=$(find "$work" -maxdepth 1 -name '*.tgz')
found=$(sha512sum "$archive" | cut -d' ' -f1)
if [ "$found" != "$sha512" ]; then
    say "what came is not what was expected (sha512 $found); it was thrown away"
    exit 2
fi
tar --extract --gzip --no-same-owner --file "$archive" --directory "$work" package/libchdb.so
rm -f "$archive"
chmod 0644 "$work/package/libchdb.so"
mv "$work/package/libchdb.so" "$place/libchdb.so"
say "$place/libchdb.so, checked, in $((SECONDS - started)) s"
