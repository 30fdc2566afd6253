"""Drift of columns and of whole tables, without and with anomalies."""

import numpy as np
import pytest

from dlunits.models import TableSchema
from dlunits.models.anomaly.table_drift import TableDrift


def columns(count, seed, shift=0.0, icy=0.0):
    generator = np.random.default_rng(seed)
    road = generator.choice(["dry", "wet"], count).astype(object)
    road[generator.random(count) < icy] = "icy"
    return {
        "power": generator.normal(size=count) + shift,
        "on": generator.random(count) < 0.3,
        "road": road,
        "start": np.datetime64("2024-01-01") + np.arange(count),
    }


@pytest.fixture(scope="module")
def schema():
    return TableSchema.from_table(columns(1000, 0))


def drift_of(schema, table, p_values, known=1000):
    drift = TableDrift(schema, known)
    drift.update(schema.inputs(table), p_values)
    return drift


def uniform(count, seed=0):
    return np.random.default_rng(seed).uniform(1e-3, 1, count)


@pytest.mark.parametrize("count", [1, 20, 300, 5000])
def test_rows_like_those_of_the_training_table_are_no_drift(schema, count):
    verdicts = []
    for seed in range(1, 41):
        table = columns(count, seed)
        drift = drift_of(schema, table, uniform(count, seed))
        drifted = [column.has_drifted for column in drift.columns]
        verdicts.append(drift.has_drifted or any(drifted))
    assert np.mean(verdicts) <= 0.05
    assert {c.name for c in drift.columns} == {"power", "on", "road"}


def test_columns_that_differ_are_named_with_the_change(schema):
    table = columns(300, 1, shift=2, icy=0.3)
    drift = drift_of(schema, table, uniform(300))
    first, second, last = drift.columns
    assert {first.name, second.name} == {"power", "road"}
    assert first.has_drifted and second.has_drifted
    assert not last.has_drifted
    changes = {column.name: column.change for column in drift.columns}
    assert changes["road"].startswith("another value: 0 % -> ")
    assert "-> " in changes["power"]
    assert set(drift.summary()["columns"]) == {"power", "road"}


def test_missing_values_are_a_change(schema):
    table = columns(200, 1)
    table["power"][:80] = np.nan
    drift = drift_of(schema, table, uniform(200))
    assert drift.columns[0].change == "missing: 0 % -> 40 %"


def test_anomalies_are_no_drift_and_lower_p_values_are(schema):
    table = columns(1000, 1)
    anomalies = np.where(np.arange(1000) < 300, 1e-3, uniform(1000))
    assert not drift_of(schema, table, anomalies).has_drifted
    lower = drift_of(schema, table, uniform(1000) ** 2)
    # F(t) = sqrt(t) among p > 0.05: the largest distance is at t = 0.37,
    # (0.61 - 0.22) / 0.78 - 0.34 = 0.16.
    assert lower.distance == pytest.approx(0.16, abs=0.04)
    assert lower.has_drifted
    most = np.where(np.arange(1000) < 600, 1e-3, uniform(1000))
    assert drift_of(schema, table, most).has_drifted
    # The p-values of training rows are higher than those of new rows.
    assert not drift_of(schema, table, uniform(1000) ** 0.5).has_drifted


def test_few_rows_or_few_calibration_rows_are_not_significant(schema):
    table, p_values = columns(20, 1), np.linspace(0.06, 0.6, 20)
    assert not drift_of(schema, table, p_values, known=20).has_drifted
    drift = drift_of(schema, columns(2, 1), np.full(2, np.nan))
    assert (drift.num_rows, drift.columns) == (0, [])
    assert not drift.has_drifted


def test_it_does_not_depend_on_the_chunks(schema):
    table, p_values = columns(300, 1, shift=1), uniform(300)
    whole = drift_of(schema, table, p_values)
    drift, inputs = TableDrift(schema, 1000), schema.inputs(table)
    for rows in (slice(0, 70), slice(70, 300)):
        drift.update({k: a[rows] for k, a in inputs.items()}, p_values[rows])
    assert drift.summary() == whole.summary()
    assert drift.columns == whole.columns
