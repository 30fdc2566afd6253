"""Features of windows against slow loops, and what they do not depend on."""

import json

import numpy as np
import pytest

from dlunits.data.series.window_features import WindowFeatures, window_features

HOUR = 3600.0


def waves(rows=24 * 14, channels=1):
    times = HOUR * np.arange(rows)
    rng = np.random.default_rng(0)
    wave = 5 * np.sin(2 * np.pi * times / 86_400)[:, None]
    return times, 100 + wave + rng.normal(size=(rows, channels))


def window_features_np(window, points):
    """The docstring's equations for one window, `(window, channels)`."""
    features = []
    for column in window.T:
        length = len(column)
        edges = [int(length * k / points) for k in range(points + 1)]
        for k in range(points):
            features.append(np.mean(column[edges[k] : edges[k + 1]]))
        features.append(np.mean(column))
        u = [-1 + 2 * t / (length - 1) for t in range(length)]
        features.append(3 * np.dot(column, u) / length)
        features.append(np.log(0.05 + np.std(column)))
    return features


@pytest.mark.parametrize(("length", "points"), [(8, 8), (64, 16), (50, 7)])
def test_features_are_those_of_the_equations(length, points):
    windows = np.random.default_rng(0).normal(size=(5, length, 2))
    np.testing.assert_allclose(
        window_features(windows, points),
        [window_features_np(window, points) for window in windows],
        atol=1e-12,
    )


def test_no_more_points_than_values():
    windows = np.random.default_rng(0).normal(size=(5, 6, 1))
    features = window_features(windows, points=16)
    np.testing.assert_allclose(features[:, :6], windows[..., 0])
    assert features.shape == (5, 9)


def test_a_spike_is_seen_in_the_spread_however_long_the_window():
    window = np.zeros((2, 6400, 1))
    window[1, 3000] = 1000
    flat, spike = window_features(window)[:, -1]
    assert flat == pytest.approx(np.log(0.05))
    # sqrt(1000^2 / 6400) = 12.5
    assert spike == pytest.approx(np.log(0.05 + 12.5), abs=0.01)


def test_scale_and_offset_of_a_channel_do_not_matter():
    times, values = waves(channels=2)
    one = WindowFeatures.fit(values, times, window=16)
    other = WindowFeatures.fit([1e4, 1e-3] * values + 7, times, window=16)
    np.testing.assert_allclose(
        one.features(one.windows(values, times)),
        other.features(other.windows([1e4, 1e-3] * values + 7, times)),
        atol=1e-3,
    )


def test_what_is_usual_at_the_hour_is_taken_away():
    times, values = waves()
    inputs = WindowFeatures.fit(values, times, window=8)
    assert inputs.profile.period == 86_400
    windows = inputs.windows(values, times)
    points = inputs.training_features(windows)[:, :8]
    low, high = np.percentile(points, [25, 75])
    assert high - low == pytest.approx(1.349, abs=0.15)
    assert np.abs(points).max() < 6


def test_what_is_learnt_from_looks_as_strange_as_what_is_new():
    """Four days of noise, whose medians are as near to them as may be."""
    times = 300.0 * np.arange(288 * 12)
    wave = 5 * np.sin(2 * np.pi * times / 86_400)
    values = wave + np.random.default_rng(0).normal(size=len(times))
    known, new = slice(0, 4 * 288), slice(4 * 288, None)
    inputs = WindowFeatures.fit(values[known], times[known], window=8)
    assert inputs.profile.period == 86_400
    windows = inputs.windows(values[known], times[known])
    too_usual, as_if_new, strange = (
        np.std(features[:, :8])
        for features in (
            inputs.features(windows),
            inputs.training_features(windows),
            inputs.features(inputs.windows(values[new], times[new])),
        )
    )
    assert too_usual < 0.8 * strange
    # A median of three varies by .449, one of four by .298; a value beside it
    # by 1 more.
    assert as_if_new / strange == pytest.approx((1.449 / 1.298) ** 0.5, abs=0.1)


def test_rows_blotted_out_teach_nothing():
    times, values = waves()
    spoilt = values.copy()
    spoilt[100:140] = 1e6
    spoilt[100:140] = np.nan
    kept = WindowFeatures.fit(spoilt, times, window=8)
    windows = kept.windows(spoilt, times)
    assert np.isnan(windows.to_rows(np.ones(len(windows)))[100:140]).all()
    assert np.abs(kept.features(windows)).max() < 10


def test_features_of_a_window_do_not_depend_on_what_comes_after():
    times, values = waves()
    inputs = WindowFeatures.fit(values, times, window=24, stride=1)
    early = inputs.features(inputs.windows(values[:100], times[:100]))
    all_of_them = inputs.features(inputs.windows(values, times))
    np.testing.assert_array_equal(early, all_of_them[: len(early)])


def test_names_say_what_the_columns_are():
    times, values = waves(channels=3)
    inputs = WindowFeatures.fit(values, times, window=4)
    features = inputs.features(inputs.windows(values, times))
    assert len(inputs.names) == features.shape[1] == 3 * 7
    level = features[:, inputs.names.index("channel 2, level")]
    points = features[
        :,
        [
            inputs.names.index(f"channel 2, point {n} of 4")
            for n in (1, 2, 3, 4)
        ],
    ]
    np.testing.assert_allclose(level, points.mean(axis=1), atol=1e-5)


def test_many_channels_get_fewer_points():
    inputs = WindowFeatures.fit(waves(channels=20)[1], window=64)
    assert inputs.points == 256 // 20


def test_windows_to_learn_from_share_about_half_of_their_rows():
    times, values = waves(100)
    inputs = WindowFeatures.fit(values, times, window=13, stride=1)
    starts = inputs.training_windows(values, times).starts
    assert starts.tolist() == [*range(0, 87, 5), 87]  # 5 is prime, 6 is not


def test_windows_to_learn_from_meet_all_phases_of_a_period():
    times, values = waves(24 * 60)
    inputs = WindowFeatures.fit(values, times, window=48)
    starts = inputs.training_windows(values, times).starts
    assert {*(starts % 24).tolist()} == {*range(24)}


def test_constant_and_rarely_moving_channels_give_finite_features():
    values = np.zeros((200, 2))
    values[::50, 1] = 3
    inputs = WindowFeatures.fit(values, window=10)
    assert np.isfinite(inputs.features(inputs.windows(values))).all()


def test_a_channel_that_is_missing_for_a_stretch_counts_as_usual():
    times, values = waves(channels=2)
    inputs = WindowFeatures.fit(values, times, window=10)
    new = values[:48].copy()
    new[:, 1] = np.nan
    features = inputs.features(inputs.windows(new, times[:48]))
    own = [n for n, name in enumerate(inputs.names) if "channel 2, p" in name]
    np.testing.assert_array_equal(features[:, own], 0)


def test_config_brings_the_same_features_back():
    times, values = waves(channels=2)
    inputs = WindowFeatures.fit(values, times, window=12, stride=5)
    config = json.loads(json.dumps(inputs.get_config()))
    again = WindowFeatures.from_config(config)
    np.testing.assert_array_equal(
        again.features(again.windows(values, times)),
        inputs.features(inputs.windows(values, times)),
    )


def test_refuses_a_series_of_other_channels_or_another_step():
    times, values = waves(channels=2)
    inputs = WindowFeatures.fit(values, times, window=8)
    with pytest.raises(ValueError, match=r"2 channels was learnt.*: 1 ch"):
        inputs.windows(values[:, 0], times)
    with pytest.raises(ValueError, match="nearly every 3600 s"):
        inputs.windows(values, times / 60)
