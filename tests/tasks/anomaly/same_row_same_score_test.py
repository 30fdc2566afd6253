"""The same row has the same score from every source of tables."""

import csv
import datetime
import importlib.util
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from dlunits.columns import read_columns
from dlunits.data.tables.table_files import open_table
from dlunits.models import AnomalyDetector
from dlunits.tasks.anomaly.serve import ServedDetector, export_detector

TYPES = {
    "speed": "number",
    "on": "boolean",
    "time": "timestamp",
    "due": "timestamp_day_first",
    "road": "category",
    "code": "category",
}
MISSING = ("", "NA", "null", "nan", " N/A ", "None", "-", None)

# A cell is a pair: its text in a file, and its value in a typed table.


def missing(value=None):
    return st.sampled_from(MISSING).map(lambda text: (text, value))


numbers = st.one_of(
    st.sampled_from([(" 1.5 ", 1.5), ("+7", 7.0), ("1e3", 1e3), (".5", 0.5)]),
    st.floats(-1e30, 1e30)
    # TensorFlow rounds subnormal float32 numbers to 0.
    .filter(lambda x: x == 0 or abs(x) >= 2.0**-126)
    .map(lambda x: (repr(x), x)),
    st.integers(-99, 99).map(lambda x: (str(x), float(x))),
    missing(),
)
booleans = st.one_of(
    st.sampled_from(["yes", "True", " t ", "Y", "1"]).map(lambda x: (x, True)),
    st.sampled_from(["no", "FALSE", "f", "n", "0"]).map(lambda x: (x, False)),
    missing(),
)


def timestamps(*formats):
    times = st.datetimes(
        datetime.datetime(1950, 1, 1), datetime.datetime(2050, 1, 1)
    ).map(lambda time: time.replace(second=0, microsecond=0))
    return st.one_of(
        st.tuples(st.sampled_from(formats), times).map(
            lambda pair: (pair[1].strftime(pair[0]), pair[1])
        ),
        missing(),
    )


roads = st.one_of(
    st.sampled_from(["dry", " dry", "\u00a0wet\t", "icy", "1,5", "Glätte"]).map(
        lambda text: (text, text)
    ),
    missing(),
)
codes = st.one_of(
    st.integers(0, 12).map(lambda code: (str(code), code)),
    st.integers(0, 12).map(lambda code: (f"{code}.0", code)),
    missing(),
)
rows = st.lists(
    st.fixed_dictionaries(
        {
            "speed": numbers,
            "on": booleans,
            "time": timestamps("%Y-%m-%d %H:%M", "%m/%d/%Y %I:%M %p"),
            "due": timestamps("%d/%m/%Y %H:%M", "%d.%m.%Y %H:%M"),
            "road": roads,
            "code": codes,
        }
    ),
    min_size=1,
    max_size=6,
)


@pytest.fixture(scope="module")
def detector():
    """Fitted to few rows, for speed: the scores need not be good."""
    rng = np.random.default_rng(0)
    texts = {
        "speed": rng.choice(["1.5", "2", "NA"], 40),
        "on": rng.choice(["yes", "no"], 40),
        "time": rng.choice(["2024-01-31", "2024-02-29 12:00"], 40),
        "due": rng.choice(["31/1/2024", "null", "1/2/2024"], 40),
        "road": rng.choice(["dry", "wet", "None"], 40),
        "code": rng.choice(["7", "8"], 40),
    }
    detector = AnomalyDetector(num_folds=2)
    return detector.fit(texts, TYPES)


@pytest.fixture(scope="module")
def version(detector, tmp_path_factory):
    return export_detector(
        detector,
        tmp_path_factory.mktemp("models") / "pump",
        data="texts drawn at random",
        metrics={},
        command="python app.py",
    )


@pytest.fixture(scope="module")
def served(version):
    return ServedDetector(version)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tables")


def columns(rows, part):
    """Dict from name to a list of texts (part 0) or values (part 1)."""
    return {name: [row[name][part] for row in rows] for name in TYPES}


def with_decimal(texts, decimal):
    return texts | {
        "speed": [
            text and text.replace(".", decimal) for text in texts["speed"]
        ]
    }


def from_file(path, detector, decimal):
    """Scores of the only chunk of a file, as the app computes them."""
    delimiter = ";" if path.suffix == ".csv" else None
    table = open_table(path, delimiter=delimiter, decimal=decimal)
    (chunk,) = table.chunks()
    arrays = read_columns(chunk, detector.table_schema.column_types)
    return detector.score_rows(arrays), detector.explain(arrays, top=6)


