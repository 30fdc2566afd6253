"""Loading a forecasting dataset from a table: content, messages and errors."""

import numpy as np
import pytest

from dlunits.data.series.forecasting_dataset import (
    load_forecasting_dataset as load,
)
from dlunits.data.series.forecasting_dataset import season_candidates
from dlunits.data.tables.table_files import open_table

SIZES = {"window": 8, "horizon": 3, "min_calibration": 9}


def table(folder, times, **columns):
    lines = [",".join(["time", *columns])]
    for time, *cells in zip(times, *columns.values(), strict=True):
        lines.append(",".join([str(time), *map(str, cells)]))
    path = folder / "series.csv"
    path.write_text("\n".join(lines) + "\n")
    return open_table(path)


def hours(number):
    start = np.datetime64("2024-01-01T00:00")
    return start + np.arange(number) * np.timedelta64(60, "m")


def speeds(number):
    return np.random.default_rng(0).normal(size=number).round(3).tolist()


def test_numeric_columns_are_forecast_and_others_are_reported(tmp_path):
    file = table(
        tmp_path, hours(80), a=speeds(80), b=speeds(80), road=["x", "y"] * 40
    )
    dataset = load(file, "time", **SIZES)
    assert dataset.target_names == dataset.channels == ["a", "b"]
    assert "80 rows of 2 channels, one every 3600 s" in dataset.messages[0]
    assert dataset.messages[-1] == "Ignored: road, is not a number."
    known = dataset.training_values
    np.testing.assert_allclose(dataset.scale, known.std(axis=0), rtol=1e-5)
    assert len(known) == dataset.origins.train[-1] + 3


def test_column_types_are_declared_or_inferred(tmp_path):
    times = 1_704_067_200_000 + 3_600_000 * np.arange(80)
    file = table(tmp_path, times, a=speeds(80), code=[7, 8] * 40)
    dataset = load(file, "time", column_types={"code": "category"}, **SIZES)
    assert dataset.column_types == {"time": "timestamp_ms", "a": "number"}
    assert dataset.axis.dates and dataset.series.step == 3600
    with pytest.raises(
        ValueError,
        match=r"line 2, column 'time': .* a date.* or declare another column "
        r"type\.$",  # and no flag that only detection has
    ):
        load(file, "time", column_types={"time": "timestamp_digits"}, **SIZES)


def test_dates_and_times_may_be_in_two_columns(tmp_path):
    file = table(tmp_path, hours(80), a=speeds(80))
    one = load(file, "time", **SIZES)
    text = file.path.read_text().replace("T", ",").replace("time", "day,t", 1)
    file.path.write_text(text)
    two = load(open_table(file.path), "day,t", **SIZES)
    assert two.column_types == {"day,t": "timestamp", "a": "number"}
    np.testing.assert_array_equal(two.series.times, one.series.times)
    assert "Ignored: t, is part of the timestamp." in two.messages


def test_targets_are_indices_of_the_channels(tmp_path):
    file = table(tmp_path, hours(80), a=speeds(80), b=speeds(80), c=speeds(80))
    dataset = load(file, "time", targets=["b"], columns=["c"], **SIZES)
    assert (dataset.channels, dataset.targets) == (["b", "c"], [0])
    dataset = load(file, "time", targets=["b"], **SIZES)
    assert (dataset.channels, dataset.targets) == (["a", "b", "c"], [1])


def test_short_gaps_are_interpolated_and_long_gaps_are_reported(tmp_path):
    times = np.delete(hours(140), [5, *range(60, 70)])
    dataset = load(table(tmp_path, times, a=speeds(129)), "time", **SIZES)
    assert dataset.messages[1:] == [
        "1 rows were missing and were interpolated linearly.",
        "1 gap(s) in time, which no window spans; the first from "
        "2024-01-03 11:00:00 to 2024-01-03 22:00:00.",
    ]


