#!/usr/bin/env bash
# Puts the tools of PyPI and npm that the tests ask for an opinion into a folder of this checkout; nothing of the user's own is touched.
set -euo pipefail

tools=target/tools
wanted='bagit==1.9.0 clickhouse-connect==1.12.0 aiochclient==2.7.0 aiohttp==3.14.5 case-utils==0.18.0 prov==3.2.3'
wanted_of_node='@clickhouse/client@1.23.1'

if [ "$(cat "$tools/.installed" 2>/dev/null)" = "$wanted $wanted_of_node" ]; then
    exit 0
fi
printf 'tools: installing %s into %s\n' "$wanted $wanted_of_node" "$tools" >&2
rm -rf "$tools"
python3 -m venv "$tools"
read -ra packages <<<"$wanted"
"$tools/bin/pip" --quiet --disable-pip-version-check install "${packages[@]}" setuptools
npm install --silent --no-fund --no-audit --prefix "$tools" "$wanted_of_node"
printf '%s\n' "$wanted $wanted_of_node" >"$tools/.installed"
