"""Histograms of the columns of a training table."""

import json

import numpy as np
import pytest

from dlunits.models import TableSchema
from dlunits.models.anomaly import column_histogram
from dlunits.models.anomaly.column_histogram import ColumnHistogram


def test_each_tenth_of_the_numbers_has_a_bin():
    values = np.random.default_rng(0).normal(size=1000).astype("float32")
    histogram = ColumnHistogram.of_numbers(values)
    assert len(histogram.counts) == 13  # missing, below, 10 tenths, above
    assert histogram.counts[:2] == (0, 0) and histogram.counts[-1] == 0
    np.testing.assert_allclose(histogram.counts[3:-1], 100, atol=1)
    extreme = np.array([values.min() - 1, values.max() + 1, np.nan], "float32")
    assert np.flatnonzero(histogram.count(extreme)).tolist() == [0, 1, 12]


@pytest.mark.parametrize(
    ("values", "counts"),
    [
        ([7, 7, 7], (0, 0, 3, 0)),
        ([0, 1, 1, np.nan], (1, 0, 1, 2, 0)),
        ([np.nan, np.nan], (2, 0)),
        ([-3.4028235e38, 3.4028235e38], (0, 1, 0, 1, 0)),
    ],
)
def test_few_different_numbers_have_few_bins(values, counts):
    values = np.array(values, "float32")
    histogram = ColumnHistogram.of_numbers(values)
    assert histogram.counts == counts
    assert len(histogram.labels("number")) == len(counts)


def test_labels_of_booleans_are_true_and_false():
    histogram = ColumnHistogram.of_numbers(np.array([0, 1], "float32"))
    assert histogram.labels("boolean")[2:4] == ["false", "true"]


def test_long_columns_are_sampled_evenly(monkeypatch):
    monkeypatch.setattr(column_histogram, "MAX_ROWS", 100)
    values = np.arange(100_000, dtype="float32")
    histogram = ColumnHistogram.of_numbers(values)
    assert sum(histogram.counts) == 100
    np.testing.assert_allclose(histogram.count(values)[2:-1], 10_000, rtol=0.1)


def test_they_are_part_of_a_schema_and_go_through_json():
    table = {
        "speed": [0.1, 0.7, 1 / 3, None],
        "on": [True, False, True, True],
        "road": ["dry", None, "wet", "dry"],
    }
    schema = TableSchema.from_table(table)
    assert schema.histograms["road"].counts == (0, 1, 2, 1)  # "", dry, wet
    config = json.loads(json.dumps(schema.get_config(), allow_nan=False))
    loaded = TableSchema.from_config(config)
    assert loaded.histograms == schema.histograms
    inputs = loaded.inputs(table)
    for name, histogram in loaded.histograms.items():
        key, index = loaded.input_index(name)
        counts = histogram.count(inputs[key][:, index])
        assert tuple(counts) == histogram.counts
    del config["histograms"]  # of an older version
    assert TableSchema.from_config(config).histograms == {}
