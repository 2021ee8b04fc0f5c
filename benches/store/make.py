"""Makes a month of an invented region in an engine's folder: 300 schools, 150,000 accounts, 30,000 domains, school hours.

    make.py FOLDER web|flows|dns|sessions [MILLIONS]

A week is made, and then comes again: the same people at the same addresses, another week's times and sources.

Rows are drawn from what the program made of a Squid log (`WEB_ROWS`) and of captures (`FLOW_ROWS`), both as
`--to rowbinary` wrote them; times, addresses, names and sizes are spread over the month by SQL.
"""

import datetime
import os
import pathlib
import re
import sys

from engine import Engine

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIRST = datetime.date(2026, 10, 5)
DAYS = 30
# A part of the month will do where only density counts.
MADE = int(os.environ.get("DAYS", DAYS))


def schema(names):
    """The statements of the schema files that make these tables."""
    for file in sorted((ROOT / "queries/schema").glob("*.sql")):
        text = "\n".join(line for line in file.read_text().splitlines() if not line.startswith("--"))
        for statement in text.split(";\n"):
            found = re.search(r"(?:CREATE TABLE IF NOT EXISTS|ALTER TABLE) (\w+)", statement)
            if found and found[1] in names:
                yield statement.strip().rstrip(";").replace("/* storage */", ", storage_policy = 'enc'")


def rows_of(day, total):
    """Two thousandths of a month's rows fall on a day at a weekend for each hundredth that falls on a school day."""
    school_days = sum((FIRST + datetime.timedelta(n)).weekday() < 5 for n in range(DAYS))
    weight = 1.0 if day.weekday() < 5 else 0.1
    return total * weight / (school_days + (DAYS - school_days) * 0.1)


def moment(day, seed):
    """A moment of the day, most of them in lessons, in microseconds."""
    start = int(datetime.datetime(day.year, day.month, day.day, tzinfo=datetime.timezone.utc).timestamp()) * 1000000
    r = f"(sipHash64(key, {seed}) % 1000000007 / 1000000007)"
    return f"fromUnixTimestamp64Micro(toInt64({start} + 1000000 * if(sipHash64(key, {seed} + 1) % 100 < 88, 30600 + 24300 * {r}, 25200 + 54000 * {r})), 'UTC')"


# A name: the share of the first thousand of thirty thousand is about that of a proxy's log.
ZIPF = "toUInt32(pow(30001, pow(sipHash64(key, 7) % 1000000007 / 1000000007, 1.15))) - 1"
AGENT = ("concat('Mozilla/5.0 (', ['Windows NT 10.0; Win64; x64', 'X11; CrOS x86_64 14541.0.0', 'iPad; CPU OS 17_5 like Mac OS X', 'Macintosh; Intel Mac OS X 10_15_7'][1 + person % 4], "
         "') AppleWebKit/537.36 (KHTML, like Gecko) Chrome/', toString(100 + person % 40), '.0.', toString(person % 7), '.0 Safari/537.36')")
CATEGORIES = "if(sipHash64(host, 3) % 97 = 0, [['adult', 'gambling', 'proxy', 'violence', 'vpn', 'drugs'][1 + sipHash64(host, 4) % 6]], [])"


def address(day):
    """Of a person's number, the address of that day: a school has four networks of 250 addresses."""
    return (f"IPv4ToIPv6(toIPv4(toUInt32(bitShiftLeft(toUInt32(10), 24) + bitShiftLeft(16 + intDiv(school, 4), 16) + bitShiftLeft(64 * (school % 4) + intDiv(pupil, 250), 8) "
            f"+ 2 + (pupil + {day.toordinal() * 37}) % 250)))")


def again(engine, connection, table, time, n):
    """A day as the one a week before."""
    day = FIRST + datetime.timedelta(n - 7)
    more = f", addDays(`end`, 7) AS `end`" if table == "flows" else ""
    engine.ask(f"""INSERT INTO {table} SELECT * REPLACE (toFixedString(reinterpretAsString(sipHash128(source_id, {n})), 16) AS source_id, addDays({time}, 7) AS {time}{more}) FROM {table}
        WHERE {time} >= toDateTime64('{day} 00:00:00', 6, 'UTC') AND {time} < toDateTime64('{day + datetime.timedelta(1)} 00:00:00', 6, 'UTC') ORDER BY {time}""", connection)


