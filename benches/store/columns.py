"""Bytes a row by column, for sort keys and codecs, on a day of a table that `make.py` made.

    columns.py FOLDER keys|codecs web_hits|flows|dns_queries
"""

import sys

from engine import Engine

KEYS = {
    "web_hits": ["time, client_ip", "toStartOfHour(time), client_ip, time", "client_ip, time"],
    "dns_queries": ["time, client_ip", "toStartOfHour(time), client_ip, time", "client_ip, time"],
    "flows": ["start, src_ip", "toStartOfHour(start), src_ip, start", "src_ip, start"],
}
TIMES = ["Delta(8), ZSTD(1)", "DoubleDelta, ZSTD(1)", "T64, ZSTD(1)", "Delta(8), LZ4", "ZSTD(1)"]
NUMBERS = ["LZ4", "ZSTD(1)", "T64, LZ4", "T64, ZSTD(1)"]
PLAIN = ["LZ4", "ZSTD(1)", "ZSTD(3)"]
HEX = "CAST(unhex(account_token), 'FixedString(16)')"
CODECS = {
    "web_hits": {
        "source_id": [("FixedString(16)", "source_id", ["LZ4", "ZSTD(1)"]), ("LowCardinality(FixedString(16))", "source_id", ["ZSTD(1)"])],
        "frame": [("UInt64", "frame", TIMES)],
        "ordinal": [("UInt32", "ordinal", ["LZ4", "ZSTD(1)"])],
        "time": [("DateTime64(6, 'UTC')", "time", TIMES)],
        "client_ip": [("IPv6", "client_ip", PLAIN)],
        "server_ip": [("IPv6", "server_ip", PLAIN)],
        "account_token": [("LowCardinality(String)", "account_token", ["LZ4", "ZSTD(1)"]), ("String", "account_token", ["LZ4", "ZSTD(1)"]), ("FixedString(16)", HEX, ["LZ4", "ZSTD(1)"])],
        "host": [("LowCardinality(String)", "host", ["LZ4", "ZSTD(1)"]), ("String", "host", ["LZ4", "ZSTD(1)", "ZSTD(3)"])],
        "path": [("String", "path", PLAIN)],
        "query": [("String", "query", PLAIN)],
        "user_agent": [("String", "user_agent", PLAIN), ("LowCardinality(String)", "user_agent", ["ZSTD(1)"])],
        "referrer": [("String", "referrer", PLAIN)],
        "search_terms": [("String", "search_terms", PLAIN)],
        "content_type": [("LowCardinality(String)", "content_type", ["LZ4", "ZSTD(1)"])],
        "method": [("LowCardinality(String)", "method", ["LZ4", "ZSTD(1)"])],
        "status": [("UInt16", "status", ["LZ4", "ZSTD(1)"])],
        "bytes_received": [("UInt64", "bytes_received", NUMBERS)],
        "duration_ms": [("UInt32", "duration_ms", NUMBERS)],
        "categories": [("Array(LowCardinality(String))", "categories", ["LZ4", "ZSTD(1)"])],
        "port": [("UInt16", "port", ["LZ4", "ZSTD(1)"])],
    },
    "flows": {
        "frame": [("UInt64", "frame", TIMES)],
        "start": [("DateTime64(6, 'UTC')", "start", TIMES)],
        "end": [("DateTime64(6, 'UTC')", "`end`", TIMES)],
        "src_ip": [("IPv6", "src_ip", PLAIN)],
        "dst_ip": [("IPv6", "dst_ip", PLAIN)],
        "src_port": [("UInt16", "src_port", ["LZ4", "ZSTD(1)"])],
        "dst_port": [("UInt16", "dst_port", ["LZ4", "ZSTD(1)"])],
        "protocol": [("UInt8", "protocol", ["LZ4", "ZSTD(1)"])],
        "src_packets": [("UInt64", "src_packets", NUMBERS)],
        "dst_bytes": [("UInt64", "dst_bytes", NUMBERS)],
        "dst_payload_bytes": [("UInt64", "dst_payload_bytes", NUMBERS)],
        "src_tcp_flags": [("UInt8", "src_tcp_flags", ["LZ4", "ZSTD(1)"])],
        "handshake_rtt_us": [("UInt32", "handshake_rtt_us", NUMBERS)],
        "community_id": [("String", "community_id", PLAIN), ("FixedString(20)", "CAST(base64Decode(substring(community_id, 3)), 'FixedString(20)')", ["ZSTD(1)"])],
        "server_name": [("LowCardinality(String)", "server_name", ["LZ4", "ZSTD(1)"]), ("String", "server_name", ["ZSTD(1)"])],
        "dns_queries": [("Array(LowCardinality(String))", "dns_queries", ["LZ4", "ZSTD(1)"])],
        "ja4": [("LowCardinality(String)", "ja4", ["LZ4", "ZSTD(1)"])],
        "http_path": [("String", "http_path", PLAIN)],
        "http_user_agent": [("String", "http_user_agent", PLAIN)],
        "application": [("LowCardinality(String)", "application", ["LZ4", "ZSTD(1)"])],
        "vlans": [("Array(UInt16)", "vlans", ["LZ4", "ZSTD(1)"])],
    },
}
CODECS["dns_queries"] = {name: CODECS["web_hits"][name] for name in ("frame", "time", "client_ip")} | {
    "qname": [(kind, "qname", codecs) for kind, _, codecs in CODECS["web_hits"]["host"]],
    "answers": [("Array(LowCardinality(String))", "answers", ["LZ4", "ZSTD(1)"]), ("Array(String)", "answers", ["ZSTD(1)"])],
    "client_port": [("UInt16", "client_port", ["LZ4", "ZSTD(1)"])],
}
DAY = "toDate({time}) = (SELECT toDate(min({time})) FROM bench.{table})"


