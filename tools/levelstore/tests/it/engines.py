"""Sums archive files with DuckDB, Polars and pyarrow, by the eight columns that all of them have.

Arguments: files. Prints one JSON document: of each file and of all together what each engine says. Values
are summed in whole hundredths, downwards, so that the order in which an engine adds does not matter.
"""

import json
import sys

import duckdb
import polars
import pyarrow
import pyarrow.compute as compute
import pyarrow.parquet

NAMES = ("cluster", "hostname", "metric", "scope", "scope_id")


def by_duckdb(paths):
    names = ", ".join(NAMES)
    hundredths = "sum(floor(value::DOUBLE * 100)::BIGINT)::BIGINT"
    sums = f"count(*), sum(timestamp)::BIGINT, sum(frequency)::BIGINT, {hundredths}"
    series = f"count(DISTINCT ({names}))"
    source = f"read_parquet({list(paths)}, union_by_name = true)"
    return list(duckdb.sql(f"SELECT {sums}, {series} FROM {source}").fetchall()[0])


def by_polars(paths):
    rows = polars.concat([polars.scan_parquet(path) for path in paths], how="diagonal")
    column = polars.col
    hundredths = (column("value").cast(polars.Float64) * 100).floor().cast(polars.Int64)
    sums = rows.select(polars.len(), column("timestamp").sum(), column("frequency").sum(), hundredths.sum())
    return [*sums.collect().row(0), rows.select(NAMES).unique().collect().height]


def by_pyarrow(paths):
    columns = [*NAMES, "timestamp", "frequency", "value"]
    rows = pyarrow.concat_tables(pyarrow.parquet.read_table(path, columns=columns) for path in paths)
    hundredths = compute.floor(compute.multiply(rows["value"].cast("float64"), 100.0)).cast("int64")
    sums = [compute.sum(one).as_py() for one in (rows["timestamp"], rows["frequency"], hundredths)]
    return [len(rows), *sums, len(rows.group_by(list(NAMES)).aggregate([]))]


def main():
    files = sys.argv[1:]
    engines = {"duckdb": by_duckdb, "polars": by_polars, "pyarrow": by_pyarrow}
    told = [
        {name: engine(paths) for name, engine in engines.items()}
        for paths in [*([file] for file in files), files]
    ]
    print(json.dumps(told))


main()
