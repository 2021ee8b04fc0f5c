"""The embedded engine as the program runs it (encrypted disk, no spills), for measuring alone.

It loads the same library as the program (INVIGIL_ENGINE) by ctypes and asks it as `store/engine/ffi.rs` does.
"""

import ctypes as c
import os
import pathlib
import resource
import sys
import time

SETTINGS = (
    "max_bytes_before_external_group_by = 0, max_bytes_before_external_sort = 0, "
    "max_bytes_before_external_join = 0, max_bytes_ratio_before_external_group_by = 0, "
    "max_bytes_ratio_before_external_sort = 0, max_bytes_ratio_before_external_join = 0, "
    "log_queries = 0, session_timezone = 'UTC', max_partitions_per_insert_block = 0, "
    "output_format_json_quote_64bit_integers = 0"
)


class Engine:
    def __init__(self, folder, memory=6 << 30):
        self.memory = memory
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        lib = c.CDLL(os.environ["INVIGIL_ENGINE"])
        self.lib = lib
        lib.chdb_connect.restype = c.POINTER(c.c_void_p)
        lib.chdb_version.restype = c.c_char_p
        lib.chdb_query_with_params_n.restype = c.c_void_p
        for name, kind in (
            ("buffer", c.c_void_p), ("length", c.c_size_t), ("error", c.c_char_p), ("elapsed", c.c_double),
            ("storage_rows_read", c.c_uint64), ("storage_bytes_read", c.c_uint64),
        ):
            function = getattr(lib, "chdb_result_" + name)
            function.restype, function.argtypes = kind, [c.c_void_p]
        lib.chdb_destroy_query_result.argtypes = [c.c_void_p]
        lib.chdb_stream_insert_n.restype = c.c_void_p
        lib.chdb_stream_append.argtypes = [c.c_void_p, c.c_char_p, c.c_size_t]
        lib.chdb_stream_done.argtypes, lib.chdb_stream_done.restype = [c.c_void_p], c.c_void_p
        lib.chdb_destroy_insert_stream.argtypes = [c.c_void_p]
        lib.chdb_set_signal_handlers_enabled(0)
        # A key for measuring; what is stored here is invented.
        config = folder / "config.xml"
        config.write_text(
            f"<clickhouse><custom_local_disks_base_directory>{folder}/</custom_local_disks_base_directory>"
            "<storage_configuration><disks>"
            f"<raw><type>local</type><path>{folder}/enc/</path></raw>"
            f"<enc><type>encrypted</type><disk>raw</disk><key_hex>{'5a' * 32}</key_hex><algorithm>AES_256_CTR</algorithm></enc>"
            "</disks><policies><enc><volumes><v><disk>enc</disk></v></volumes></enc></policies></storage_configuration>"
            "<logger><level>none</level><console>false</console></logger>"
            f"<max_server_memory_usage>{memory}</max_server_memory_usage>"
            "<memory_worker_use_cgroup>false</memory_worker_use_cgroup></clickhouse>"
        )
        self.path = f"--path={folder}"
        self.anchor = self.connect(self.path, f"--config-file={config}")
        self.ask("CREATE DATABASE IF NOT EXISTS bench")

    def connect(self, *args):
        args = (b"clickhouse", *(arg.encode() for arg in args))
        handle = self.lib.chdb_connect(len(args), (c.c_char_p * len(args))(*args))
        if not handle or not handle[0]:
            raise SystemExit("the engine does not start: is another process on this folder?")
        return handle

    def fresh(self):
        """A connection of its own, as the program makes for each request."""
        handle = self.connect(self.path)
        self.ask("CREATE DATABASE IF NOT EXISTS bench", handle)
        self.ask("USE bench", handle)
        self.ask(f"SET {SETTINGS}, join_algorithm = 'direct,parallel_hash,hash', max_memory_usage = {self.memory * 8 // 10}", handle)
        return handle

    def close(self, handle):
        self.lib.chdb_close_conn(handle)

    def shut(self):
        """Stops the engine and leaves at once: its threads do not outlive the library well."""
        self.close(self.anchor)
        sys.stdout.flush()
        os._exit(0)

    def ask(self, sql, handle=None, params=None, form="TabSeparated"):
        """The answer's text and what it cost."""
        params = params or {}
        names = [name.encode() for name in params]
        values = [str(value).encode() for value in params.values()]
        texts = lambda all: (c.c_char_p * max(len(all), 1))(*all)
        lengths = lambda all: (c.c_size_t * max(len(all), 1))(*map(len, all))
        sql, form = sql.encode(), form.encode()
        before, cpu = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
        result = self.lib.chdb_query_with_params_n(
            c.c_void_p((handle or self.anchor)[0]), sql, c.c_size_t(len(sql)), form, c.c_size_t(len(form)),
            texts(names), lengths(names), texts(values), lengths(values), c.c_size_t(len(names)))
        cost = Cost(time.perf_counter() - before, cpu)
        error = self.lib.chdb_result_error(result)
        if error:
            raise RuntimeError(error.decode(errors="replace")[:600] + "\n" + sql.decode()[:300])
        length = self.lib.chdb_result_length(result)
        text = c.string_at(self.lib.chdb_result_buffer(result), length).decode(errors="replace") if length else ""
        cost.rows = self.lib.chdb_result_storage_rows_read(result)
        cost.bytes = self.lib.chdb_result_storage_bytes_read(result)
        self.lib.chdb_destroy_query_result(result)
        return text, cost

    def insert(self, sql, form, pieces, handle):
        """An insert whose bytes come in pieces, as the program makes one."""
        sql, form = sql.encode(), form.encode()
        before, cpu = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
        stream = self.lib.chdb_stream_insert_n(c.c_void_p(handle[0]), sql, c.c_size_t(len(sql)), form, c.c_size_t(len(form)))
        for piece in pieces:
            self.lib.chdb_stream_append(stream, piece, len(piece))
        result = self.lib.chdb_stream_done(stream)
        error = self.lib.chdb_result_error(result) if result else None
        if error:
            raise RuntimeError(error.decode(errors="replace")[:600])
        self.lib.chdb_destroy_insert_stream(stream)
        return Cost(time.perf_counter() - before, cpu)


class Cost:
    """Wall and CPU seconds; rows and bytes read."""

    def __init__(self, wall, before):
        after = resource.getrusage(resource.RUSAGE_SELF)
        self.wall = wall
        self.user = after.ru_utime - before.ru_utime
        self.system = after.ru_stime - before.ru_stime
        self.rows = self.bytes = 0

    def __str__(self):
        return f"{self.wall:.3f} s, user {self.user:.3f} s, system {self.system:.3f} s, {self.rows} rows, {self.bytes} bytes"
