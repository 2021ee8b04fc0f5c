"""Asks the questions that rules, `who`, reports, pages and packages ask most, of one or several databases of a folder.

    ask.py FOLDER [DATABASE...]

Each is asked cold (a new connection, the engine's caches of marks and keys emptied; the disk's own cache is left) and
warm (again, the better of two). QUESTIONS, a regular expression, chooses by name. Questions are the program's own files where it has one. Printed: wall and user
seconds, rows and megabytes read, rows of the answer.
"""

import datetime
import os
import re
import sys

from engine import Engine
from make import FIRST, ROOT, schema

SWIPES = ["SYSTEM DROP MARK CACHE", "SYSTEM DROP UNCOMPRESSED CACHE", "SYSTEM DROP PRIMARY INDEX CACHE", "SYSTEM DROP INDEX MARK CACHE",
          "SYSTEM DROP SKIPPING INDEX CACHE" ]


# For a folder that has the first days alone.
SHIFT = int(os.environ.get("SHIFT", 0))


def at(day, hour=0, minute=0):
    day -= SHIFT
    moment = datetime.datetime(FIRST.year, FIRST.month, FIRST.day, hour, minute, tzinfo=datetime.timezone.utc)
    return int(moment.timestamp() + day * 86400) * 1000000


def window(since, until):
    return {"since": since, "until": until}


ADDRESS = "::ffff:10.16.64.40"
NOBODY = {"accounts": "[]", "addresses": "[]", "cards": "[]"}
WEB = "SELECT count(), uniq(client_ip), min(time), max(time) FROM web_hits WHERE host = {host:String} AND time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')"
DNS = WEB.replace("web_hits", "dns_queries").replace("host =", "qname =")
FLOWS = WEB.replace("web_hits", "flows").replace("host =", "server_name =").replace("client_ip", "src_ip").replace("time >=", "start >=").replace("time <", "start <").replace("(time)", "(start)")
CHECK = "SELECT count(), min(frame), max(frame) FROM {} WHERE source_id = unhex({{source:String}})"
CHECK_FRAMES = "SELECT count() FROM {} WHERE source_id = unhex({{source:String}}) AND frame BETWEEN {{first:UInt64}} AND {{last:UInt64}} AND {} BETWEEN fromUnixTimestamp64Micro({{since:Int64}}, 'UTC') AND fromUnixTimestamp64Micro({{until:Int64}}, 'UTC')"


def questions(engine, connection, table):
    """Name, SQL or file, parameters."""
    some = lambda sql: engine.ask(sql, connection)[0].strip()
    if table == "sign_ins":
        facts = window(at(13), at(16)) | {"all": 0, "ips": f"['{ADDRESS}']", "cards": "[]"}
        card = some("SELECT mac FROM leases WHERE ip = toIPv6('%s') LIMIT 1" % ADDRESS)
        yield "who: leases of an address, 3 days", "attribute/facts_leases", facts
        yield "who: sign-ins of an address and card, 3 days", "attribute/facts_sign_ins", facts | {"cards": f"['{card}']"}
        account = some("SELECT account_token FROM sign_ins WHERE ip = toIPv6('%s') LIMIT 1" % ADDRESS)
        yield "evidence: sign-ins of an account, 7 days", "evidence/sign_in_candidates", window(at(14), at(21)) | NOBODY | {"accounts": f"['{account}']"}
    if table == "web_hits":
        account = some("SELECT account_token FROM web_hits WHERE account_token != '' AND client_ip = toIPv6('%s') LIMIT 1" % ADDRESS)
        rare = some("SELECT host FROM (SELECT host, count() AS n FROM (SELECT host FROM web_hits LIMIT 3000000) GROUP BY host) WHERE n < 8 AND host != '' ORDER BY n DESC, host LIMIT 1")
        common = some("SELECT host FROM (SELECT host FROM web_hits LIMIT 1000000) GROUP BY host ORDER BY count() DESC LIMIT 1 OFFSET 30")
        source = some("SELECT hex(source_id) FROM web_hits LIMIT 1")
        yield "rule: categories of a day", "detect/category_hit", window(at(15), at(16))
        yield "rule: misuse, a week", "detect/misuse_rising", window(at(14), at(21))
        yield "report: categories, a school's week", "report/categories", window(at(14), at(21)) | {"establishment": "school-42"}
        yield "report: days, all schools, a week", "report/days", window(at(14), at(21)) | {"establishment": "", "zone": "Europe/London"}
        yield "evidence: web of an account, 7 days", "evidence/web_candidates", window(at(14), at(21)) | NOBODY | {"accounts": f"['{account}']"}
        yield "evidence: web of an address, 7 days", "evidence/web_candidates", window(at(14), at(21)) | NOBODY | {"addresses": f"['{ADDRESS}']"}
        yield "page: a rare domain, 30 days", WEB, window(at(0), at(30)) | {"host": rare}
        yield "page: a common domain, 30 days", WEB, window(at(0), at(30)) | {"host": common}
        yield "check: rows of one source", CHECK.format(table), {"source": source}
        yield "check: a batch of one source", CHECK_FRAMES.format(table, "time"), {"source": source, "first": 20000, "last": 60000} | window(at(0), at(1))
    if table == "dns_queries":
        rare = some("SELECT qname FROM (SELECT qname, count() AS n FROM (SELECT qname FROM dns_queries LIMIT 3000000) GROUP BY qname) WHERE n < 8 ORDER BY n DESC, qname LIMIT 1")
        yield "rule: categories of a day", "detect/category_hit", window(at(15), at(16))
        yield "rule: misuse, a week", "detect/misuse_rising", window(at(14), at(21))
        yield "page: a rare name, 30 days", DNS, window(at(0), at(30)) | {"host": rare}
    if table == "flows":
        rare = some("SELECT server_name FROM (SELECT server_name, count() AS n FROM (SELECT server_name FROM flows LIMIT 3000000) GROUP BY server_name) WHERE n < 8 AND server_name != '' ORDER BY n DESC, server_name LIMIT 1")
        source = some("SELECT hex(source_id) FROM flows LIMIT 1")
        yield "rule: tunnels of a week", "detect/vpn_tunnel", window(at(14), at(21)) | {"categories": "['vpn']"}
        yield "rule: large volumes of a day", "detect/sustained_high_volume", window(at(15), at(16)) | {"down_bytes": 375000000, "up_bytes": 375000000}
        yield "report: line of a school, a week", "report/link_use", window(at(14), at(21)) | {"establishment": "school-42", "zone": "Europe/London"}
        yield "evidence: flows of an address, 2 hours", "evidence/flow_candidates", window(at(15, 10), at(15, 12)) | NOBODY | {"addresses": f"['{ADDRESS}']"}
        yield "evidence: flows of an address, 7 days", "evidence/flow_candidates", window(at(14), at(21)) | NOBODY | {"addresses": f"['{ADDRESS}']"}
        yield "page: a rare server, 30 days", FLOWS, window(at(0), at(30)) | {"host": rare}
        yield "check: rows of one source", CHECK.format(table), {"source": source}


