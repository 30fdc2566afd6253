"""Columns whose values are known over the horizon of a forecast."""

import numpy as np
import pytest

from dlunits.data.series.forecast_windows import ForecastWindows
from dlunits.data.series.forecasting_dataset import load_forecasting_dataset
from dlunits.data.series.known_future import move_known_future
from dlunits.data.series.resampling import resample
from dlunits.data.tables.table_files import open_table

HORIZON = 3
ROWS = 80


def write(folder, future=HORIZON, series=("",), rows=ROWS):
    """The price of row i is i + 0.5; sales are missing in the last rows."""
    lines = ["shop,day,sales,price,stock"]
    rng = np.random.default_rng(0)
    for shop in series:
        for row in range(rows + future):
            day = np.datetime64("2024-01-01") + row
            own = f"{rng.normal():.3f},{row}.5,{rng.normal():.3f}"
            if row >= rows:
                own = f",{row}.5,"
            lines.append(f"{shop},{day},{own}")
    path = folder / "sales.csv"
    path.write_text("\n".join(lines) + "\n")
    return open_table(path)


def load(table, **options):
    options = {"window": 8, "horizon": HORIZON, "min_calibration": 9} | options
    return load_forecasting_dataset(
        table, "day", known_future=["price"], **options
    )


def test_a_window_holds_the_values_up_to_the_end_of_the_horizon(tmp_path):
    dataset = load(write(tmp_path))
    assert dataset.target_names == ["sales", "stock"]
    assert dataset.channels == ["sales", "price", "stock"]
    assert dataset.has_future
    assert len(dataset.series.values) == ROWS
    origins = dataset.windows.origins
    assert origins.tolist() == list(range(8, ROWS - HORIZON + 1))
    past, future = dataset.windows.arrays(origins)
    assert future.shape == (len(origins), HORIZON, 2)
    for origin, window in zip(origins, past, strict=True):
        end = origin + HORIZON
        np.testing.assert_array_equal(
            window[:, 1], np.arange(end - 8, end) + 0.5
        )


@pytest.mark.parametrize("future", [0, HORIZON - 1])
def test_a_table_may_end_before_the_horizon(tmp_path, future):
    """It can then be trained on, but not forecast from its end."""
    dataset = load(write(tmp_path, future))
    assert not dataset.has_future
    known = dataset.series.values[:, 1]
    assert np.flatnonzero(np.isnan(known)).tolist() == list(
        range(ROWS - HORIZON + future, ROWS)
    )
    assert dataset.windows.origins[-1] == ROWS - HORIZON


def test_no_value_is_moved_across_a_gap():
    table = np.array([[1, 10], [2, 20], [3, 30], [4, 40], [5, 50], [6, 60.0]])
    series = resample(table, [0, 1, 2, 100, 101, 102])
    moved = move_known_future(series, table, [0], [1], 2)
    np.testing.assert_array_equal(
        moved.values[:, 1], [30, np.nan, np.nan, 60, np.nan, np.nan]
    )
    np.testing.assert_array_equal(moved.values[:, 0], table[:, 0])


def test_a_missing_end_of_a_known_column_is_not_filled():
    """Resampling repeats the last value of a column up to the last row."""
    table = np.array([[1, 10], [2, 20], [3, np.nan], [np.nan, np.nan]])
    moved = move_known_future(resample(table), table, [0], [1], 1)
    np.testing.assert_array_equal(moved.values[:, 1], [20, np.nan, np.nan])
    assert moved.grid_indices.max() == 2


def test_a_series_without_a_target_is_refused():
    table = np.array([[np.nan, 10], [np.nan, 20.0]])
    with pytest.raises(ValueError, match="must have a value to forecast"):
        move_known_future(resample(table), table, [0], [1], 1)


def test_windows_need_the_past_of_all_channels_and_the_future_of_targets():
    values = np.ones((9, 2))
    values[5:, 1] = np.nan
    series = resample(np.arange(18.0).reshape(9, 2))
    series.values[:] = values
    windows = ForecastWindows(series, window=3, horizon=2, targets=[0])
    assert windows.origins.tolist() == [3, 4, 5]


def test_each_of_many_series_has_its_own_future(tmp_path):
    table = write(tmp_path, series=("a", "b"))
    dataset = load(table, series_column="shop", targets=["sales"])
    assert dataset.has_future
    for member in dataset.members:
        own = dataset.series.values[member.first : member.last, 1]
        np.testing.assert_allclose(
            own * member.scale[1], np.arange(HORIZON, ROWS + HORIZON) + 0.5
        )
    lines = table.path.read_text().splitlines()
    table.path.write_text("\n".join(lines[:-1]))  # of b, one row is missing
    dataset = load(open_table(table.path), series_column="shop")
    assert not dataset.has_future


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"targets": ["price"]}, "'price' cannot be a target and known"),
        ({"window": 2}, "--window=2 must be at least --horizon=3"),
        ({"window": 70}, "too few rows to train on with --known_future"),
        ({"column_types": {"price": "category"}}, "'price' cannot be"),
    ],
)
def test_unsuitable_options_are_refused_in_one_line(tmp_path, options, message):
    with pytest.raises(ValueError, match=message) as refused:
        load(write(tmp_path), **options)
    assert "\n" not in str(refused.value)


def test_the_default_window_is_as_long_as_the_horizon(tmp_path):
    """Without the known column it is a sixth of the series, 21 rows."""
    sizes = {"window": None, "horizon": 22, "min_calibration": 1}
    assert load(write(tmp_path, rows=130), **sizes).window == 22


def test_a_constant_known_column_is_left_out(tmp_path):
    table = write(tmp_path)
    lines = table.path.read_text().splitlines()
    cells = [line.split(",") for line in lines]
    text = "\n".join(",".join([*c[:3], c[3] and "7", c[4]]) for c in cells[1:])
    table.path.write_text(f"{lines[0]}\n{text}")
    dataset = load(open_table(table.path))
    assert dataset.known_future == [] and dataset.channels == ["sales", "stock"]
    assert any("price, is always 7" in line for line in dataset.messages)
