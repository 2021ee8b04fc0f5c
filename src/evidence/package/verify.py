#!/usr/bin/env python3
"""Checks the evidence package that this file lies in. Needs Python's standard library only.

Exit 0: intact, proved and signed by the key given. 1: changed or not proved, or no key given. 2: not readable.
"""
import argparse, base64, csv, datetime, hashlib, io, ipaddress, json, os, re, stat, sys

try:
    import tomllib
except ImportError:  # before Python 3.11
    tomllib = None

SIGNED, SECOND = "tagmanifest-sha256.txt", "tagmanifest-sha512.txt"
SIGNATURE = SIGNED + ".minisig"
BAGIT = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
TAGS = ["VERIFY.md", "bag-info.txt", "bagit.txt", "manifest-sha256.txt", "manifest-sha512.txt", "verify.py"]
UNTRUSTED = "untrusted comment: signature of an Invigil evidence package"
NOT_KEPT = "original_not_kept"
GATES = """reference_given route_fits_authority authenticity_checked local_authority_without_connection_records
connection_record_condition content_needs_warrant class_covers_what_is_wanted purpose_fits_class zone_given
window_lawful still_valid identifiers_present human_resources_told recipient_named""".split()
# Columns that hold content, or that leave the provider never.
CONTENT = """content_type http_method http_path http_user_agent path query referrer search_terms user_agent""".split()
LOCAL = """application_basis basis categories lists nas policy session vendor_category vlans""".split()


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
    def fail(error):
        raise error

    files = {}
    for folder, folders, names in os.walk(root, onerror=fail):
        for name in folders + names:
            path = os.path.join(folder, name)
            short = os.path.relpath(path, root).replace(os.sep, "/")
            mode = os.lstat(path).st_mode
            plain = re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", name)
            need(plain, short.encode("unicode_escape", "backslashreplace").decode(), "its name is not plain")
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
        # In order, each once; a part of a path never begins with a dot.
        sound = match and match[2] > max(listed, default="") and not re.search(r"(^|/)(\.|/|$)", match[2])
        need(sound, name, "it is not a manifest")
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
    need(files["bagit.txt"] == BAGIT, "bagit.txt", "it is not the declaration of a bag")


def signer_key(text):
    lines = [line for line in text.split("\n") if line and not line.startswith("untrusted comment:")]
    key = base64.b64decode(lines[0])
    if len(key) != 42 or key[:2] != b"Ed":
        raise ValueError("the signer's key is not a minisign public key")
    return key


def ledger_key(text):
    """Reads origin+hash+key; gives origin, the first bytes of its signatures, and the key."""
    origin, stamp, key = text.strip().split("+", 2)
    key = base64.b64decode(key, validate=True)
    if not origin or len(key) != 33 or key[0] != 1 or sha256(origin.encode(), b"\n", key)[:4].hex() != stamp:
        raise ValueError("the ledger's key is not one such as name+01234567+AbCd...")
    return origin, bytes.fromhex(stamp), key[1:]


def check_signature(files, key):
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


def unhex(text, size=32):
    if not re.fullmatch("[0-9a-fA-F]{%d}" % (2 * size), text):
        raise ValueError("not %d bytes in hexadecimal digits" % size)
    return bytes.fromhex(text)


def whole(number):
    """A whole number as the proofs have them: a longer one, a fraction or a yes is none."""
    if type(number) is not int or not 0 <= number < 2**64:
        raise ValueError("not a whole number")
    return number


def lines(files, path):
    texts = files[path].decode().split("\n")
    return [json.loads(text) for text in (texts if texts[-1] else texts[:-1])]


def only(thing, names):
    if not isinstance(thing, dict) or not set(thing) <= set(names.split()):
        raise ValueError("a field that does not belong there")