def text(question):
    file = ROOT / "queries" / (question + ".sql")
    return file.read_text() if " " not in question and file.exists() else question


def ready(engine, connection):
    """The tables that these questions join, empty if this folder is about others, and the views."""
    for statement in schema(["web_hits", "dns_queries", "flows", "sign_ins", "leases", "networks", "sources"]):
        engine.ask(statement, connection)
    for view in ("v_networks", "v_network_ranges", "v_web_hits", "v_flows"):
        lines = (ROOT / f"queries/views/{view}.sql").read_text().splitlines()
        engine.ask("\n".join(line for line in lines if not line.startswith("--")).rstrip().rstrip(";"), connection)


def measured(engine, database, table):
    connection = engine.fresh()
    engine.ask(f"USE {database}", connection)
    ready(engine, connection)
    engine.ask("SYSTEM STOP MERGES", connection)
    if database != "bench" and engine.ask("SELECT count() FROM networks", connection)[0].strip() == "0":
        engine.ask("INSERT INTO networks SELECT * FROM bench.networks", connection)
    for name, question, params in list(questions(engine, connection, table)):
        if not re.search(os.environ.get("QUESTIONS", ""), name):
            continue
        for swipe in SWIPES:
            try:
                engine.ask(swipe)
            except RuntimeError:
                pass
        costs = []
        for _ in range(3):
            handle = engine.fresh()
            engine.ask(f"USE {database}", handle)
            answer, cost = engine.ask(text(question), handle, params)
            engine.close(handle)
            costs.append(cost)
        cold, warm = costs[0], min(costs[1:], key=lambda cost: cost.user)
        print(f"{database}\t{name}\t{cold.wall:.3f}\t{cold.user:.3f}\t{warm.wall:.3f}\t{warm.user:.3f}\t{cold.rows}\t{cold.bytes / 1e6:.1f}\t{answer.count(chr(10))}", flush=True)
    engine.ask("SYSTEM START MERGES", connection)
    engine.close(connection)


if __name__ == "__main__":
    engine = Engine(sys.argv[1])
    print("database\tquestion\tcold s\tcold user s\twarm s\twarm user s\trows read\tMB read\tanswer rows")
    for database in sys.argv[2:] or ["bench"]:
        for table in ("web_hits", "dns_queries", "flows", "sign_ins"):
            found = engine.ask(f"SELECT total_rows FROM system.tables WHERE database = '{database}' AND name = '{table}'")[0].strip()
            if found not in ("", "0", "\\N"):
                measured(engine, database, table)
    engine.shut()
