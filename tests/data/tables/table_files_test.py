"""Valid and damaged table files."""

import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dlunits.data.tables import csv_rows, table_files
from dlunits.data.tables.table_files import open_table


def cells_of(file, rows=None):
    chunks = list(file.chunks(rows))
    return pa.concat_tables(chunk.table for chunk in chunks).to_pydict()


def parquet(path, columns, **options):
    pq.write_table(pa.table(columns), path, **options)
    return path


def test_text_of_csv_is_unchanged(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a, b ,\n007,1e3,NA\n, x ,null\n")

    file = open_table(path)

    assert (file.format, file.columns) == ("csv", ("a", "b", "unnamed_3"))
    assert cells_of(file) == {
        "a": ["007", ""],
        "b": ["1e3", " x "],
        "unnamed_3": ["NA", "null"],
    }


def test_parquet_is_detected_by_its_bytes_and_keeps_its_types(tmp_path):
    columns = {"a": [1, None], "b": ["x", None], "c": [True, False]}
    file = open_table(parquet(tmp_path / "table.csv", columns))
    assert (file.format, file.max_rows) == ("parquet", 2)
    assert cells_of(file) == columns


@pytest.mark.parametrize("rows", [1, 3, 4, 10, None])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_chunks_hold_all_rows_in_order_with_their_places(tmp_path, rows, kind):
    path = tmp_path / "table"
    values = [str(i) for i in range(10)]
    if kind == "csv":
        path.write_text("a,b\n" + "".join(f"{v},x\n" for v in values))
    else:
        parquet(path, {"a": values, "b": ["x"] * 10}, row_group_size=3)

    chunks = list(open_table(path).chunks(rows))

    assert [v for c in chunks for v in c.table["a"].to_pylist()] == values
    for chunk in chunks:
        assert chunk.table["a"][0].as_py() == str(chunk.first_row)
        assert rows is None or chunk.table.num_rows <= rows
    line = "line 11" if kind == "csv" else "row 10"
    last = chunks[-1]
    assert last.place(last.table.num_rows - 1, "a").endswith(
        f"table, {line}, column 'a'"
    )


def test_chunks_of_long_rows_have_fewer_rows(tmp_path, monkeypatch):
    path = tmp_path / "table"
    path.write_text("a,b\n" + f"{'x' * 1000},y\n" * 20)
    monkeypatch.setattr(csv_rows, "BLOCK", 1500)
    monkeypatch.setattr(table_files, "CHUNK_BYTES", 5000)
    chunks = [chunk.table for chunk in open_table(path).chunks()]
    assert max(table.nbytes for table in chunks) < 5000 + 2 * 1500
    assert sum(table.num_rows for table in chunks) == 20


def test_gzip_is_read_as_its_content(tmp_path):
    path = tmp_path / "table.csv.gz"
    path.write_bytes(gzip.compress(b"a;b\n1;2\n"))
    assert cells_of(open_table(path)) == {"a": ["1"], "b": ["2"]}


def test_categories_of_parquet_join_over_row_groups(tmp_path):
    path = tmp_path / "table.parquet"
    with pq.ParquetWriter(
        path, pa.schema({"a": pa.dictionary(pa.int32(), pa.string())})
    ) as writer:
        for values in (["x", "y"], ["y", "z"]):
            column = pa.array(values).dictionary_encode()
            writer.write_table(pa.table({"a": column}))
    assert cells_of(open_table(path)) == {"a": ["x", "y", "y", "z"]}


def test_ten_thousand_columns_are_read(tmp_path):
    path = tmp_path / "table.csv"
    names = [f"column {i}" for i in range(10_000)]
    path.write_text(f"{','.join(names)}\n{'1.5,' * 9_999}2\n" * 1)
    file = open_table(path)
    assert file.columns == tuple(names)
    assert cells_of(file)["column 9999"] == ["2"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "table: is empty"),
        (b"a,b", "table: contains column names but no row"),
        (b"a,b\n\n\n", "table: contains column names but no row"),
        (b"a,b,a\n1,2,3\n", "line 1: columns 1 and 3 are both named 'a'"),
        (b"\na,unnamed_1,\n1,2,3\n", None),
        (b"1.5,2\n3,4\n", "line 1: looks like a row .* no name, but '1.5'"),
        (b"1\n3\n", "line 1: looks like a row .* no name, but '1'\\."),
        (b"0,1,2\n5,6,7\n", None),  # as pandas numbers columns
        (b",0,1,2\n0,5,6,7\n", None),
        (
            b"PK\x03\x04...",
            "an Excel workbook or a zip archive: save it as CSV",
        ),
        (b'{"a": 1}', "table: is JSON: save it as CSV or Parquet"),
        (b"PAR1...", "table: is a damaged Parquet file, perhaps truncated"),
        (
            gzip.compress(b"a,b\n1,2\n" * 99, mtime=0)[:-12],
            "table: is damaged",
        ),
        (b"a,b\n1,2\n3\n", "line 3: expected 2 cells"),
    ],
)
def test_a_bad_file_is_rejected_in_one_line(tmp_path, content, message):
    path = tmp_path / "table"
    path.write_bytes(content)
    if message is None:
        assert cells_of(open_table(path))
        return
    with pytest.raises(ValueError, match=message) as error:
        cells_of(open_table(path))
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("part", ["footer", "pages"])
def test_a_damaged_parquet_file_is_rejected(tmp_path, part):
    path = parquet(tmp_path / "table", {"a": list(range(1000))})
    content = path.read_bytes()
    broken = {"footer": content[:-9], "pages": b"PAR1" + b"\0" * 400}
    if part == "pages":
        broken["pages"] += content[404:]
    path.write_bytes(broken[part])
    with pytest.raises(ValueError, match="table: is a damaged Parquet file"):
        cells_of(open_table(path))


