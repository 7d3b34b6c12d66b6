"""Opens an archive with DuckDB, Polars and pyarrow, and runs the queries of FORMAT.md.

Arguments: the file, FORMAT.md. The working directory has the archive as FORMAT.md's queries name it.
Prints one JSON document.
"""

import json
import re
import struct
import sys
import zlib

import duckdb
import polars
import pyarrow.parquet

COLUMNS = (
    "cluster", "hostname", "metric", "scope", "scope_id", "timestamp", "frequency", "value", "path",
)


def told(columns):
    """Rows, sums and a checksum of all rows, in the order of the file."""
    checksum, total, seconds = 0, 0.0, 0
    rows = list(zip(*columns))
    for *names, timestamp, frequency, value, path, millis in rows:
        bits = struct.unpack("<I", struct.pack("<f", value))[0]
        fields = [*names, path, str(timestamp), str(frequency), str(bits), str(millis)]
        checksum = zlib.crc32("|".join(fields).encode() + b"\n", checksum)
        total += value
        seconds += timestamp
    return {"rows": len(rows), "sum": total, "timestamps": seconds, "crc32": checksum}


def by_duckdb(path):
    names = ", ".join(COLUMNS)
    rows = duckdb.sql(
        f"SELECT {names}, epoch_ms(time) AS millis FROM read_parquet('{path}', file_row_number = true)"
        " ORDER BY file_row_number"
    ).fetchall()
    result = told(list(zip(*rows)))
    count, total = duckdb.sql(
        f"SELECT count(*), sum(value::DOUBLE) FROM read_parquet('{path}')"
    ).fetchall()[0]
    return result | {"engine_rows": count, "engine_sum": total}


def by_polars(path):
    frame = polars.read_parquet(path)
    columns = [frame[name].to_list() for name in COLUMNS]
    columns.append(frame["time"].cast(polars.Int64).to_list())
    scan = polars.scan_parquet(path)
    value = polars.col("value").cast(polars.Float64)
    count, total = scan.select(polars.len(), value.sum()).collect().row(0)
    return told(columns) | {"engine_rows": count, "engine_sum": total}


def by_pyarrow(path):
    file = pyarrow.parquet.ParquetFile(path)
    table = file.read()
    columns = [table[name].to_pylist() for name in COLUMNS]
    columns.append(table["time"].cast("int64").to_pylist())
    sorting = file.metadata.row_group(0).sorting_columns
    total = pyarrow.compute.sum(table["value"].cast("float64")).as_py()
    return told(columns) | {
        "engine_rows": file.metadata.num_rows,
        "engine_sum": total,
        "sorting_columns": [file.schema.column(one.column_index).name for one in sorting],
        "time_type": str(table.schema.field("time").type),
    }


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def main():
    path, page = sys.argv[1:]
    with open(page, encoding="utf-8") as file:
        text = file.read()
    queries = [
        duckdb.sql(f"SELECT COLUMNS(*)::VARCHAR FROM ({query.strip().rstrip(';')})").fetchall()
        for query in blocks(text, "sql")
    ]
    variables = {}
    for block in blocks(text, "python"):
        exec(block, variables)
    frames = {name: variables[name].height for name in ("day", "hourly")}
    engines = {"duckdb": by_duckdb(path), "polars": by_polars(path), "pyarrow": by_pyarrow(path)}
    print(json.dumps({"engines": engines, "queries": queries, "frames": frames}))


main()