def from_table(table, detector, decimal):
    return (
        detector.score_rows(table, decimal=decimal),
        detector.explain(table, top=6, decimal=decimal),
    )


def write_csv(path, texts):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(texts)
        writer.writerows(
            ["" if cell is None else cell for cell in row]
            for row in zip(*texts.values(), strict=True)
        )
    return path


def write_parquet(path, table):
    pq.write_table(table, path)
    return path


def typed_arrow(values):
    types = {
        "speed": pa.float64(),
        "on": pa.bool_(),
        "time": pa.timestamp("ms"),
        "due": pa.timestamp("s"),
        "road": pa.string(),
        "code": pa.int64(),
    }
    return pa.table(
        {name: pa.array(values[name], types[name]) for name in types}
    )


def request(texts, values):
    """JSON of a request, with the types that the signatures declare."""

    def seconds(time):
        if time is None:
            return float("nan")
        return time.replace(tzinfo=datetime.UTC).timestamp()

    def number(value):
        return float("nan") if value is None else float(value)

    return json.dumps(
        {
            "speed": [number(value) for value in values["speed"]],
            "on": [number(value) for value in values["on"]],
            "time": [seconds(value) for value in values["time"]],
            "due": [seconds(value) for value in values["due"]],
            "road": [text or "" for text in texts["road"]],
            "code": [text or "" for text in texts["code"]],
        }
    )


def from_request(body, served):
    inputs = json.loads(body)
    answers = []
    for name in ("score", "explain"):
        signature = served.model.signatures[name]
        specs = signature.structured_input_signature[1]
        outputs = signature(
            **{
                argument: tf.constant(inputs[argument], spec.dtype)
                for argument, spec in specs.items()
            }
        )
        answers.append({key: value.numpy() for key, value in outputs.items()})
    scores, why = answers
    for key in ("column", "expected", "seen"):
        # The endpoint returns three columns.
        why[key] = np.array(
            [[text.decode() for text in row] for row in why[key]], object
        )
    return scores, why


def assert_same(found, expected, source):
    scores, why = found
    for key in ("anomaly_score", "p_value"):
        np.testing.assert_allclose(
            scores[key], expected[0][key], atol=1e-5, rtol=1e-4, err_msg=source
        )
    for row in range(len(why["seen"])):
        of_column = dict(
            zip(
                expected[1]["column"][row],
                expected[1]["seen"][row],
                strict=True,
            )
        )
        for name, seen in zip(
            why["column"][row], why["seen"][row], strict=True
        ):
            assert seen == of_column[name], (source, name)


@settings(deadline=None, max_examples=40)
@given(rows=rows, decimal=st.sampled_from([".", ","]))
def test_the_same_row_has_the_same_score_from_every_source(
    rows, decimal, detector, served, folder
):
    texts = with_decimal(columns(rows, 0), decimal)
    values = columns(rows, 1)
    expected = from_file(
        write_csv(folder / "rows.csv", texts), detector, decimal
    )
    arrays = {name: np.array(cells, object) for name, cells in texts.items()}
    arrow = pa.table(
        {name: pa.array(cells, pa.string()) for name, cells in texts.items()}
    )
    typed = typed_arrow(values)
    sources = {
        "dict of texts": texts,
        "JSON, decoded": json.loads(json.dumps(texts)),
        "dict of object arrays": arrays,
        "dict of values": values,
        "pyarrow texts": arrow,
        "pyarrow values": typed,
    }
    for name in ("pandas", "polars"):
        if importlib.util.find_spec(name):
            frame = importlib.import_module(name).DataFrame
            sources[f"{name} texts"] = frame(texts)
            sources[f"{name} values"] = (
                typed.to_pandas() if name == "pandas" else frame(typed)
            )
    for source, table in sources.items():
        assert_same(from_table(table, detector, decimal), expected, source)
        assert_same(from_table(table, served, decimal), expected, source)
    for source, table in (("texts", arrow), ("values", typed)):
        path = write_parquet(folder / "rows.parquet", table)
        found = from_file(path, detector, decimal)
        assert_same(found, expected, f"Parquet, {source}")
    found = from_request(request(texts, values), served)
    assert_same(found, expected, "request to the SavedModel")


@pytest.mark.parametrize("text", [text for text in MISSING if text])
def test_a_missing_word_is_missing_and_not_an_unknown_category(text, detector):
    row = {
        "speed": ["1.5"],
        "on": ["yes"],
        "time": ["2024-01-31"],
        "due": ["31/1/2024"],
        "road": [None],
        "code": ["7"],
    }
    score = detector.score(row)
    assert detector.score(row | {"road": [text]}) == score
    assert detector.score(row | {"road": ["unknown"]}) != score
