"""Lists of columns."""

import json

import pyarrow as pa
import pyarrow.parquet as pq

from dlunits.columns.column_listing import example_values, list_columns
from dlunits.data.tables.table_files import open_table


def test_examples_are_the_first_values_that_are_not_missing(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a,b,c\nNA,x,\n 7 ,y,\n")
    assert example_values(open_table(path)) == {"a": "7", "b": "x", "c": ""}
    path = tmp_path / "table.parquet"
    pq.write_table(pa.table({"a": [None, 1.5], "b": [None, [1]]}), path)
    assert example_values(open_table(path)) == {"a": "1.5", "b": "[1]"}


def test_columns_are_aligned_and_shortened():
    types = {"name\n": "ignored", "speed": "number [km/h]"}
    examples = {"name\n": "x" * 40, "speed": "5 km/h"}
    assert list_columns(types, {"name\n": "is the label"}, examples) == [
        "Column    Type           Example",
        f"'name\\n'  ignored        {'x' * 27}...  is the label",
        "speed     number [km/h]  5 km/h",
    ]


def test_ignored_columns_are_all_listed_and_others_up_to_thirty():
    types = {f"x{n}": "number" for n in range(99)}
    ignored = {f"y{n}": "ignored" for n in range(99)}
    lines = list_columns(types | ignored, dict.fromkeys(ignored, "why"), {})
    assert len(lines) == 1 + 30 + 99 + 1
    assert lines[-1] == "... and 69 more columns that are used"
    assert json.dumps(lines).count("why") == 99
