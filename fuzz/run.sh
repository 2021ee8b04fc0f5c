#!/usr/bin/env bash
# Builds the fuzz targets and runs each for so many seconds.
#
#   fuzz/run.sh SECONDS [TARGET...]      without targets, all of them; INVIGIL_FUZZ_JOBS at the same time (1);
#                                        INVIGIL_FUZZ_BUILT=1 runs what was built before
#
# It needs no nightly compiler: the coverage that libFuzzer steers by is a pass of LLVM that the stable one has.
set -euo pipefail

seconds="${1:?usage: fuzz/run.sh SECONDS [TARGET...]}"
shift
here=$(cd "$(dirname "$0")" && pwd)
built="${CARGO_TARGET_DIR:-$here/target}"
host=$(rustc -vV | sed -n 's/^host: //p')
export CARGO_TARGET_DIR="$built"
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares"
# A named target keeps the flags away from build scripts and macros, which have no libFuzzer to report to.
[ -n "${INVIGIL_FUZZ_BUILT:-}" ] || cargo build --quiet --manifest-path "$here/Cargo.toml" --release --target "$host" --bins
programs="$built/$host/release"

[ "$#" -gt 0 ] || for file in "$here"/targets/*.rs; do set -- "$@" "$(basename "$file" .rs)"; done
"$programs/seeds" "$here/../fixtures" "$built/seeds" 2>"$built/seeds.log" || { cat "$built/seeds.log" >&2; exit 2; }

run() {
    local target=$1
    mkdir -p "$built/found/$target" "$here/artifacts/$target" "$here/corpus/$target"
    local log="$built/$target.log"
    if "$programs/$target" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 -max_len=8192 -print_final_stats=1 \
        -artifact_prefix="$here/artifacts/$target/" \
        "$built/found/$target" "$here/corpus/$target" "$built/seeds/$target" >"$log" 2>&1; then
        local runs edges
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        edges=$(grep -o 'cov: [0-9]*' "$log" | tail -n 1 | cut -d' ' -f2)
        printf '%-16s %10s inputs, %6s places reached, no finding in %s s\n' "$target" "$runs" "$edges" "$seconds"
    else
        printf '%-16s FOUND: see %s and artifacts/%s\n' "$target" "$log" "$target"
        return 1
    fi
}

status=0
jobs="${INVIGIL_FUZZ_JOBS:-1}"
for target in "$@"; do
    while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n || status=1; done
    run "$target" &
done
while [ -n "$(jobs -rp)" ]; do wait -n || status=1; done
exit "$status"
