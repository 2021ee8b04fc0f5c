#!/usr/bin/env bash
# The demonstration: an invented region (fixtures/region), from its logs to a verified package, in demo/.
#
# Every command is printed before it runs, so that it can be repeated by hand:
#   export INVIGIL_CONFIG=demo/invigil.toml INVIGIL_DATA_DIR=demo/data INVIGIL_KEYS_DIR=demo/keys
set -euo pipefail
cd "$(dirname "$0")/.."

program="${INVIGIL_PROGRAM:-target/demo/invigil}"
region=fixtures/region
started=$SECONDS

rm -rf demo
mkdir -p demo/data demo/keys demo/reports demo/evidence
cp "$region/invigil.toml" demo/invigil.toml
export INVIGIL_CONFIG="$PWD/demo/invigil.toml" INVIGIL_DATA_DIR="$PWD/demo/data" INVIGIL_KEYS_DIR="$PWD/demo/keys"

chapter() { printf '\n== %s\n\n' "$*"; }
fail() {
    printf '\ndemo: this should not have happened: the command above ended with exit %s\n' "$1" >&2
    exit 1
}
# run CODES invigil ...: prints the command and runs it; any other exit code ends the demonstration.
run() {
    local allowed=",$1," code=0
    shift 2
    printf '$ invigil %s\n' "$*"
    "$program" "$@" || code=$?
    [[ "$allowed" == *",$code,"* ]] || fail "$code"
    LAST=$code
}
# refused GATE invigil ...: the same for a request that this gate must refuse; a command that fails otherwise is no refusal.
refused() {
    local gate="$1" code=0 said
    shift 2
    printf '$ invigil %s\n' "$*"
    said=$("$program" "$@" 2>&1) || code=$?
    printf '%s\n' "$said"
    [ "$code" -eq 2 ] || fail "$code"
    [[ "$said" == *"the request is refused"*"$gate:"* ]] || fail "$code, and for another reason than $gate"
}

chapter "1. The registers: whose network, link, account and device is what"
for kind in establishments networks links accounts devices; do
    run 0 invigil register "$kind" import "$region/registers/$kind.csv"
done

chapter "2. The lists: what to look for, and the help sites that never flag anyone"
run 0 invigil lists add gambling --kind plain --category gambling "$region/lists/gambling.txt"
run 0 invigil lists add adult --kind hosts --category adult "$region/lists/adult.hosts"
run 0 invigil lists add web-lists --kind squidguard "$region/lists/squidguard"
run 0 invigil lists add vpn-providers --kind cidr --category vpn "$region/lists/vpn-providers.cidr"
run 0 invigil lists add help-sites --kind plain --category help --allow "$region/lists/help-sites.txt"

chapter "3. Two weeks of logs of three establishments, and two captures. Each read = stored + rejected + ignored"
run 0 invigil ingest --reference 2026-03-16T00:00:00Z "$region"/logs/*.gz
run 0 invigil capture -r "$region"/captures/*.pcap.gz

chapter "4. The same logs again: nothing is stored twice"
run 0 invigil ingest "$region/logs/squid-oakfield.log.gz"

chapter "5. The audit. Exit 1 says: there are findings"
run 0,1 invigil audit --since 2026-03-02T00:00:00Z --until 2026-03-16T00:00:00Z
[ "$LAST" -eq 1 ] || fail "$LAST"

chapter "6. Who was it? Two pupils had this address within nine minutes"
run 0 invigil who 10.21.4.77 --at 2026-03-11T10:34:00Z --explain
run 1 invigil who 10.21.4.77 --at 2026-03-11T10:27:00Z

chapter "7. The reports"
run 0 invigil report weekly --for hawthorn --until 2026-03-16T00:00:00Z --as html -o demo/reports/hawthorn-weekly.html
run 0 invigil report trend --until 2026-03-16T00:00:00Z --as html -o demo/reports/trend.html

chapter "8. A council asks for connection records, which Parliament has forbidden: refused, and recorded"
refused local_authority_without_connection_records \
    invigil evidence export --request "$region/requests/council.toml" --out demo/evidence --keep-folder

chapter "9. A lawful request, answered with a package that a stranger can check"
run 0 invigil evidence export --request "$region/requests/police.toml" --out demo/evidence --keep-folder
signer=$(find demo/keys -name signer.pub | head -n 1)
package=$(find demo/evidence -mindepth 1 -maxdepth 1 -type d | LC_ALL=C sort | head -n 1)
run 0 invigil evidence verify "$package" --signer "$signer"
run 0 invigil evidence replay "$package"

chapter "10. The ledger: every act above is an entry, and the chain holds"
run 0 invigil ledger verify

chapter "Done in $((SECONDS - started)) s. To look at:"
printf '  %s\n' demo/reports/*.html "$package/data/report.pdf" "$package/data/statement.pdf" "$package/VERIFY.md" "$package/data/records" "$package/data/gates.json" \
    "$region/STORIES.md (what was planted)"
[[ "$program" == /* ]] || program="$PWD/$program"
# shellcheck disable=SC2016
printf '\n  Go on in this folder with:\n  export PATH="%s:$PATH" INVIGIL_CONFIG=demo/invigil.toml INVIGIL_DATA_DIR=demo/data INVIGIL_KEYS_DIR=demo/keys\n' \
    "$(dirname "$program")"
