"""Window features of many series in one table."""

import json

import numpy as np
import pytest

from dlunits.data.series import panel_features
from dlunits.data.series.panel_features import PanelFeatures
from dlunits.data.series.window_features import WindowFeatures

WINDOW = 8
LENGTHS = {"b": 96, "a": 240, "short": 5}
FACTORS = {"b": 1.0, "a": 1000.0, "short": 1.0}


def series(name):
    """A daily wave, every three hours, with noise of a tenth of it."""
    times = 10_800.0 * np.arange(LENGTHS[name])
    rng = np.random.default_rng(len(name) + LENGTHS[name])
    wave = np.sin(2 * np.pi * times / 86_400) + 0.1 * rng.normal(
        size=len(times)
    )
    return times, FACTORS[name] * (5 + wave[:, None])


@pytest.fixture(scope="module")
def table():
    """The rows of all series in random order."""
    names = np.repeat(list(LENGTHS), list(LENGTHS.values())).astype(object)
    times, values = map(np.concatenate, zip(*map(series, LENGTHS), strict=True))
    order = np.random.default_rng(0).permutation(len(names))
    return values[order], times[order], names[order]


@pytest.fixture(scope="module")
def panel(table):
    return PanelFeatures.fit(*table, window=WINDOW)


@pytest.mark.parametrize("training", [True, False])
def test_a_series_has_the_features_that_it_has_alone(table, panel, training):
    windows = (
        panel.training_windows(*table) if training else panel.windows(*table)
    )
    features = (panel.training_features if training else panel.features)(
        windows
    )
    for number, member in enumerate(windows.members):
        times, values = series(member.name)
        alone = WindowFeatures.fit(values, times, WINDOW)
        assert alone.profile.period == 86_400
        expected = (
            alone.training_features(alone.training_windows(values, times))
            if training
            else alone.features(alone.windows(values, times))
        )
        np.testing.assert_allclose(
            features[windows.member_index == number], expected, atol=1e-5
        )


def test_scores_of_windows_return_to_the_rows_of_their_series(table, panel):
    _, times, names = table
    windows = panel.windows(*table)
    rows = windows.to_rows(windows.member_index)
    by_name = {m.name: number for number, m in enumerate(windows.members)}
    expected = [by_name.get(name, np.nan) for name in names]
    np.testing.assert_array_equal(rows, expected)
    starts = windows.to_rows(windows.starts, look_ahead=False)
    for name in by_name:
        own = names == name
        ordered = starts[own][np.argsort(times[own])]
        assert np.isnan(ordered[: WINDOW - 1]).all()
        assert (np.diff(ordered[WINDOW - 1 :]) == 1).all()


def test_a_short_series_is_left_out(table, panel):
    assert panel.short == ["short"]
    assert set(panel.extractors) == {"a", "b"}
    with pytest.raises(ValueError, match="Received: 'short'; expected: '"):
        panel.windows(*(column[table[2] == "short"] for column in table))
    with pytest.raises(ValueError, match=r"series '.*': A window of 300 rows"):
        PanelFeatures.fit(*table, window=300)


def test_a_table_without_names_is_one_series():
    times, values = series("a")
    single = PanelFeatures.fit(values, times, window=WINDOW)
    assert list(single.extractors) == [""]
    windows = single.windows(values, times)
    alone = single.first
    np.testing.assert_array_equal(
        single.features(windows), alone.features(alone.windows(values, times))
    )
    with pytest.raises(ValueError, match=r"^A window of 8 rows must fit"):
        single.windows(values[:5], times[:5])


def test_a_series_that_cannot_be_resampled_is_named(table):
    values, times, names = table
    with pytest.raises(
        ValueError, match=r"^series 'a': The rows of a series m"
    ):
        PanelFeatures.fit(values, np.where(names == "a", 0, times), names)


def test_the_config_is_json(table, panel):
    again = PanelFeatures.from_config(
        json.loads(json.dumps(panel.get_config()))
    )
    windows = again.windows(*table)
    np.testing.assert_array_equal(
        again.features(windows), panel.features(windows)
    )


def test_the_size_of_all_profiles_is_bounded(table, monkeypatch):
    monkeypatch.setattr(panel_features, "MAX_NUMBERS", 15)  # 8 of each series
    with pytest.raises(ValueError, match="2 series hold 16 numbers"):
        PanelFeatures.fit(*table, window=WINDOW)