def check_head(files, log_key):
    path = "data/proofs/ledger.vkey"
    try:
        own = ledger_key(files[path].decode())
    except ValueError:
        raise Wrong(path, "it is not a key of a ledger")
    need(log_key is None or log_key == own, path, "it is not the key of the ledger that was named")
    origin, stamp, key = own
    path = "data/proofs/head.txt"
    body, signatures = files[path].decode().rsplit("\n\n", 1)
    body += "\n"
    name, size, root = body.split("\n")[:3]
    size, root = whole(int(size)), base64.b64decode(root, validate=True)
    spelled = "%s\n%d\n%s\n" % (origin, size, base64.b64encode(root).decode())
    need(body == spelled and len(root) == 32, path, "it is not a head of this ledger")
    for line in signatures.split("\n"):
        words = line.split(" ")
        if words[:2] == ["\u2014", origin] and len(words) == 3:
            raw = base64.b64decode(words[2], validate=True)
            if raw[:4] == stamp and signed_by(key, body.encode(), raw[4:]):
                return size, root
    raise Wrong(path, "it is not signed by the key of the ledger")


def check_entries(files, log_key):
    size, root = check_head(files, log_key)
    path, entries = "data/proofs/entries.jsonl", {}
    for proof in lines(files, path):
        only(proof, "entry index path")
        leaf, index = sha256(b"\0", proof["entry"].encode()), whole(proof["index"])
        need(not entries or index > max(entries), path, "entry %d is not in its place" % index)
        need(under(leaf, index, size, [unhex(step) for step in proof["path"]], root), path, "entry %d is not in the ledger" % index)
        entry = json.loads(proof["entry"])
        need(whole(entry["index"]) == index, path, "an entry has another index")
        entries[index] = entry["act"]
    return size, entries


def in_batch(proof, batch):
    """A leaf does not say its number; but numbers rise within a batch, so its place bounds it, mostly to one."""
    frame, before = whole(proof["frame"]), proof["frame"] - whole(batch["first_frame"])
    behind = whole(batch["last_frame"]) - frame
    path = [unhex(step) for step in proof["path"]]
    place = whole(proof["place"])
    if batch["source"] != proof["source"] or before < 0 or behind < 0:
        return False
    if proof.get("leaf") is None:
        return proof.get("withheld") == NOT_KEPT and not path
    held = under(unhex(proof["leaf"]), place, whole(batch["frames"]), path, unhex(batch["root"]))
    return held and proof.get("withheld") != NOT_KEPT and place <= before and batch["frames"] - 1 - place <= behind


def check_frames(files, entries):
    """Gives the frames that are proved, and how many lines are withheld, by reason."""
    where = "data/proofs/frames.jsonl"
    ends = {path: 0 for path in files if path.startswith("data/originals/")}
    proved, withheld = set(), {}
    for proof in lines(files, where):
        only(proof, "batch frame leaf nonce original path place source withheld")
        name = "frame %d of source %s" % (whole(proof["frame"]), proof["source"])
        batch = entries.get(whole(proof["batch"]), {}).get("batch_ingested")
        need(batch and in_batch(proof, batch), where, name + " is not in its batch")
        piece, nonce, reason = proof.get("original"), proof.get("nonce"), proof.get("withheld")
        if piece is not None and nonce is not None and reason is None:
            only(piece, "file length offset")
            path, offset, length = "data/originals/" + piece["file"], whole(piece["offset"]), whole(piece["length"])
            need(path in ends, where, "the original of %s is missing" % name)
            line = files[path][offset:offset + length]
            same = len(line) == length and ends[path] == offset and re.fullmatch("[0-9a-fA-F]{32}", nonce)
            same = same and sha256(b"\0", unhex(nonce, 16), line) == unhex(proof["leaf"])
            need(same, path, name + " is not the line that was collected")
            ends[path] += length
        else:
            need(piece is None and nonce is None and reason is not None, where, name + " is neither disclosed nor withheld")
            withheld[reason] = withheld.get(reason, 0) + 1
        place = (proof["source"], str(proof["frame"]))
        need(place not in proved, where, name + " is proved twice")
        proved.add(place)
    for path, end in ends.items():
        need(len(files[path]) == end, path, "it holds lines that no proof covers")
    return proved, withheld


