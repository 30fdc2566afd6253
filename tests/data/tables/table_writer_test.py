"""Copies of tables with new columns at the right."""

import codecs
import csv
import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlunits.data.tables import csv_rows
from dlunits.data.tables.csv_dialect import DELIMITERS
from dlunits.data.tables.table_files import TableFile, open_table
from dlunits.data.tables.table_writer import check_new_columns, write_scored

CELL = st.text("aZ09 äößñ,;|\t\"'\n\r.-=", max_size=6)


def test_formulas_are_escaped_on_demand_and_numbers_are_not(tmp_path):
    path, output = tmp_path / "new.csv", tmp_path / "scored.csv"
    path.write_text("@a,b\n=1+1,-1.5\n+x,+3\n-cmd,-1e-5\nx,-2+cmd()\n")
    write_scored(open_table(path), output, number_rows, escape_formulas=True)
    assert output.read_text() == (
        "'@a,b,row\n'=1+1,-1.5,0\n'+x,+3,1\n'-cmd,-1e-5,2\nx,'-2+cmd(),3\n"
    )
    write_scored(open_table(path), output, number_rows)
    assert output.read_text().startswith("@a,b,row\n=1+1,-1.5,0\n")


def number_rows(chunk):
    first = chunk.first_row
    return {"row": np.arange(first, first + chunk.table.num_rows)}


def in_chunks_of(monkeypatch, rows):
    chunks = TableFile.chunks
    monkeypatch.setattr(TableFile, "chunks", lambda file: chunks(file, rows))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("scored")


@settings(deadline=None, max_examples=50)
@given(
    rows=st.integers(1, 4).flatmap(
        lambda width: st.lists(
            st.tuples(st.just("x"), *[CELL] * width), min_size=1, max_size=6
        )
    ),
    delimiter=st.sampled_from(DELIMITERS),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
    newline=st.sampled_from(["\n", "\r\n"]),
    suffix=st.sampled_from([".csv", ".tsv", ".parquet"]),
)
def test_any_table_keeps_cells_rows_and_order(
    folder, rows, delimiter, encoding, newline, suffix
):
    if newline == "\n":  # then Python puts no quotes around a "\r"
        rows = [tuple(cell.replace("\r", "") for cell in row) for row in rows]
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=newline)
    header = [f'"ä" {i}' for i in range(len(rows[0]))]
    rows = [*rows, *[tuple("1" for _ in header)] * 5]
    writer.writerows([header, *rows])
    path, output = folder / "new.csv", folder / f"scored{suffix}"
    path.write_bytes(text.getvalue().encode(encoding))

    table = open_table(path, header_rows=1)
    assert write_scored(table, output, number_rows) == len(rows)

    if suffix == ".parquet":
        table = pq.read_table(output)
        names = table.column_names
        found = [tuple(row.values()) for row in table.to_pylist()]
        rows = [(*row, i) for i, row in enumerate(rows)]
    else:
        with output.open(encoding="utf-8-sig", newline="") as lines:
            mark = "\t" if suffix == ".tsv" else delimiter
            names, *found = map(list, csv.reader(lines, delimiter=mark))
        rows = [[*row, str(i)] for i, row in enumerate(rows)]
    assert names == [*header, "row"]
    assert found == rows


def test_a_csv_file_is_written_in_the_dialect_of_the_one_that_is_read(tmp_path):
    path, output = tmp_path / "new.csv", tmp_path / "scored.csv"
    path.write_bytes("a;b\r\n1,5;é;\r\n".replace("é;", '"é;"').encode("cp1252"))
    new = {
        "score": np.array([0.25]),
        "small": np.array([1e-20]),
        "found": np.array([True]),
        "seen": np.array(["a;b"], object),
        "none": np.array([None], object),
        "nan": np.array([np.nan], "float32"),
    }

    write_scored(open_table(path), output, lambda chunk: new)

    assert (
        output.read_bytes()
        == codecs.BOM_UTF8
        + (
            "a;b;score;small;found;seen;none;nan\r\n"
            '1,5;"é;";0,25;1e-20;true;"a;b";;\r\n'
        ).encode()
    )


def test_cells_are_quoted_only_where_necessary(tmp_path):
    path, output = tmp_path / "new.csv", tmp_path / "scored.csv"
    path.write_text('a,b\n007,"x"\n"",1e3\n')
    write_scored(open_table(path), output, number_rows)
    assert output.read_text() == "a,b,row\n007,x,0\n,1e3,1\n"