def sizes(engine, table, connection):
    text = engine.ask(f"""SELECT column, sum(column_data_compressed_bytes + column_marks_bytes) / any(whole) FROM system.parts_columns,
        (SELECT sum(rows) AS whole FROM system.parts WHERE active AND database = currentDatabase() AND table = '{table}') AS t
        WHERE active AND database = currentDatabase() AND table = '{table}' GROUP BY column ORDER BY column""", connection)[0]
    return {line.split("\t")[0]: float(line.split("\t")[1]) for line in text.splitlines()}


def keys(engine, connection, table):
    time = "start" if table == "flows" else "time"
    # The statement without its key and what follows.
    made = engine.ask(f"SHOW CREATE TABLE bench.{table}", connection, form="TabSeparatedRaw")[0]
    found = []
    for number, key in enumerate(KEYS[table]):
        name = f"{table}_{number}"
        columns = made[made.index("\n("):made.index("ENGINE =")]
        engine.ask(f"CREATE TABLE {name} {columns} ENGINE = MergeTree ORDER BY ({key}, source_id, frame, ordinal) SETTINGS storage_policy = 'enc', min_bytes_for_wide_part = 0", connection)
        _, cost = engine.ask(f"INSERT INTO {name} SELECT * FROM bench.{table} WHERE {DAY.format(time=time, table=table)} ORDER BY {time} SETTINGS max_insert_threads = 1", connection)
        engine.ask(f"OPTIMIZE TABLE {name} FINAL", connection)
        found.append(sizes(engine, name, connection))
        index = engine.ask(f"SELECT sum(secondary_indices_compressed_bytes) / sum(rows), sum(primary_key_bytes_in_memory) / sum(rows) FROM system.parts WHERE active AND database = currentDatabase() AND table = '{name}'", connection)[0].strip()
        print(f"({key}): {sum(found[-1].values()):.2f} bytes a row, skip indexes and key in memory {index}, filled in {cost.user:.1f} s of user time", flush=True)
        engine.ask(f"DROP TABLE {name} SYNC", connection)
    for column in sorted(found[0], key=lambda column: -found[0][column]):
        print(column, *(f"{one[column]:.2f}" for one in found), sep="\t")


def codecs(engine, connection, table):
    time = "start" if table == "flows" else "time"
    declared, chosen = [], []
    for column, kinds in CODECS[table].items():
        for kind, value, codecs in kinds:
            for codec in codecs:
                declared.append(f"`{column}: {kind} {codec}` {kind} CODEC({codec})")
                chosen.append(value)
    address = "src_ip" if table == "flows" else "client_ip"
    engine.ask("DROP TABLE IF EXISTS codecs SYNC", connection)
    engine.ask(f"CREATE TABLE codecs ({', '.join(declared)}) ENGINE = MergeTree ORDER BY tuple() SETTINGS storage_policy = 'enc', min_bytes_for_wide_part = 0", connection)
    engine.ask(f"INSERT INTO codecs SELECT {', '.join(chosen)} FROM bench.{table} WHERE {DAY.format(time=time, table=table)} ORDER BY toStartOfHour({time}), {address}, {time} SETTINGS max_insert_threads = 1", connection)
    for column, size in sizes(engine, "codecs", connection).items():
        print(f"{column}\t{size:.2f}")
    engine.ask("DROP TABLE codecs SYNC", connection)


if __name__ == "__main__":
    engine = Engine(sys.argv[1])
    connection = engine.fresh()
    engine.ask("CREATE DATABASE IF NOT EXISTS columns", connection)
    engine.ask("USE columns", connection)
    {"keys": keys, "codecs": codecs}[sys.argv[2]](engine, connection, sys.argv[3])
    engine.close(connection)
    engine.shut()
