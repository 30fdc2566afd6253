"""From a table to a task: what is learnt, what is told, what is refused."""

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


def test_all_numbers_are_forecast_and_the_rest_is_told(tmp_path):
    file = table(
        tmp_path, hours(80), a=speeds(80), b=speeds(80), road=["x", "y"] * 40
    )
    task = load(file, "time", **SIZES)
    assert task.target_names == task.channels == ["a", "b"]
    assert "80 rows of 2 channels, one every 3600 s" in task.told[0]
    assert task.told[-1] == "Left out: road, is no number."
    known = task.training_values
    np.testing.assert_allclose(task.scale, known.std(axis=0), rtol=1e-5)
    assert len(known) == task.origins.train[-1] + 3


def test_a_target_is_one_of_what_is_read(tmp_path):
    file = table(tmp_path, hours(80), a=speeds(80), b=speeds(80), c=speeds(80))
    task = load(file, "time", targets=["b"], columns=["c"], **SIZES)
    assert (task.channels, task.targets) == (["b", "c"], [0])
    task = load(file, "time", targets=["b"], **SIZES)
    assert (task.channels, task.targets) == (["a", "b", "c"], [1])


def test_small_holes_are_bridged_and_large_ones_are_told(tmp_path):
    times = np.delete(hours(140), [5, *range(60, 70)])
    task = load(table(tmp_path, times, a=speeds(129)), "time", **SIZES)
    assert task.told[1:] == [
        "1 rows were missing and lie on a straight line.",
        "1 hole(s) in time, which no window spans; the first from "
        "2024-01-03 11:00:00 to 2024-01-03 22:00:00.",
    ]


def test_months_are_counted_and_their_season_is_a_year(tmp_path):
    times = np.arange("2015-01", "2023-01", dtype="M8[M]").astype("M8[D]")
    task = load(
        table(tmp_path, times, a=speeds(96)), "time", window=12, horizon=2
    )
    assert task.told == [
        f"{tmp_path}/series.csv: 96 rows of 1 channels, one a month."
    ]
    assert len(task.series.values) == 96
    assert season_candidates(task) == [3, 12]


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (80, {"targets": ["speed"]}, "column 'speed' is missing"),
        (80, {"columns": ["road"]}, "'road' cannot be forecast or read: it is"),
        (80, {"targets": ["still"]}, "'still' is always 7 in the rows"),
        (10, {"targets": ["a"]}, "need 11 rows without a hole in time"),
        (25, {"targets": ["a"]}, "need at least 31 rows"),
    ],
)
def test_what_cannot_be_learnt_is_one_line(tmp_path, rows, options, message):
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


def test_a_hole_near_the_end_is_refused_before_training(tmp_path):
    times = np.delete(hours(100), range(85, 95))
    with pytest.raises(ValueError, match="5 after the last hole"):
        load(table(tmp_path, times, a=speeds(90)), "time", **SIZES)
