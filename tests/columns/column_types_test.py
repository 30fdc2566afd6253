"""Column types inferred from all values."""

import csv
import datetime
import importlib.util

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlunits.columns import infer_column_types, parse_column_types
from dlunits.data.tables.table_files import TableFile, open_table


def type_of(values):
    types, reasons = infer_column_types(
        pa.table({"a": values, "other": ["x"] * len(values)})
    )
    return types["a"], reasons.get("a")


@pytest.mark.parametrize(
    ("values", "column_type"),
    [
        (["1", "2.5", "NA", ""], "number"),
        (["1", "0", "1", "0"], "number"),
        (["5", "5", "5"], "number"),  # constant
        (["yes", "No", "", "YES"], "boolean"),
        (["t", "f"], "boolean"),
        (["yes", "yes"], "category"),  # "no" would be new
        (["yes", "true"], "category"),
        (["yes", "no", "perhaps"], "category"),
        (["2024-01-31", "", "31.1.2024 14:05"], "timestamp"),
        (["1/2/2024", "1/31/2024"], "timestamp"),
        (["1/2/2024", "31/1/2024"], "timestamp_day_first"),
        (["1/31/2024", "31/1/2024"], "category"),
        (["1", "x"], "category"),
        ([*map(str, range(0, 38, 2)), "ERR"], "number"),
        (["ERR", *map(str, range(0, 38, 2))], "number"),
        ([*map(str, range(0, 34, 2)), "ERR"], "category"),  # 6 %
        ([*map(str, range(0, 38, 2)), "inf"], "number"),
        (["57%", "5.5%", "7 %"], "number [%]"),
        (["30 kW", "1,500 kW", "NA"], "number [kW]"),
        (["30 kW", "1 MW"], "category"),
        (["$1,500", "$20"], "number [$]"),
        (["1,500", "20"], "number"),
        (["12:30", "13:40"], "category"),
        (["10.0.0.1", "10.0.0.2"], "category"),
        ([*["2024-01-31"] * 19, "Total"], "timestamp"),
        (["1949-01", "1949-12"], "timestamp"),
        (["01-Apr-2023", "2-May-2023"], "timestamp"),
        (["Sat, 1 Apr 2023 14:05:00 +0200"], "timestamp"),
        (["25/08/12", "26/08/12"], "timestamp_day_first"),
        (["mar", "apr"], "category"),
        (["may be", "march on"], "category"),
        (["1", "2024-01-31"], "category"),
        (["2024-01-31", "1"], "category"),
        ([1, None], "number"),
        ([True, True], "boolean"),
        ([datetime.date(2024, 1, 31), None], "timestamp"),
        (pa.array(["x", "y"]).dictionary_encode(), "category"),
    ],
)
def test_types_are_inferred_from_all_values(values, column_type):
    assert type_of(values) == (column_type, None)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (["", "NA", "?"], "holds no value"),
        ([None, None], "holds no value"),
        ([float("nan"), None], "holds no value"),
        ([f"order {i}" for i in range(100)], "has 100 different texts in 100"),
        ([str(i) for i in range(7, 27)], "counts the rows"),
        (list(range(20)), "counts the rows"),
        ([[1], [2]], "holds lists"),
    ],
)
def test_unusable_columns_are_ignored_with_the_reason(values, reason):
    column_type, why = type_of(values)
    assert column_type == "ignored"
    assert why.startswith(reason)


def test_few_different_texts_are_categories_in_a_table_of_any_length():
    assert type_of([f"pump {i}" for i in range(20)]) == ("category", None)


def test_a_later_chunk_can_change_the_type(tmp_path, monkeypatch):
    path = tmp_path / "table.csv"
    rows = ["1,1,yes,1", "2,2,no,2", "3,x,no,3", "4,5,2,2024-01-01"]
    path.write_text("a,b,c,d\n" + "\n".join(rows))
    chunks = TableFile.chunks
    monkeypatch.setattr(TableFile, "chunks", lambda file: chunks(file, 1))
    assert infer_column_types(open_table(path))[0] == {
        "a": "number",
        "b": "category",
        "c": "category",
        "d": "category",
    }


def test_numbers_that_restart_are_not_row_numbers(tmp_path, monkeypatch):
    path = tmp_path / "table.csv"
    path.write_text("a\n" + "\n".join(str(i % 6) for i in range(12)))
    chunks = TableFile.chunks
    monkeypatch.setattr(TableFile, "chunks", lambda file: chunks(file, 6))
    assert infer_column_types(open_table(path))[0] == {"a": "number"}