def web(engine, connection, total):
    engine.ask("CREATE TABLE base AS web_hits ENGINE = Memory", connection)
    engine.ask(f"INSERT INTO base SELECT * FROM file('{os.environ['WEB_ROWS']}', 'RowBinary')", connection)
    count = int(engine.ask("SELECT count() FROM base", connection)[0])
    for n in range(MADE):
        print(n, end=" ", flush=True)
        if n >= 7:
            again(engine, connection, "web_hits", "time", n)
            continue
        day = FIRST + datetime.timedelta(n)
        copies = rows_of(day, total) / count
        when = moment(day, 1)
        engine.ask(f"""INSERT INTO web_hits
            SELECT unhex(hex(sipHash128({n}, key % 4))), intDiv(rowNumberInAllBlocks(), 4), 0, time, address, 0, server_ip, 0, account_token, method, scheme, host, port, path, query,
                   status, action, '', '', if(method = 'POST', bytes_received % 5000, 0), bytes_received, duration_ms % 60000, agent, seen, content_type, terms, groups, if(notEmpty(groups), ['ut1@2026-10-01'], [])
            FROM (
                SELECT *, {when} AS moment, sipHash64(account_token) AS person, toUInt32(bitAnd(num, 0xff0000) / 65536 - 16) * 4 + intDiv(bitAnd(num, 0xff00) / 256, 64) AS school,
                       toUInt32(bitAnd(bitShiftRight(num, 8), 63)) * 250 + bitAnd(num, 255) - 2 AS pupil, {address(day)} AS address,
                       if(path != '', {AGENT}, '') AS agent, if(path != '' AND key % 5 < 2, concat('https://', host, '/', substring(path, 1, 12)), '') AS seen,
                       if(key % 67 = 0, concat(splitByChar('/', path)[2], ' ', splitByChar('.', host)[1]), '') AS terms, {CATEGORIES} AS groups
                FROM (SELECT * EXCEPT time, toUInt32(toIPv4(replaceOne(toString(client_ip), '::ffff:', ''))) AS num, sipHash64(frame, copy, {n}) AS key
                      FROM base ARRAY JOIN range({int(copies) + 1}) AS copy WHERE copy < {int(copies)} OR sipHash64(frame, {n}) % 10000 < {int((copies % 1) * 10000)})
            ) AS made ORDER BY moment""".replace("0, time, address", "0, moment, address"), connection)


def hosts(engine, connection):
    engine.ask("CREATE TABLE hosts (number UInt32, host String) ENGINE = Memory", connection)
    engine.ask(f"INSERT INTO hosts SELECT rowNumberInAllBlocks(), line FROM file('{os.environ['DOMAINS']}', 'LineAsString') LIMIT 30000", connection)


PERSON = "toUInt32(pow(sipHash64(key, 11) % 1000003 / 1000003, 2) * 300) AS school, toUInt32(pow(sipHash64(key, 12) % 1000003 / 1000003, 1.5) * 900) AS pupil"


def flows(engine, connection, total):
    hosts(engine, connection)
    engine.ask("CREATE TABLE base AS flows ENGINE = Memory", connection)
    engine.ask(f"INSERT INTO base SELECT * FROM file('{os.environ['FLOW_ROWS']}', 'RowBinary')", connection)
    weight = "multiIf(application IN ('tls', 'quic'), 30, application = 'http', 8, application = 'dns', 3, 1)"
    count = int(engine.ask(f"SELECT sum({weight}) FROM base", connection)[0])
    columns = [line.split("\t")[0] for line in engine.ask("DESCRIBE flows", connection)[0].splitlines()]
    made = {
        "source_id": "unhex(hex(sipHash128({n}, key % 2)))", "frame": "intDiv(rowNumberInAllBlocks(), 2)", "start": "moment",
        "end": "addMicroseconds(moment, dateDiff('microsecond', start, `end`) * (1 + key % 20))", "src_ip": "address", "src_port": "1024 + key % 60000",
        "dst_ip": "IPv4ToIPv6(toIPv4(toUInt32(sipHash64(host, key % 3))))", "dst_bytes": "dst_bytes * (1 + key % 30)", "src_bytes": "src_bytes * (1 + key % 5)",
        "dst_frame_bytes": "dst_frame_bytes * (1 + key % 30)", "dst_payload_bytes": "dst_payload_bytes * (1 + key % 30)",
        "community_id": "concat('1:', base64Encode(reinterpretAsString(sipHash128(key, 1)) || reinterpretAsString(toUInt32(key))))",
        "server_name": "if(server_name != '', host, '')", "dns_queries": "if(notEmpty(dns_queries), [host], [])",
        "application_class": "if(key % 1500 = 0, 'vpn', application_class)", "http_path": "if(http_path != '', concat(http_path, '/', hex(key)), '')",
    }
    for n in range(MADE):
        print(n, end=" ", flush=True)
        if n >= 7:
            again(engine, connection, "flows", "start", n)
            continue
        day = FIRST + datetime.timedelta(n)
        copies = rows_of(day, total) / count
        chosen = ", ".join(made.get(column, f"`{column}`").format(n=n) for column in columns)
        engine.ask(f"""INSERT INTO flows SELECT {chosen}
            FROM (SELECT *, {moment(day, 1)} AS moment, {PERSON}, {address(day)} AS address
                  FROM (SELECT *, sipHash64(base.source_id, frame, ordinal, copy, {n}) AS key, {ZIPF} AS number FROM base ARRAY JOIN range(toUInt32({weight} * {copies:.4f}) + 1) AS copy
                        WHERE copy < toUInt32({weight} * {copies:.4f}) OR sipHash64(frame, {n}) % 10000 < 10000 * ({weight} * {copies:.4f} - floor({weight} * {copies:.4f}))) AS drawn
                  LEFT JOIN hosts USING number) AS made ORDER BY moment""", connection)


