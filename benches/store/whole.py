"""The whole way of a log into an embedded store, beside the engine's own insert of the same rows from a file.

    whole.py INVIGIL LOG [RUNS]

Runs take turns, so that a busy machine is busy for both. Printed: wall, user and system seconds, peak memory; at the
end the ratio of the engine's time to the whole way's, of the medians: 1 would be a way that costs nothing beside.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

# As `store/engine` sets them for every connection.
BLOCKS = "max_insert_block_size = 262144, min_insert_block_size_rows = 262144, min_insert_block_size_bytes = 67108864"


def run(command, home):
    before = time.perf_counter()
    child = subprocess.Popen(command, env=os.environ | {"HOME": str(home), "XDG_STATE_HOME": str(home), "XDG_CONFIG_HOME": str(home)}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = child.stderr.read().decode()
    _, status, use = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(said)
    return {"wall": time.perf_counter() - before, "user": use.ru_utime, "system": use.ru_stime, "MiB": use.ru_maxrss / 1024}


def engine_alone(rows, folder):
    from engine import Engine
    from make import schema
    engine = Engine(folder, memory=2 << 30)
    handle = engine.fresh()
    for statement in schema(["web_hits"]):
        engine.ask(statement, handle)
    _, cost = engine.ask(f"INSERT INTO web_hits SELECT * FROM file('{rows}', 'RowBinary') SETTINGS {BLOCKS}, max_threads = 1, max_insert_threads = 1", handle)
    print(json.dumps({"wall": cost.wall, "user": cost.user, "system": cost.system}))
    engine.shut()


def main(invigil, log, runs):
    own, whole = [], []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        rows = folder / "rows"
        run([invigil, "ingest", "--data-dir", folder / "keys", "--to", "rowbinary", "-o", rows, log], folder)
        for n in range(runs):
            alone = subprocess.run([sys.executable, __file__, "--engine", rows, folder / f"e{n}"], capture_output=True, text=True, check=True)
            own.append(json.loads(alone.stdout))
            print("engine alone", own[-1], flush=True)
            whole.append(run([invigil, "ingest", "--data-dir", folder / f"d{n}", log], folder))
            print("whole way", whole[-1], flush=True)
    median = lambda all, what: statistics.median(one[what] for one in all)
    print("ratio of wall times", round(median(own, "wall") / median(whole, "wall"), 2),
          "; CPU beside the engine's", round(median(whole, "user") - median(own, "user"), 2), "s user")


if __name__ == "__main__":
    if sys.argv[1] == "--engine":
        engine_alone(sys.argv[2], sys.argv[3])
    else:
        main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 3)