def test_text_of_parquet_is_not_a_number(tmp_path):
    path = tmp_path / "table.parquet"
    pq.write_table(pa.table({"zip": ["01234"], "on": [True]}), path)
    assert infer_column_types(open_table(path))[0]["zip"] == "category"


def test_overrides_replace_inferred_types():
    table = pa.table({"code": ["1", "2"], "b": ["1", "2"], "label": ["0", "1"]})
    types, reasons = infer_column_types(
        table, {"code": "category", "b": "ignored"}, label_column="label"
    )
    assert types == {"code": "category", "b": "ignored", "label": "ignored"}
    assert reasons == {"b": "as requested", "label": "is the label"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"overrides": {"z": "number"}}, "column 'z' is missing"),
        ({"label_column": "B"}, "column 'B' is missing. Did you mean 'b'"),
        ({"overrides": {"a": "numeric"}}, "must be one of number, .*'numeric'"),
        ({"overrides": {"b": "number"}}, "line 3, column 'b': .* found 'x'"),
        (
            {"overrides": {"a": "number", "b": "category"}},
            "line 4, column 'a': .* finite .* found 'inf'",
        ),
        (
            {"overrides": dict.fromkeys("ab", "ignored")},
            "all columns are ignored",
        ),
    ],
)
def test_errors_are_one_line(tmp_path, options, message):
    path = tmp_path / "table.csv"
    path.write_text("a,b\n1,2\n2,x\ninf,y\n")
    with pytest.raises(ValueError, match=message) as error:
        infer_column_types(open_table(path), **options)
    assert "\n" not in str(error.value)


def test_inf_among_texts_is_a_category():
    assert type_of(["inf", "x"]) == ("category", None)


CELLS = st.sampled_from(
    ["1", "2.5", "yes", "no", "", "x", "2024-01-31", "7/8/2024"]
)


@settings(deadline=None, max_examples=50)
@given(
    columns=st.lists(
        st.lists(CELLS, min_size=4, max_size=4), min_size=2, max_size=5
    ),
    random=st.randoms(use_true_random=False),
)
def test_types_do_not_depend_on_the_order_of_the_columns(columns, random):
    table = {f"c{i}": cells for i, cells in enumerate(columns)}
    table["always"] = ["1", "2", "3", "x"]
    names = list(table)
    random.shuffle(names)
    types, reasons = infer_column_types(pa.table(table))
    assert infer_column_types(
        pa.table({name: table[name] for name in names})
    ) == (
        types,
        reasons,
    )


TEXTS = st.sampled_from(
    ["0", "1", "2", "3", "1,5", "2.5", "yes", "no", "", "NA", "null", "nan"]
)
MORE_TEXTS = st.sampled_from(
    [" x ", "x", "2024-01-31", "7/8/2024", "31/8/2024", None]
)


@settings(deadline=None, max_examples=100)
@given(
    columns=st.lists(
        st.lists(TEXTS | MORE_TEXTS, min_size=12, max_size=12),
        min_size=1,
        max_size=4,
    ),
    decimal=st.sampled_from([".", ","]),
)
def test_a_data_frame_of_texts_has_the_types_of_the_csv_file(
    columns, decimal, tmp_path_factory
):
    table = {f"c{i}": cells for i, cells in enumerate(columns)}
    table["always"] = ["1", "x"] * 6
    path = tmp_path_factory.getbasetemp() / "same.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(table)
        writer.writerows(
            ["" if cell is None else cell for cell in row]
            for row in zip(*table.values(), strict=True)
        )
    expected = infer_column_types(
        open_table(path, delimiter=";", decimal=decimal)
    )
    frames = [table, pa.table(table)]
    for name in ("pandas", "polars"):
        if importlib.util.find_spec(name):
            frames.append(importlib.import_module(name).DataFrame(table))
    for frame in frames:
        assert infer_column_types(frame, decimal=decimal) == expected


def test_column_types_are_parsed_from_name_and_type():
    assert parse_column_types(["a=b=number"]) == {"a=b": "number"}
    with pytest.raises(ValueError, match=r"NAME=TYPE. Received: 'road'"):
        parse_column_types(["road"])
