#!/usr/bin/env python3
"""Makes a region for each seed, scores it by the ordinary commands, and prints the tables of src/simulate/SCORES.md.

usage: simulate_scores.py [--rules] INVIGIL SEED... [-- OPTIONS OF `simulate make`]
With --rules it prints the table of fixtures/detect/SCORES.md alone. Leaves with 1 if a wrong name was given.
"""
import collections
import json
import subprocess
import sys
import tempfile


def scored(invigil, seed, options, folder):
    region = f"{folder}/{seed}"
    subprocess.run([invigil, "--quiet", "simulate", "make", "--seed", seed, "--out", region, *options], check=True)
    # Exit 1 says that something is not right; the figures say what.
    said = subprocess.run([invigil, "--quiet", "simulate", "score", region, "--json"], stdout=subprocess.PIPE)
    subprocess.run(["rm", "-rf", region], check=True)
    return json.loads(said.stdout)


def table(heading, rows):
    print("| " + " | ".join(heading) + " |")
    print("|---" * len(heading) + "|")
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    print()


def share(part, of):
    return f"{part / of:.3f}" if of else "-"


def rules(scores):
    """Of what was planted how much was found; of what was found how much was planted; how many twins were taken for their story."""
    rows = []
    for name, n in sums(scores, "rules"):
        recall, precision = share(n["found"], n["planted"]), share(n["found"], n["found"] + n["false"])
        rows.append([f"`{name}`", n["planted"], n["found"], n["false"], recall, precision, n["twins"], n["twins_raised"]])
    table(["rule", "planted", "found", "false", "recall", "precision", "twins", "twins raised"], rows)


def sums(scores, part):
    total = collections.defaultdict(lambda: collections.Counter())
    for score in scores.values():
        for name, counts in score[part].items():
            total[name].update(counts)
    return sorted(total.items())


NAMES = {"by_basis": "basis", "by_trouble": "trouble"}


def main():
    arguments, options = sys.argv[1:], []
    only_rules = "--rules" in arguments
    arguments = [argument for argument in arguments if argument != "--rules"]
    if "--" in arguments:
        at = arguments.index("--")
        arguments, options = arguments[:at], arguments[at + 1:]
    invigil, seeds = arguments[0], arguments[1:]
    with tempfile.TemporaryDirectory() as folder:
        scores = {seed: scored(invigil, seed, options, folder) for seed in seeds}
    if only_rules:
        rules(scores)
        return 1 if any(score["wrong_names"] for score in scores.values()) else 0
    keys = [key for key, value in next(iter(scores.values())).items() if isinstance(value, int)]
    table(["seed", *keys], [[seed, *[score[key] for key in keys]] for seed, score in scores.items()])
    for part in NAMES:
        rows = sums(scores, part)
        columns = list(rows[0][1])
        table([NAMES[part], *columns], [[name, *[counts[column] for column in columns]] for name, counts in rows])
    return 1 if any(score["wrong_names"] for score in scores.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
