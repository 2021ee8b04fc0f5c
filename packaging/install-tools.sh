#!/usr/bin/env bash
# Puts the Python tools that the tests ask for an opinion into a folder of this checkout; nothing of the user's Python is touched.
set -euo pipefail

tools=target/tools
wanted='bagit==1.9.0 clickhouse-connect==1.12.0'

if [ "$(cat "$tools/.installed" 2>/dev/null)" = "$wanted" ]; then
    exit 0
fi
printf 'tools: installing %s into %s\n' "$wanted" "$tools" >&2
rm -rf "$tools"
python3 -m venv "$tools"
read -ra packages <<<"$wanted"
"$tools/bin/pip" --quiet --disable-pip-version-check install "${packages[@]}" setuptools
printf '%s\n' "$wanted" >"$tools/.installed"