def test_a_parquet_file_without_columns_is_rejected(tmp_path):
    path = parquet(tmp_path / "table", {})
    with pytest.raises(ValueError, match=r"table: has no columns\. Expected"):
        open_table(path)


def test_paths_without_a_file_are_rejected(tmp_path):
    with pytest.raises(ValueError, match="is a folder"):
        open_table(tmp_path)
    with pytest.raises(ValueError, match=r"none.csv: no such file"):
        open_table(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delimiter": ";;"}, "must be one character"),
        ({"decimal": "x"}, "must be '.' or ','"),
        ({"delimiter": ",", "decimal": ","}, "both delimiter and decimal"),
    ],
)
def test_options_are_checked(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        open_table(tmp_path / "table.csv", **options)


def test_rows_after_a_preamble_keep_their_line_numbers(tmp_path):
    path = tmp_path / "trends.csv"
    path.write_text('"all\ncategories"\n\nMonth,gym\n2004-01,49\n2004-02,x\n')
    file = open_table(path)
    assert file.messages == [
        f"{path}: skipped 3 lines before the header: 'all\\ncategories'"
    ]
    [chunk] = file.chunks()
    assert chunk.table.to_pydict() == {
        "Month": ["2004-01", "2004-02"],
        "gym": ["49", "x"],
    }
    assert chunk.place(1, "gym") == f"{path}, line 6, column 'gym'"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_rows_without_header_and_before_a_footer_keep_their_lines(
    tmp_path, encoding
):
    path = tmp_path / "table.csv"
    path.write_text("\n1,5,x\n2,6,y\n\nSource: shop\n", encoding)
    file = open_table(path, header=False)
    assert file.columns == ("unnamed_1", "unnamed_2", "unnamed_3")
    assert file.max_rows == 2
    assert file.messages == [
        f"{path}: skipped remarks after the rows: 'Source: shop'",
        f"{path}: columns without a name in the header: 'unnamed_1', "
        "'unnamed_2', 'unnamed_3'",
    ]
    [chunk] = file.chunks()
    assert chunk.table.to_pydict() == {
        "unnamed_1": ["1", "2"],
        "unnamed_2": ["5", "6"],
        "unnamed_3": ["x", "y"],
    }
    assert chunk.place(1, "unnamed_1").startswith(f"{path}, line 3,")


def test_names_of_rows_and_a_delimiter_at_the_end_need_no_name(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a,b\nr1,1,2\nr2,3,4\n")
    assert cells_of(open_table(path))["unnamed_1"] == ["r1", "r2"]
    path.write_text("a,b\n1,2,\n3,4,\n")
    assert cells_of(open_table(path))["unnamed_3"] == ["", ""]


def test_columns_of_dates_and_times_are_joined_to_one(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("Date,x,Time,\n2024-01-31,1,14:05,\n2024-02-01,2,,\n")
    table = open_table(path)
    joined = table.with_timestamps("Date, Time")
    assert joined.columns == ("Date", "x", "Time", "unnamed_4", "Date, Time")
    (chunk,) = joined.chunks()
    assert chunk.table.column("Date, Time").to_pylist() == [
        "2024-01-31 14:05",
        "2024-02-01 ?",
    ]
    assert joined.messages == table.messages
    assert joined.with_timestamps("Date, Time") is joined
    assert table.with_timestamps("Date") is table
    with pytest.raises(ValueError, match="column 'Hour' is missing"):
        table.with_timestamps("Date,Hour")


def test_a_column_whose_name_has_a_comma_stays_as_it_is(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('"Date,Time",x\n2024-01-31 14:05,1\n')
    table = open_table(path)
    assert table.with_timestamps("Date,Time") is table


def test_rows_follow_a_header_of_several_rows(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("A title\nt,a,a\n\ns,kW,V\n0,1,2\n1,2,3\n")
    with pytest.raises(
        ValueError, match=r"line 3: looks like a second .* Give --header_rows=2"
    ):
        open_table(path)
    path.write_text("A title\nt,a,a\ns,kW,V\n0,1,2\n1,2,3\n")
    table = open_table(path, header_rows=2)
    assert table.columns == ("t s", "a kW", "a V")
    (chunk,) = table.chunks()
    assert chunk.table.column("a V").to_pylist() == ["2", "3"]
    assert table.place(1).endswith("line 5")
    with pytest.raises(ValueError, match="--noheader and --header_rows excl"):
        open_table(path, header=False, header_rows=2)