def test_monthly_rows_are_counted_in_months_with_a_yearly_season(tmp_path):
    times = np.arange("2015-01", "2023-01", dtype="M8[M]").astype("M8[D]")
    dataset = load(
        table(tmp_path, times, a=speeds(96)), "time", window=12, horizon=2
    )
    assert dataset.messages == [
        f"{tmp_path}/series.csv: 96 rows of 1 channels, one a month."
    ]
    assert len(dataset.series.values) == 96
    assert season_candidates(dataset) == [3, 12]


def test_business_days_have_no_gaps_at_weekends(tmp_path):
    """A holiday is interpolated, Friday is followed by Monday."""
    times = np.busday_offset("2024-01-01", np.arange(100))
    file = table(tmp_path, np.delete(times, 50), a=speeds(99))
    dataset = load(file, "time", **SIZES)
    assert dataset.messages == [
        f"{tmp_path}/series.csv: 99 rows of 1 channels, one a day on 5 days of "
        "the week.",
        "1 rows were missing and were interpolated linearly.",
    ]
    assert len(dataset.series.values) == 100
    axis, last = dataset.axis, dataset.series.times[-1]
    assert axis.format(axis.to_seconds(last + np.arange(3))) == [
        *("2024-05-17", "2024-05-20", "2024-05-21"),
    ]
    assert season_candidates(dataset) == [5]


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (80, {"targets": ["speed"]}, "column 'speed' is missing"),
        (80, {"columns": ["road"]}, "'road' cannot be used: it is"),
        (80, {"targets": ["still"]}, "'still' is always 7 in the training"),
        (2, {"targets": ["a"]}, "needs 3 rows without a gap in time"),
    ],
)
def test_an_unsuitable_table_is_refused(tmp_path, rows, options, message):
    file = table(
        tmp_path,
        hours(rows),
        a=speeds(rows),
        still=[7] * rows,
        road=["x"] * rows,
    )
    with pytest.raises(ValueError, match=message) as error:
        load(file, "time", **{"columns": ["a"], **SIZES, **options})
    assert "series.csv: " in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("rows", "shortage"),
    [
        (10, "need 11 rows without a gap in time"),
        (25, "need at least 31 rows"),
    ],
)
def test_a_short_series_has_the_reason_and_no_windows(tmp_path, rows, shortage):
    file = table(tmp_path, hours(rows), a=speeds(rows))
    dataset = load(file, "time", **SIZES)
    assert shortage in dataset.shortage
    assert dataset.split is None
    with pytest.raises(ValueError, match="Too few rows to train on"):
        dataset.origins.train  # noqa: B018
    assert len(dataset.training_values) == rows


def test_a_constant_input_is_left_out_and_named(tmp_path):
    file = table(
        tmp_path, hours(80), a=speeds(80), still=[7] * 80, b=speeds(80)
    )
    dataset = load(file, "time", targets=["b"], **SIZES)
    assert (dataset.channels, dataset.targets) == (["a", "b"], [1])
    assert dataset.messages[-1] == (
        "Ignored: still, is always 7 in the training rows."
    )
    assert load(file, "time", **SIZES).target_names == ["a", "b"]


@pytest.mark.parametrize(
    ("step", "rows", "window"),
    [
        *(("M", 144, 24), ("M", 60, 10), ("D", 100, 16), ("D", 60, 14)),
        *(("s", 9, 2), ("h", 400, 64), ("h", 1100, 336)),
    ],
)
def test_the_default_window_holds_two_seasons(tmp_path, step, rows, window):
    times = np.datetime64("2010-01", step) + np.arange(rows)
    file = table(tmp_path, times, a=speeds(rows))
    assert load(file, "time", horizon=2).window == window


def test_a_gap_near_the_end_is_refused_before_training(tmp_path):
    times = np.delete(hours(100), range(85, 95))
    with pytest.raises(ValueError, match="5 rows after the last gap"):
        load(table(tmp_path, times, a=speeds(90)), "time", **SIZES)