def test_parquet_keeps_types_and_missing_values(tmp_path, monkeypatch):
    path, output = tmp_path / "new.parquet", tmp_path / "scored.parquet"
    table = pa.table(
        {
            "a": pa.array([1, None, 3], pa.int16()),
            "b": ["", None, "x"],
            "c": pa.array(["u", None, "v"]).dictionary_encode(),
            "d": [[1], None, []],
        }
    )
    pq.write_table(table, path)
    in_chunks_of(monkeypatch, 2)

    assert write_scored(open_table(path), output, number_rows) == 3

    scored = pq.read_table(output)
    assert scored.drop_columns("row").to_pylist() == table.to_pylist()
    assert scored.drop_columns("row").schema.equals(table.schema)
    assert scored["row"].to_pylist() == [0, 1, 2]


def test_metadata_are_added_after_the_last_row_and_those_of_spark_are_not(
    tmp_path,
):
    path, output = tmp_path / "new.parquet", tmp_path / "scored.parquet"
    spark = {"org.apache.spark.sql.parquet.row.metadata": "the columns"}
    table = pa.table({"a": [1, 2]}).replace_schema_metadata(spark)
    pq.write_table(table, path)
    seen = []

    def score(chunk):
        seen.extend(chunk.table["a"].to_pylist())
        return number_rows(chunk)

    write_scored(
        open_table(path), output, score, metadata=lambda: {"rows": str(seen)}
    )
    metadata = pq.read_metadata(output).metadata
    metadata.pop(b"ARROW:schema")
    assert metadata == {b"rows": b"[1, 2]"}


def test_timestamps_keep_their_96_bits(tmp_path):
    path, output = tmp_path / "new.parquet", tmp_path / "scored.parquet"
    times = np.array(["2024-01-02T03:04:05.678901"], "datetime64[us]")
    table = pa.table({"time": times})
    for int96 in (True, False):
        pq.write_table(table, path, use_deprecated_int96_timestamps=int96)
        write_scored(open_table(path), output, number_rows)
        found = pq.ParquetFile(output)
        kind = found.schema.column(0).physical_type
        assert kind == ("INT96" if int96 else "INT64")
        assert found.read()["time"].cast("timestamp[us]").to_pylist() == (
            times.tolist()
        )


def test_parquet_becomes_csv(tmp_path):
    path, output = tmp_path / "new.parquet", tmp_path / "scored.csv"
    columns = {
        "a": [1, None],
        "b": [0.5, 1.0],
        "c": [True, None],
        "d": ["x", ","],
    }
    pq.write_table(pa.table(columns), path)
    write_scored(open_table(path), output, number_rows)
    assert output.read_text() == ('a,b,c,d,row\n1,0.5,true,x,0\n,1,,",",1\n')


def test_lists_of_parquet_cannot_become_csv(tmp_path):
    path, output = tmp_path / "new.parquet", tmp_path / "scored.csv"
    pq.write_table(pa.table({"a": [[1]]}), path)
    with pytest.raises(ValueError, match=r"column 'a' holds list.*\.parquet"):
        write_scored(open_table(path), output, number_rows)
    assert not output.exists()


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("old", [None, b"old"])
def test_a_failure_keeps_the_old_file_and_leaves_no_partial_one(
    tmp_path, monkeypatch, suffix, old
):
    path, output = tmp_path / "new.csv", tmp_path / f"scored{suffix}"
    path.write_text("a,b\n1,2\n3,4\n5,6\n7\n")
    in_chunks_of(monkeypatch, 1)
    monkeypatch.setattr(csv_rows, "BLOCK", 8)  # bytes: two rows
    if old:
        output.write_bytes(old)

    def fail_late(chunk):
        if chunk.first_row == 2:
            raise ValueError("no score")
        return number_rows(chunk)

    for score, message in ((fail_late, "no score"), (number_rows, "line 5")):
        with pytest.raises(ValueError, match=message):
            write_scored(open_table(path), output, score)
        left = {"new.csv", output.name} if old else {"new.csv"}
        assert {file.name for file in tmp_path.iterdir()} == left
    assert old is None or output.read_bytes() == old


def test_invalid_outputs_are_rejected(tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("a,row\n1,2\n")
    file = open_table(path)
    scores = {"score": np.zeros(2)}
    for output, score, message in (
        ("scored.csv", number_rows, "new.csv: already has a column 'row'"),
        (
            "scored.xlsx",
            number_rows,
            r"must be one of .csv, .txt, .tsv, .parquet",
        ),
        ("new.csv", number_rows, "is the table that is read"),
        ("scored.csv", lambda chunk: scores, r"shape \(1,\). Received: \(2,\)"),
    ):
        with pytest.raises(ValueError, match=message):
            write_scored(file, tmp_path / output, score)
    with pytest.raises(ValueError, match="already has a column 'a'"):
        check_new_columns(file, ["a", "b"])
    with pytest.raises(OSError, match="could not write this file"):
        write_scored(file, tmp_path / "none" / "a.csv", number_rows)
