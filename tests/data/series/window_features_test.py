"""Window features compared with slow loops, and their invariances."""

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
def test_features_match_the_equations(length, points):
    windows = np.random.default_rng(0).normal(size=(5, length, 2))
    np.testing.assert_allclose(
        window_features(windows, points),
        [window_features_np(window, points) for window in windows],
        atol=1e-12,
    )


def test_there_are_no_more_points_than_values():
    windows = np.random.default_rng(0).normal(size=(5, 6, 1))
    features = window_features(windows, num_points=16)
    np.testing.assert_allclose(features[:, :6], windows[..., 0])
    assert features.shape == (5, 9)


def test_a_spike_raises_the_spread_of_a_long_window():
    window = np.zeros((2, 6400, 1))
    window[1, 3000] = 1000
    flat, spike = window_features(window)[:, -1]
    assert flat == pytest.approx(np.log(0.05))
    # sqrt(1000^2 / 6400) = 12.5
    assert spike == pytest.approx(np.log(0.05 + 12.5), abs=0.01)


def test_features_are_invariant_to_scale_and_offset():
    times, values = waves(channels=2)
    one = WindowFeatures.fit(values, times, window=16)
    other = WindowFeatures.fit([1e4, 1e-3] * values + 7, times, window=16)
    np.testing.assert_allclose(
        one.features(one.windows(values, times)),
        other.features(other.windows([1e4, 1e-3] * values + 7, times)),
        atol=1e-3,
    )


def test_the_seasonal_profile_is_subtracted():
    times, values = waves()
    extractor = WindowFeatures.fit(values, times, window=8)
    assert extractor.profile.period == 86_400
    windows = extractor.windows(values, times)
    points = extractor.training_features(windows)[:, :8]
    low, high = np.percentile(points, [25, 75])
    assert high - low == pytest.approx(1.349, abs=0.15)
    assert np.abs(points).max() < 6


def test_training_features_vary_as_much_as_those_of_a_new_series():
    """Noise of four days, to which their own medians are too close."""
    times = 300.0 * np.arange(288 * 12)
    wave = 5 * np.sin(2 * np.pi * times / 86_400)
    values = wave + np.random.default_rng(0).normal(size=len(times))
    known, new = slice(0, 4 * 288), slice(4 * 288, None)
    extractor = WindowFeatures.fit(values[known], times[known], window=8)
    assert extractor.profile.period == 86_400
    windows = extractor.windows(values[known], times[known])
    in_sample, cross_validated, new_std = (
        np.std(features[:, :8])
        for features in (
            extractor.features(windows),
            extractor.training_features(windows),
            extractor.features(extractor.windows(values[new], times[new])),
        )
    )
    assert in_sample < 0.8 * new_std
    # The variance of a median of three is .449, of a median of four .298; the
    # variance of the noise adds 1.
    ratio = (1.449 / 1.298) ** 0.5
    assert cross_validated / new_std == pytest.approx(ratio, abs=0.1)


def test_rows_that_are_set_to_nan_are_excluded():
    times, values = waves()
    spoilt = values.copy()
    spoilt[100:140] = 1e6
    spoilt[100:140] = np.nan
    kept = WindowFeatures.fit(spoilt, times, window=8)
    windows = kept.windows(spoilt, times)
    assert np.isnan(windows.to_rows(np.ones(len(windows)))[100:140]).all()
    assert np.abs(kept.features(windows)).max() < 10


def test_features_of_a_window_do_not_depend_on_later_values():
    times, values = waves()
    extractor = WindowFeatures.fit(values, times, window=24, stride=1)
    early = extractor.features(extractor.windows(values[:100], times[:100]))
    all_of_them = extractor.features(extractor.windows(values, times))
    np.testing.assert_array_equal(early, all_of_them[: len(early)])


def test_feature_names_match_the_columns():
    times, values = waves(channels=3)
    extractor = WindowFeatures.fit(values, times, window=4)
    features = extractor.features(extractor.windows(values, times))
    assert len(extractor.feature_names) == features.shape[1] == 3 * 7
    level = features[:, extractor.feature_names.index("channel 2, level")]
    points = features[
        :,
        [
            extractor.feature_names.index(f"channel 2, point {n} of 4")
            for n in (1, 2, 3, 4)
        ],
    ]
    np.testing.assert_allclose(level, points.mean(axis=1), atol=1e-5)


def test_many_channels_have_fewer_points():
    extractor = WindowFeatures.fit(waves(channels=20)[1], window=64)
    assert extractor.num_points == 256 // 20


def test_training_windows_overlap_by_about_half():
    times, values = waves(100)
    extractor = WindowFeatures.fit(values, times, window=13, stride=1)
    starts = extractor.training_windows(values, times).starts
    assert starts.tolist() == [*range(0, 87, 5), 87]  # 5 is prime, 6 is not


def test_training_windows_begin_at_all_phases_of_a_period():
    times, values = waves(24 * 60)
    extractor = WindowFeatures.fit(values, times, window=48)
    starts = extractor.training_windows(values, times).starts
    assert {*(starts % 24).tolist()} == {*range(24)}


def test_constant_and_nearly_constant_channels_have_finite_features():
    values = np.zeros((200, 2))
    values[::50, 1] = 3
    extractor = WindowFeatures.fit(values, window=10)
    assert np.isfinite(extractor.features(extractor.windows(values))).all()


def test_a_channel_missing_in_a_segment_is_set_to_its_profile():
    times, values = waves(channels=2)
    extractor = WindowFeatures.fit(values, times, window=10)
    new = values[:48].copy()
    new[:, 1] = np.nan
    features = extractor.features(extractor.windows(new, times[:48]))
    own = [
        n
        for n, name in enumerate(extractor.feature_names)
        if "channel 2, p" in name
    ]
    np.testing.assert_array_equal(features[:, own], 0)


def test_the_config_restores_the_features():
    times, values = waves(channels=2)
    extractor = WindowFeatures.fit(values, times, window=12, stride=5)
    config = json.loads(json.dumps(extractor.get_config()))
    again = WindowFeatures.from_config(config)
    np.testing.assert_array_equal(
        again.features(again.windows(values, times)),
        extractor.features(extractor.windows(values, times)),
    )


def test_another_number_of_channels_or_another_step_is_refused():
    times, values = waves(channels=2)
    extractor = WindowFeatures.fit(values, times, window=8)
    with pytest.raises(ValueError, match=r"must have 2 channels.*: 1 ch"):
        extractor.windows(values[:, 0], times)
    with pytest.raises(ValueError, match="about 3600 s apart"):
        extractor.windows(values, times / 60)