def check_request(files, entries):
    """Gives the request's text, and its regime and class of data as they stand in the ledger."""
    path = "data/request.json"
    request = json.loads(files[path])
    only(request, "commitment salt text")
    commitment = sha256(request["salt"].encode(), b"\n", request["text"].encode()).hex()
    received = [act["request_received"] for act in entries.values() if act.get("request_received", {}).get("request") == commitment]
    need(commitment == request["commitment"] and received, path, "it does not stand in the ledger")
    path = "data/gates.json"
    gates = json.loads(files[path])
    for gate in gates:
        only(gate, "gate passed source entry")
        expected = {"gate": gate["gate"], "passed": True, "request": commitment}
        answered = entries.get(whole(gate["entry"]), {}).get("gate_answered") == expected
        need(answered and gate["passed"] is True, path, "the gate %s did not let it pass" % gate["gate"])
    for name in GATES:
        need(any(gate["gate"] == name for gate in gates), path, "the gate %s was not asked" % name)
    return request["text"], received[0]["regime"], received[0]["data_class"]


def address(text):
    try:
        ip = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    return getattr(ip, "ipv4_mapped", None) or ip


def card(text):
    return re.sub("[^0-9a-f]", "", text.lower())


def moment(text, zone):
    """A moment of the request's window as the package writes it; None where this Python can not read it or knows no such zone."""
    try:
        import zoneinfo

        at = datetime.datetime.fromisoformat(text.strip())
        at = at if at.tzinfo else at.replace(tzinfo=zoneinfo.ZoneInfo(zone.strip()))
    except (ImportError, KeyError, ValueError):
        return None
    return at.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def check_parameters(asked, text, regime, data_class, identifiers):
    path = "data/method/parameters.json"
    need(asked["data_class"] == data_class, path, "they are not what the request asks for")
    try:
        request = tomllib.loads(text)
    except (AttributeError, ValueError):
        # An older Python, or a newer spelling of TOML: nothing false is said by not comparing, if it is said.
        print("note: this Python can not read the request's text, and did not compare it with the parameters")
        return
    need((request["regime"], request["data_class"]) == (regime, data_class), "data/request.json", "it does not stand in the ledger")
    named = {kind: [one["value"].strip() for one in request.get("identifier", []) if one["kind"] == kind] for kind in ("account", "address", "mac")}
    window = request["window"]
    same = set(asked["data_wanted"]) == set(request["data_wanted"])
    same = same and set(map(address, asked["addresses"])) == set(map(address, named["address"]))
    same = same and set(map(card, asked["cards"])) == set(map(card, named["mac"]))
    same = same and len(set(asked["accounts"])) == len({name.lower() for name in named["account"]})
    for end in ("from", "to"):
        same = same and moment(window[end], window.get("zone")) in (None, asked[end])
    need(same, path, "they are not what the request asks for")
    need(identifiers == request.get("identifier", []), "data/attribution.json", "its identifiers are not those of the request")


def check_payload(files, asked):
    wanted = ["data/records/%s.%s" % (kind, ending) for kind in asked["data_wanted"] for ending in ("csv", "parquet")]
    versions = "data/method/versions.json"
    need(json.loads(files[versions]).get("layout") == 1, versions, "this program does not know its layout")
    papers = ["data/" + name for name in "prov.json case.jsonld report.pdf statement.md statement.pdf figures.json".split()]
    for path in wanted + papers:
        need(path in files, path, "it is missing")
    own = papers + ["data/%s.json" % name for name in "request gates attribution withheld operating".split()]
    own += ["data/proofs/" + name for name in "head.txt ledger.vkey entries.jsonl frames.jsonl".split()]
    for path in sorted(files):
        if path.startswith("data/") and path not in wanted + own:
            need(re.fullmatch(r"data/(originals/[^/]+|method/[^/]+\.(sql|json))", path), path, "it does not belong in a package")


def check_attribution(attribution, proved):
    path, judged = "data/attribution.json", {}
    for row in attribution["rows"]:
        for one in (row["attribution"] or {}).get("rests_on", []):
            need(tuple(one.split(":")[1:3]) in proved, path, "what the row %s rests on is not proved" % row["row"])
        need((row["records"], row["row"]) not in judged, path, "the row %s is attributed twice" % row["row"])
        judged[row["records"], row["row"]] = row
    return judged


def in_window(row, kind, asked):
    """Moments are compared as texts: all have one form."""
    first, last = {"connection_records": ("start", "end"), "subscriber": ("valid_from", "valid_to")}.get(kind, ("time", "time"))
    opened, closed, register = row[first], row[last], kind == "subscriber"
    for text in (opened, closed):
        if len(text) != len(asked["from"]) and not (register and not text):
            return False
    return opened < asked["to"] and (closed >= asked["from"] or (register and not closed))


