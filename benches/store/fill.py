"""Fills the tables of the schema files as they are now, in another database of a folder, from those that `make.py` made.

    fill.py FOLDER DATABASE [KEY=VALUE...]

Each pair replaces a text in the statements, to try a schema that is not chosen. Printed: rows, bytes a row, seconds.
"""

import sys

from engine import Engine
from make import schema

TABLES = ["web_hits", "flows", "dns_queries", "sign_ins", "leases", "networks", "sources"]


def fill(engine, database, changes=()):
    connection = engine.fresh()
    engine.ask(f"CREATE DATABASE IF NOT EXISTS {database}", connection)
    engine.ask(f"USE {database}", connection)
    for statement in schema(TABLES):
        for old, new in changes:
            statement = statement.replace(old, new)
        engine.ask(statement, connection)
    for table in TABLES:
        if engine.ask(f"SELECT count() FROM system.tables WHERE database = 'bench' AND name = '{table}' AND total_rows > 0", connection)[0].strip() != "1":
            continue
        _, cost = engine.ask(f"INSERT INTO {database}.{table} SELECT * FROM bench.{table} SETTINGS max_insert_threads = 1, max_threads = 2, min_insert_block_size_rows = 2000000, min_insert_block_size_bytes = 0", connection)
        print(database, table, "filled:", cost, flush=True)
    print(sizes(engine), flush=True)
    engine.close(connection)


def sizes(engine):
    return engine.ask("""SELECT database, table, sum(rows) AS all, count() AS parts, round(sum(bytes_on_disk) / all, 2) AS bytes_a_row,
        round(sum(secondary_indices_compressed_bytes) / all, 2) AS of_that_skip_indexes, formatReadableSize(sum(primary_key_bytes_in_memory)) AS key_in_memory
        FROM system.parts WHERE active AND rows > 1000 AND database NOT IN ('system') GROUP BY database, table ORDER BY table, database""", form="TabSeparatedWithNames")[0]


if __name__ == "__main__":
    engine = Engine(sys.argv[1])
    if len(sys.argv) > 2:
        fill(engine, sys.argv[2], [pair.split("=", 1) for pair in sys.argv[3:]])
    else:
        print(sizes(engine))
    engine.shut()
