"""How long a point query takes in DuckDB: one metric of one host for a day, from an archive of ours and
from the same rows in the layout of the Go store.

    python archiver/benches/point_query.py FILE [--go FILE] [--rounds N]

FILE is one of ours. Needs duckdb and pyarrow; `cargo test -p archiver` has made an environment that has
both, `archive-engines` in the `tmp` of the target directory.

There is no Go store here: its layout is written by pyarrow, with what its own files have (see
`archiver/tests/data/full`). A row group for each host; in it rows as they stand in the tree, level by level,
in each the metrics by name; eight columns; zstd; data pages of version 2 and 256 KiB; strings
DELTA_LENGTH_BYTE_ARRAY, numbers PLAIN, no dictionary; statistics and a page index. With --go it is kept.

Each query is asked in three ways: "cold", its rows on a connection that has just been made; "warm", the same on
one that has answered before, as a notebook or a service has it; "counted", warm, and how many rows there are
and their sum, so that what the engine reads is not hidden behind sorting rows and making Python's objects of
them, which take as long whatever the file. One thread, no cache of files; the two files are asked in turns,
and what is told are medians. Prints one JSON document.
"""

import argparse
import json
import os
import statistics
import tempfile
import time

import duckdb
import pyarrow
import pyarrow.compute
import pyarrow.parquet as parquet

TEXTS = ("cluster", "hostname", "metric", "scope", "scope_id")
NUMBERS = ("timestamp", "frequency", "value")
PAGE_BYTES = 256 << 10


def write_in_go_layout(source, target):
    """The rows of one of our files, host by host."""
    read = parquet.ParquetFile(source)
    schema = pyarrow.schema(
        [pyarrow.field(name, pyarrow.string(), nullable=False) for name in TEXTS]
        + [
            pyarrow.field("timestamp", pyarrow.int64(), nullable=False),
            pyarrow.field("frequency", pyarrow.int64(), nullable=False),
            pyarrow.field("value", pyarrow.float32(), nullable=False),
        ]
    )
    writer = parquet.ParquetWriter(
        target,
        schema,
        compression="zstd",
        compression_level=3,
        use_dictionary=False,
        column_encoding={name: "DELTA_LENGTH_BYTE_ARRAY" for name in TEXTS}
        | {name: "PLAIN" for name in NUMBERS},
        data_page_version="2.0",
        data_page_size=PAGE_BYTES,
        write_page_index=True,
    )
    with writer:
        for host in hosts_of(read):
            host = host.sort_by([("path", "ascending"), ("metric", "ascending"), ("timestamp", "ascending")])
            host = host.select(TEXTS + NUMBERS).cast(schema)
            writer.write_table(host, row_group_size=len(host))


def hosts_of(read):
    """The tables of the hosts, one after the other: a host's rows adjoin."""
    waiting = None
    for number in range(read.num_row_groups):
        table = read.read_row_group(number)
        if waiting is not None:
            table = pyarrow.concat_tables([waiting, table])
        ends = pyarrow.compute.run_end_encode(table["hostname"].combine_chunks()).run_ends.to_pylist()
        begin = 0
        for end in ends[:-1]:
            yield table.slice(begin, end - begin)
            begin = end
        waiting = table.slice(begin)
    yield waiting


def questions(path):
    """A metric of the host itself, and one of a device; and both again without a word about scope, which asks for the
    same rows of the first, and for those of all devices of the second. Of hosts in several places."""
    connection = duckdb.connect()
    rows = connection.execute(
        "SELECT hostname, metric, scope, min(scope_id), count(DISTINCT path), min(timestamp)"
        f" FROM read_parquet('{path}') GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    connection.close()
    hosts = sorted({row[0] for row in rows})
    begin = min(row[5] for row in rows)
    asked = []
    for host in (hosts[len(hosts) // 3], hosts[-1]):
        for scope in ("node", "hwthread"):
            of_scope = [row for row in rows if row[0] == host and row[2] == scope]
            host, metric, scope, scope_id, _, _ = of_scope[len(of_scope) // 2]
            where = f"hostname = '{host}' AND metric = '{metric}'"
            where += f" AND timestamp >= {begin} AND timestamp < {begin + 86400}"
            asked.append(f"{where} AND scope = '{scope}' AND scope_id = '{scope_id}'")
            asked.append(where)
    return asked


def connect():
    """A connection that knows nothing."""
    return duckdb.connect(config={"threads": 1, "enable_external_file_cache": False})


WARM = connect()

# How a query is asked: what is selected, how it is sorted, and on which connection.
WAYS = {
    "cold": ("timestamp, value", " ORDER BY timestamp, value", None),
    "warm": ("timestamp, value", " ORDER BY timestamp, value", WARM),
    "counted": ("count(*), sum(value::DOUBLE)", "", WARM),
}


def ask(path, where, way):
    """The answer, CPU and wall time of a query."""
    selected, order, kept = WAYS[way]
    connection = connect() if kept is None else kept
    cpu, wall = time.process_time(), time.perf_counter()
    answer = connection.execute(
        f"SELECT {selected} FROM read_parquet('{path}') WHERE {where}{order}"
    ).fetchall()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    if kept is None:
        connection.close()
    return answer, cpu, wall


def compare(ours, theirs, where, way, rounds):
    taken = {ours: [], theirs: []}
    for _ in range(rounds):
        for path, times in taken.items():
            times.append(ask(path, where, way)[1:])
    medians = [
        [statistics.median(one[unit] for one in taken[path]) for unit in (0, 1)]
        for path in (ours, theirs)
    ]
    (our_cpu, our_wall), (their_cpu, their_wall) = medians
    return {
        "cpu_ms": [round(1e3 * our_cpu, 2), round(1e3 * their_cpu, 2)],
        "wall_ms": [round(1e3 * our_wall, 2), round(1e3 * their_wall, 2)],
        "cpu_ratio": round(their_cpu / our_cpu, 2),
        "wall_ratio": round(their_wall / our_wall, 2),
    }


def compare_all(ours, theirs, where, rounds):
    answers = [ask(path, where, "cold")[0] for path in (ours, theirs)]
    if answers[0] != answers[1]:
        raise SystemExit(f"different answers: {where}")
    told = {"query": where, "rows": len(answers[0])}
    return told | {way: compare(ours, theirs, where, way, rounds) for way in WAYS}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--go")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        go = options.go or os.path.join(folder, "go.parquet")
        if not os.path.exists(go):
            # A file that was not finished is none.
            write_in_go_layout(options.file, go + ".tmp")
            os.replace(go + ".tmp", go)
        rows = parquet.read_metadata(options.file).num_rows
        told = {
            "rows": rows,
            "bytes_per_row": [os.path.getsize(path) / rows for path in (options.file, go)],
            "queries": [
                compare_all(options.file, go, where, options.rounds)
                for where in questions(options.file)
            ],
        }
    print(json.dumps(told, indent=1))


main()