def dns(engine, connection, total):
    hosts(engine, connection)
    for n in range(MADE):
        day = FIRST + datetime.timedelta(n)
        engine.ask(f"""INSERT INTO dns_queries
            SELECT unhex(hex(sipHash128({n}, key % 2))), intDiv(rowNumberInAllBlocks(), 2), 0, moment, address, 1024 + key % 60000, toIPv6('::ffff:10.0.0.53'), name, ['A', 'AAAA', 'HTTPS'][1 + key % 3],
                   if(key % 40 = 0, 'NXDOMAIN', 'NOERROR'), if(key % 3 = 0 AND key % 40 != 0, arrayMap(i -> IPv4NumToString(toUInt32(sipHash64(host, i))), range(1 + sipHash64(host) % 3)), []), if(notEmpty(groups), 'blocked', ''), groups, if(notEmpty(groups), ['ut1@2026-10-01'], [])
            FROM (SELECT *, {moment(day, 1)} AS moment, {PERSON}, {address(day)} AS address, {CATEGORIES} AS groups, if(key % 4 = 0, concat('www.', host), host) AS name
                  FROM (SELECT key, {ZIPF} AS number FROM (SELECT sipHash64(number, {n}) AS key FROM numbers_mt({int(rows_of(day, total))}))) AS drawn LEFT JOIN hosts USING number) AS made
            ORDER BY moment""", connection)


def sessions(engine, connection, total):
    """Sign-ins and leases: two thirds and one third of so many rows."""
    for n in range(MADE):
        day = FIRST + datetime.timedelta(n)
        count = int(rows_of(day, total))
        people = f"SELECT *, {moment(day, 1)} AS moment, {address(day)} AS address, lower(hex(sipHash128(school, pupil))) AS account, lower(hex(toUInt64(sipHash64(school, pupil, 5)))) AS digits FROM (SELECT sipHash64(number, {n}) AS key, {PERSON} FROM numbers_mt({{}}))"
        mac = "arrayStringConcat(arrayMap(i -> substring(digits, 1 + 2 * i, 2), range(6)), ':')"
        engine.ask(f"""INSERT INTO sign_ins SELECT unhex(hex(sipHash128({n}, 1))), rowNumberInAllBlocks(), 0, moment, ['start', 'interim', 'stop'][1 + key % 3], account, address, 0, {mac},
            hex(toUInt32(sipHash64(account, {n}))), concat('nas-', toString(school)), 'schools.example', 'radius' FROM ({people.format(count * 2 // 3)}) ORDER BY moment""", connection)
        engine.ask(f"""INSERT INTO leases SELECT unhex(hex(sipHash128({n}, 2))), rowNumberInAllBlocks(), 0, moment, ['start', 'renew', 'end'][1 + key % 3], address, {mac}, concat('pc-', substring(digits, 1, 6)),
            addHours(moment, 8) FROM ({people.format(count // 3)}) ORDER BY moment""", connection)


def registers(engine, connection):
    since = "fromUnixTimestamp64Micro(1756684800000000, 'UTC')"
    engine.ask(f"""INSERT INTO networks SELECT unhex(hex(sipHash128(1))), number + 1, 0, IPv4ToIPv6(toIPv4(toUInt32(167772160 + (16 + intDiv(number, 4)) * 65536 + (number % 4) * 16384) AS first)),
        IPv4ToIPv6(toIPv4(toUInt32(first + 1023))), 118, concat('school-', toString(number)), 'pupils', {since}, fromUnixTimestamp64Micro(0, 'UTC') FROM numbers(300)""", connection)


TABLES = {"web": ["web_hits"], "flows": ["flows"], "dns": ["dns_queries"], "sessions": ["sign_ins", "leases"]}

if __name__ == "__main__":
    folder, what = sys.argv[1], sys.argv[2]
    total = float(sys.argv[3] if len(sys.argv) > 3 else 50) * 1e6
    engine = Engine(folder)
    connection = engine.fresh()
    for statement in schema(TABLES[what] + ["networks"]):
        engine.ask(statement, connection)
    registers(engine, connection)
    globals()[what](engine, connection, total)
    for table in TABLES[what]:
        print(table, engine.ask(f"SELECT count(), formatReadableSize(sum(bytes_on_disk)), count(DISTINCT name) FROM (SELECT 1 AS one) AS o, system.parts WHERE active AND database = 'bench' AND table = '{table}'", connection)[0], flush=True)
    for table in ("base", "hosts"):
        engine.ask(f"DROP TABLE IF EXISTS {table} SYNC", connection)
    engine.shut()
