"""Labels of anomalies: their words, and errors."""

import pyarrow as pa
import pytest

from dlunits.columns import TableChunk
from dlunits.data.tables.anomaly_labels import ANOMALY, NORMAL, anomaly_labels
from dlunits.data.tables.table_files import open_table


def read(values, normal_class=None):
    return anomaly_labels(
        TableChunk(pa.table({"label": values})), "label", normal_class
    ).tolist()


def test_no_word_is_in_both_lists():
    assert not set(NORMAL) & set(ANOMALY)


@pytest.mark.parametrize(
    "values",
    [
        ["0", "1"],
        [" False", "TRUE "],
        ["0.0", "1.0"],
        [0, 1],
        [0.0, 1.0],
        [False, True],
        ["Normal", "Anomaly"],
        pa.array(["benign", "malignant"]).dictionary_encode(),
    ],
)
def test_common_words_are_understood(values):
    assert read(values) == [False, True]


@pytest.mark.parametrize(
    ("values", "normal_class"),
    [
        *(([1, 2, 3], "2"), (["1.0", "2.0", "3.0"], "2")),
        (["A", "b", "B"], "b"),
        (["leak", "none", "jam"], "none"),
        (["x", " - ", "y"], "-"),
        *(([True, False, True], "no"), ([False, True, False], "Yes")),
    ],
)
def test_the_normal_class_can_be_named(values, normal_class):
    assert read(values, normal_class) == [True, False, True]


@pytest.mark.parametrize("value", ["-1", "maybe", "", "NA", "2", "0.5"])
def test_an_unclear_label_is_rejected_with_its_line(tmp_path, value):
    path = tmp_path / "new.csv"
    path.write_text(f"a,label\n1,0\n2,{value}\n")
    [chunk] = open_table(path).chunks()
    with pytest.raises(ValueError, match=r"new\.csv, line 3, column 'label'"):
        anomaly_labels(chunk, "label")


def test_a_missing_label_is_not_a_class():
    with pytest.raises(ValueError, match=r"row 1 .*, column 'label'"):
        read(["A", None], "A")


def test_lists_are_not_labels():
    with pytest.raises(ValueError, match="found lists"):
        read([[0], [1]])
