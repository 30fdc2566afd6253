"""Many series in one table: grouping, split by time and scales."""

import itertools

import numpy as np
import pytest

from dlunits.data.series.forecasting_dataset import load_forecasting_dataset
from dlunits.data.tables.table_files import open_table

SIZES = {"window": 8, "horizon": 3, "min_calibration": 9}
LENGTHS = {"b": 80, "a": 60, "short": 6}
FACTORS = {"b": 1.0, "a": 1000.0, "short": 10.0}


def write_panel(folder, lengths=None, mixed=True):
    """Series of the same noise in other units; their rows alternate."""
    rng = np.random.default_rng(0)
    rows = []
    for name, length in (lengths or LENGTHS).items():
        values = FACTORS[name] * (5 + rng.normal(size=length))
        days = np.datetime64("2024-01-01") + np.arange(length)
        rows += [
            (index if mixed else 0, f"{name},{day},{value:.6f}")
            for index, (day, value) in enumerate(zip(days, values, strict=True))
        ]
    rows = [line for _, line in sorted(rows, key=lambda row: row[0])]
    path = folder / "panel.csv"
    path.write_text("\n".join(["unique_id,ds,y", *rows]) + "\n")
    return open_table(path)


@pytest.fixture(scope="module")
def panel(tmp_path_factory):
    table = write_panel(tmp_path_factory.mktemp("panel"))
    return load_forecasting_dataset(
        table, "ds", series_column="unique_id", **SIZES
    )


def test_series_are_in_the_order_of_the_table(panel):
    assert [member.name for member in panel.members] == list(LENGTHS)
    assert (panel.channels, panel.targets) == (["y"], [0])
    for (name, times, values), length in zip(
        panel.unscaled(), LENGTHS.values(), strict=True
    ):
        assert len(times) == len(values) == length
        assert values.mean() == pytest.approx(5 * FACTORS[name], rel=0.2)


def test_no_window_spans_two_series(panel):
    """Its rows are consecutive days."""
    origins = panel.windows.origins
    steps = origins[:, None] + np.arange(-8, 3)
    assert (np.diff(panel.series.times[steps], axis=1) == 86_400).all()


def test_each_series_is_split_by_time(panel):
    parts = panel.origins
    for member in panel.members[:2]:
        own = [
            part[(part >= member.first) & (part < member.last)]
            for part in (
                parts.train,
                parts.validation,
                parts.calibration,
                parts.test,
            )
        ]
        for before, after in itertools.pairwise(own):
            assert before[-1] + 3 <= after[0]


def test_each_series_is_divided_by_its_deviation_in_its_training_rows(panel):
    """Training rows are about the first half; a short series uses all rows."""
    known = panel.training_values
    assert np.std(known) == pytest.approx(1.0, abs=1e-6)
    scales = [member.scale[0] for member in panel.members]
    np.testing.assert_allclose(scales[1] / scales[0], 1000, rtol=0.4)
    origins = panel.origins.test
    units = panel.units(origins)[:, 0, 0]
    assert set(units) == set(scales[:2])


def test_a_short_series_is_named(panel):
    assert panel.messages[1] == (
        "3 series in column 'unique_id', of 6 to 80 time steps."
    )
    assert "too short to train on, such as 'short'" in panel.messages[2]


def test_only_short_series_have_the_reason(tmp_path):
    table = write_panel(tmp_path, {"a": 9, "b": 12})
    dataset = load_forecasting_dataset(
        table, "ds", series_column="unique_id", **SIZES
    )
    assert "0 of 2 series are long enough" in dataset.shortage


def test_without_the_column_the_table_is_refused(tmp_path):
    with pytest.raises(ValueError, match="give --series_column=unique_id"):
        load_forecasting_dataset(write_panel(tmp_path), "ds", **SIZES)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            ",2024-03-01,1.0",
            "line 148, column 'unique_id': every row must name",
        ),
        ("one,2024-03-01,1.0", "series 'one': A series must have at least two"),
    ],
)
def test_an_unsuitable_row_is_refused(tmp_path, line, message):
    path = write_panel(tmp_path).path
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(ValueError, match=message):
        load_forecasting_dataset(
            open_table(path), "ds", series_column="unique_id", **SIZES
        )