def check_records(files, kind, data_class, asked, proved, judged):
    path = "data/records/%s.csv" % kind
    table = csv.reader(io.StringIO(files[path].decode().replace("\0", ""), newline=""))
    names = next(table, [])
    for name in names:
        allowed = name not in LOCAL and (data_class == "content" or name not in CONTENT)
        need(allowed, path, "the class of data does not allow the column " + name)
    need(not names or "source" in names, path, "it has no header")
    addresses, cards, last = set(map(address, asked["addresses"])), set(map(card, asked["cards"])), ""
    for cells in table:
        need(len(cells) == len(names), path, "it holds a row that can not be read")
        row = dict(zip(names, cells))
        place = "%s:%s:%s" % (row["source"], row["frame"], row["ordinal"])
        need((row["source"], row["frame"]) in proved, path, "it holds a row whose frame is not proved")
        need(in_window(row, kind, asked), path, "the row %s lies outside the window" % place)
        beyond = re.sub("^.*?://", "", row.get("url", ""), count=1, flags=re.S)
        bare = re.fullmatch(r"[^/?#]*/?", beyond) and not re.search(r"[/?#\\]", row.get("host", ""))
        need(data_class == "content" or bare, path, "the row %s holds content" % place)
        if kind == "subscriber":
            continue
        need((kind, place) in judged, path, "the row %s is not attributed, or stands there twice" % place)
        said = judged.pop((kind, place))
        time, named = row["start" if kind == "connection_records" else "time"], row["account_token"]
        need(time >= last, path, "the row %s is not in its place" % place)
        last = time
        need((said["time"], said["named_in_the_row"] or "") == (time, named), "data/attribution.json", "the row %s says something else" % place)
        who = said["attribution"] or {}
        its_own = not named and who.get("verdict") == "attributed" and who.get("account") in asked["accounts"]
        by_address = any(address(row.get(name, "")) in addresses for name in ("client_ip", "src_ip", "dst_ip", "ip") if row.get(name))
        by_card = bool(row.get("mac")) and card(row["mac"]) in cards
        its_own = its_own or by_address or by_card or named in asked["accounts"]
        need(its_own, path, "the row %s is not of those whom the request is about" % place)


def check_proofs(files, log_key):
    csv.field_size_limit(2**31 - 1)
    size, entries = check_entries(files, log_key)
    proved, withheld = check_frames(files, entries)
    text, regime, data_class = check_request(files, entries)
    asked = json.loads(files["data/method/parameters.json"])
    attribution = json.loads(files["data/attribution.json"])
    check_parameters(asked, text, regime, data_class, attribution["identifiers"])
    check_payload(files, asked)
    judged = check_attribution(attribution, proved)
    for kind in sorted(set(asked["data_wanted"])):
        check_records(files, kind, data_class, asked, proved, judged)
    need(not judged, "data/attribution.json", "it attributes a row that is not among the records")
    counted = json.loads(files["data/withheld.json"])["originals"]
    need(counted == withheld, "data/withheld.json", "it does not count the lines that were withheld")
    return size, withheld.get(NOT_KEPT, 0)


def main():
    parser = argparse.ArgumentParser(description="Checks the evidence package that this file lies in.")
    parser.add_argument("--signer", help="the signer's public key, a minisign .pub file that did not come with the package")
    parser.add_argument("--log-key", help="a file with the ledger's public key")
    parser.add_argument("--bag", default=os.path.dirname(os.path.abspath(__file__)), help="another folder to check")
    args = parser.parse_args()
    try:
        signer = signer_key(open(args.signer, encoding="utf-8").read()) if args.signer else None
        log_key = ledger_key(open(args.log_key, encoding="utf-8").read()) if args.log_key else None
        files = read(args.bag)
        if not any(name in files for name in (SIGNED, "bagit.txt", "manifest-sha256.txt")):
            raise ValueError("%s is not an evidence package" % args.bag)
        check_manifests(files)
        comment = check_signature(files, signer) if signer else None
        try:
            size, not_kept = check_proofs(files, log_key)
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
    if not_kept:
        print("%d lines were not kept: of them only the batch is proved, and not what they said" % not_kept)
    if not args.log_key:
        print("the ledger's key is the one in the package: give --log-key with one that did not come with it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
