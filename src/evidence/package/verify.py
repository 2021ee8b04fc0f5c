#!/usr/bin/env python3
"""Checks the evidence package that this file lies in. Needs Python's standard library only.

Exit 0: intact, proved and signed by the key given. 1: changed or not proved, or no key given. 2: not readable.
"""
import argparse, base64, csv, hashlib, io, json, os, re, stat, sys

SIGNED, SECOND = "tagmanifest-sha256.txt", "tagmanifest-sha512.txt"
SIGNATURE = SIGNED + ".minisig"
TAGS = ["VERIFY.md", "bag-info.txt", "bagit.txt", "manifest-sha256.txt", "manifest-sha512.txt", "verify.py"]
UNTRUSTED = "untrusted comment: signature of an Invigil evidence package"


class Wrong(Exception):
    def __init__(self, path, reason):
        super().__init__(path + ": " + reason)


def need(holds, path, reason):
    if not holds:
        raise Wrong(path, reason)


# Ed25519 (RFC 8032, 5.1), checking only.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(n, p):
    q = (0, 1, 1, 0)
    while n:
        if n & 1:
            q = add(q, p)
        p, n = add(p, p), n >> 1
    return q


def point(encoded):
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    xx = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if (x * x - xx) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - xx) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def signed_by(public, message, signature):
    if len(public) != 32 or len(signature) != 64:
        return False
    a, r, s = point(public), point(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    left, right = times(s, BASE), add(r, times(h, a))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


def read(root):
    files = {}
    for folder, folders, names in os.walk(root):
        for name in folders + names:
            path = os.path.join(folder, name)
            short = os.path.relpath(path, root).replace(os.sep, "/")
            mode = os.lstat(path).st_mode
            need(re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", name), short, "its name is not plain")
            need(stat.S_ISDIR(mode) or stat.S_ISREG(mode), short, "it is not a plain file")
            if stat.S_ISREG(mode):
                with open(path, "rb") as file:
                    files[short] = file.read()
    return files


def manifest(files, name, digits):
    need(name in files, name, "it is missing")
    listed = {}
    for line in files[name].decode("utf-8", "replace").split("\n")[:-1]:
        match = re.fullmatch(r"([0-9a-f]{%d})  ([A-Za-z0-9_./-]+)" % digits, line)
        need(match and match[2] not in listed, name, "it is not a manifest")
        listed[match[2]] = match[1]
    need(files[name].endswith(b"\n"), name, "it is not a manifest")
    return listed


def check_manifests(files):
    for name in TAGS + [SIGNED, SECOND, SIGNATURE]:
        need(name in files, name, "it is missing")
    for path in files:
        need(path.startswith("data/") or path in TAGS + [SIGNED, SECOND, SIGNATURE], path, "no manifest lists it")
    for one, two in ((SIGNED, SECOND), ("manifest-sha256.txt", "manifest-sha512.txt")):
        first, second = manifest(files, one, 64), manifest(files, two, 128)
        there = set(TAGS) if one == SIGNED else {path for path in files if path.startswith("data/")}
        for path in sorted(there - set(first)):
            need(one == SIGNED, path, "no manifest lists it")
        for name, listed in ((one, first), (two, second)):
            for path in sorted(set(listed) - there):
                raise Wrong(path if path.startswith("data/") else name, "it is listed and missing")
            need(set(listed) == there, name, "it does not list the files that are there")
        for path in first:
            short = hashlib.sha256(files[path]).hexdigest() == first[path]
            long = hashlib.sha512(files[path]).hexdigest() == second[path]
            need(short or long, path, "it is not the file that was handed over")
            need(short, one, "its hash of %s is wrong" % path)
            need(long, two, "its hash of %s is wrong" % path)


def check_signature(files, key_text):
    lines = [line for line in key_text.split("\n") if line and not line.startswith("untrusted comment:")]
    key = base64.b64decode(lines[0])
    if len(key) != 42 or key[:2] != b"Ed":
        raise ValueError("the signer's key is not a minisign public key")
    try:
        lines = files[SIGNATURE].decode().split("\n")
        need(len(lines) == 5 and lines[0] == UNTRUSTED and lines[4] == "", SIGNATURE, "it is not a signature")
        raw, seal = base64.b64decode(lines[1], validate=True), base64.b64decode(lines[3], validate=True)
        same = base64.b64encode(raw).decode() == lines[1] and base64.b64encode(seal).decode() == lines[3]
    except ValueError:
        raise Wrong(SIGNATURE, "it is not a signature")
    comment = lines[2][len("trusted comment: "):]
    need(same and lines[2].startswith("trusted comment: ") and raw[:2] == b"ED", SIGNATURE, "it is not a signature")
    need(raw[2:10] == key[2:10], SIGNATURE, "it is signed by another key")
    digest = hashlib.blake2b(files[SIGNED]).digest()
    need(signed_by(key[10:], digest, raw[10:]), SIGNATURE, "the signature does not hold")
    need(signed_by(key[10:], raw[10:] + comment.encode(), seal), SIGNATURE, "the signature does not hold")
    return comment


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def under(leaf, place, size, path, root):
    """Checks an inclusion proof (RFC 9162, 2.1.3.2)."""
    if not 0 <= place < size:
        return False
    at, last, node = place, size - 1, leaf
    for step in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            node = sha256(b"\1", step, node)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            node = sha256(b"\1", node, step)
        at, last = at >> 1, last >> 1
    return last == 0 and node == root


def unhex(texts):
    return [bytes.fromhex(text) for text in texts]


def check_head(files, log_key):
    own = files["data/proofs/ledger.vkey"].decode().strip()
    need(log_key is None or log_key.strip() == own, "data/proofs/ledger.vkey", "it is not the key of the ledger that was named")
    origin, stamp, key = own.split("+", 2)
    key = base64.b64decode(key)
    need(sha256(origin.encode(), b"\n", key)[:4].hex() == stamp, "data/proofs/ledger.vkey", "it is not a key of a ledger")
    body, signatures = files["data/proofs/head.txt"].decode().rsplit("\n\n", 1)
    body += "\n"
    for line in signatures.split("\n"):
        words = line.split(" ")
        if words[:2] == ["\u2014", origin] and len(words) == 3:
            raw = base64.b64decode(words[2])
            if raw[:4].hex() == stamp and signed_by(key[1:], body.encode(), raw[4:]):
                name, size, root = body.split("\n")[:3]
                need(name == origin, "data/proofs/head.txt", "it is the head of another ledger")
                return int(size), base64.b64decode(root)
    raise Wrong("data/proofs/head.txt", "it is not signed by the key of the ledger")


def check_proofs(files, log_key):
    size, root = check_head(files, log_key)
    entries = {}
    for line in files["data/proofs/entries.jsonl"].decode().splitlines():
        proof = json.loads(line)
        leaf = sha256(b"\0", proof["entry"].encode())
        need(under(leaf, proof["index"], size, unhex(proof["path"]), root), "data/proofs/entries.jsonl", "entry %d is not in the ledger" % proof["index"])
        entry = json.loads(proof["entry"])
        need(entry["index"] == proof["index"], "data/proofs/entries.jsonl", "an entry has another index")
        entries[entry["index"]] = entry["act"]
    ends = {path: 0 for path in files if path.startswith("data/originals/")}
    proved = set()
    for line in files["data/proofs/frames.jsonl"].decode().splitlines():
        proof = json.loads(line)
        name = "frame %d of source %s" % (proof["frame"], proof["source"])
        batch = entries.get(proof["batch"], {}).get("batch_ingested", {})
        leaf = bytes.fromhex(proof.get("leaf", ""))
        if leaf:
            held = under(leaf, proof["place"], batch["frames"], unhex(proof["path"]), bytes.fromhex(batch["root"]))
        else:
            held = proof.get("withheld") == "original_not_kept" and "original" not in proof
        need(
            held and batch.get("source") == proof["source"] and batch["first_frame"] <= proof["frame"] <= batch["last_frame"],
            "data/proofs/frames.jsonl",
            name + " is not in its batch",
        )
        if "original" in proof:
            piece = proof["original"]
            path = "data/originals/" + piece["file"]
            need(ends.get(path) == piece["offset"], "data/proofs/frames.jsonl", "the original of %s is missing" % name)
            ends[path] += piece["length"]
            line = files[path][piece["offset"]:ends[path]]
            need(len(line) == piece["length"] and sha256(b"\0", bytes.fromhex(proof["nonce"]), line) == leaf, path, name + " is not the line that was collected")
        else:
            need("withheld" in proof, "data/proofs/frames.jsonl", name + " is neither disclosed nor withheld")
        proved.add((proof["source"], str(proof["frame"])))
    for path, end in ends.items():
        need(len(files[path]) == end, path, "it holds lines that no proof covers")
    check_request(files, entries)
    for path in files:
        if path.startswith("data/records/") and path.endswith(".csv"):
            for row in list(csv.reader(io.StringIO(files[path].decode(), newline="")))[1:]:
                need(tuple(row[:2]) in proved, path, "it holds a row whose frame is not proved")
    return size


def check_request(files, entries):
    request = json.loads(files["data/request.json"])
    commitment = sha256(request["salt"].encode(), b"\n", request["text"].encode()).hex()
    received = any(act.get("request_received", {}).get("request") == commitment for act in entries.values())
    need(commitment == request["commitment"] and received, "data/request.json", "it does not stand in the ledger")
    gates = json.loads(files["data/gates.json"])
    need(gates, "data/gates.json", "no gate answered")
    for gate in gates:
        expected = {"gate": gate["gate"], "passed": True, "request": commitment}
        answered = entries.get(gate["entry"], {}).get("gate_answered") == expected
        need(answered and gate["passed"] is True, "data/gates.json", "the gate %s did not let it pass" % gate["gate"])


def main():
    parser = argparse.ArgumentParser(description="Checks the evidence package that this file lies in.")
    parser.add_argument("--signer", help="the signer's public key, a minisign .pub file that did not come with the package")
    parser.add_argument("--log-key", help="a file with the ledger's public key")
    parser.add_argument("--bag", default=os.path.dirname(os.path.abspath(__file__)), help="another folder to check")
    args = parser.parse_args()
    try:
        signer = open(args.signer, encoding="utf-8").read() if args.signer else None
        log_key = open(args.log_key, encoding="utf-8").read() if args.log_key else None
        files = read(args.bag)
        check_manifests(files)
        comment = check_signature(files, signer) if signer else None
        try:
            size = check_proofs(files, log_key)
        except (KeyError, ValueError, TypeError, AttributeError, IndexError, csv.Error) as error:
            raise Wrong("data/proofs", "a proof can not be read: %r" % error)
    except Wrong as error:
        print("WRONG:", error)
        return 1
    except (OSError, ValueError, IndexError) as error:
        print("cannot check:", error, file=sys.stderr)
        return 2
    if comment is None:
        print("consistent; signer NOT checked (give --signer)")
        return 1
    print("intact; signed:", comment)
    print("proved up to the ledger's head of %d entries" % size)
    return 0


if __name__ == "__main__":
    sys.exit(main())
