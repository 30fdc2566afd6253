"""Features of columns, against a loop over rows and columns."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.layers import TabularEncoding

HOUR, DAY, WEEK = 3600, 86400, 604800


def some_layer(**options):
    return TabularEncoding(
        3,
        num_timestamps=2,
        vocabulary_sizes=(2, 0, 4),
        missing_indicators=(2, 0),
        **options,
    )


def some_rows(count=50, seed=0):
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(count, 3)) * [1, 10, 1e-3] + [0, 500, 0]
    numbers[rng.uniform(size=count) < 0.2, 2] = np.nan
    numbers[rng.uniform(size=count) < 0.01, 0] = np.nan
    timestamps = rng.uniform(0, WEEK, (count, 2)) / [1, 7]
    timestamps[rng.uniform(size=count) < 0.1, 1] = np.nan
    category_ids = rng.integers(
        0, [3, 1, 4], (count, 3)
    )  # one never has code 4
    return {
        "numbers": numbers,
        "timestamps": timestamps,
        "category_ids": category_ids,
    }


def adapted(rows=None, **options):
    layer = some_layer(**options)
    layer.adapt(some_rows() if rows is None else rows)
    return layer


def features_of(layer, rows):
    return ops.convert_to_numpy(layer(rows))


def column_np(raw, known, least):
    center, spread = np.nanmean(known), max(np.nanstd(known), least)
    return 0.0 if math.isnan(raw) else (raw - center) / spread


def features_np(row, known, missing_indicators, sizes):
    """The docstring's equation for one row, a dict of 1-D arrays."""
    features = []
    for i, x in enumerate(row["numbers"]):
        column = known["numbers"][:, i]
        column = column[~np.isnan(column)]
        ends = np.quantile(column, [0.05, 0.95])
        spread = 1.0968049 * np.std(np.clip(column, *ends))
        x = (x - np.median(column)) / spread
        if math.isnan(x):
            x = 0 if i in missing_indicators else 10
        features.append(min(30, max(-30, x)))
    for i in missing_indicators:
        missing = np.isnan(known["numbers"][:, i]).astype(float)
        raw = float(math.isnan(row["numbers"][i]))
        features.append(column_np(raw, missing, 0.1))
    for i, t in enumerate(row["timestamps"]):
        for period in (DAY, WEEK):
            for wave in (np.sin, np.cos):
                column = wave(math.tau * known["timestamps"][:, i] / period)
                raw = wave(math.tau * t / period)
                features.append(column_np(raw, column, 0.1))
    for i, code in enumerate(row["category_ids"]):
        category_ids = known["category_ids"][:, i].tolist()
        shares = [
            category_ids.count(v) / len(category_ids)
            for v in range(sizes[i] + 1)
        ]
        root = max(0.1, math.sqrt(sum(p * (1 - p) for p in shares)))
        features += [(int(v == code) - p) / root for v, p in enumerate(shares)]
        if shares[0] == 0:
            features[-len(shares)] = 10.0 * (code == 0)
    return features


def test_features_are_those_of_the_equation():
    known, rows = some_rows(), some_rows(20, seed=1)
    rows["numbers"][0] = [1e30, -1e30, np.nan]
    rows["numbers"][1] = np.nan
    rows["category_ids"][0] = [2, 0, 4]
    layer = adapted(known)
    features = features_of(layer, rows)
    assert features.shape == (20, layer.num_features)
    for i, result in enumerate(features):
        row = {key: value[i] for key, value in rows.items()}
        np.testing.assert_allclose(
            result,
            features_np(
                row, known, layer.missing_indicators, layer.vocabulary_sizes
            ),
            rtol=1e-4,
            atol=1e-3,
        )
    assert features[0, :3].tolist() == [30, -30, 0]
    assert features[1, :3].tolist() == [0, 10, 0]


def test_an_unknown_category_is_far_from_rows_without_one():
    layer = TabularEncoding(0, vocabulary_sizes=(2,))
    layer.adapt({"category_ids": np.array([[1], [2]])})
    features = features_of(layer, {"category_ids": np.array([[0], [1]])})
    # The two values have a variance of 0.25 each; 0.5 / sqrt(0.5) = 0.71.
    expected = [[10, -0.71, -0.71], [0, 0.71, -0.71]]
    np.testing.assert_allclose(features, expected, atol=0.01)


def test_every_feature_belongs_to_its_column():
    column_of_feature = some_layer().column_of_feature
    assert column_of_feature[:5] == (
        0,
        1,
        2,
        2,
        0,
    )  # numbers, then missing_indicators
    assert column_of_feature[5:13] == (3,) * 4 + (4,) * 4  # timestamps
    assert (
        column_of_feature[13:] == (5,) * 3 + (6,) + (7,) * 5
    )  # values and unknown


def test_changing_a_column_changes_its_own_features_only():
    layer, rows = adapted(), some_rows(1, seed=3)
    changed = {
        "numbers": np.where(np.isnan(rows["numbers"]), 1, np.nan),
        "timestamps": rows["timestamps"] + 5 * HOUR + DAY,
        "category_ids": (rows["category_ids"] + 1) % [3, 1, 5],
    }
    before = features_of(layer, rows)[0]
    column = 0
    for key, values in rows.items():
        for i in range(values.shape[1]):
            row = {**rows, key: values.copy()}
            row[key][:, i] = changed[key][:, i]
            differs = features_of(layer, row)[0] != before
            of_column = np.array(layer.column_of_feature) == column
            assert not differs[~of_column].any()
            assert differs.any() or (key == "category_ids" and i == 1)
            column += 1


def test_decode_inverts_the_encoding():
    layer, rows = adapted(), some_rows(40, seed=2)
    columns = layer.decode(layer(rows))
    assert columns.keys() == rows.keys()
    there = ~np.isnan(rows["numbers"])
    np.testing.assert_allclose(
        ops.convert_to_numpy(columns["numbers"])[there],
        rows["numbers"][there],
        rtol=1e-5,
        atol=1e-6,
    )
    there = ~np.isnan(rows["timestamps"])
    np.testing.assert_allclose(
        ops.convert_to_numpy(columns["timestamps"])[there],
        rows["timestamps"][there],
        atol=0.3,  # seconds
    )
    np.testing.assert_array_equal(columns["category_ids"], rows["category_ids"])


def test_the_average_row_decodes_to_the_centers_of_the_columns():
    known = some_rows()
    known["category_ids"][:, 0] = [2] * 30 + [1] * 20
    columns = adapted(known).decode(np.zeros((1, 22)))
    np.testing.assert_allclose(
        ops.convert_to_numpy(columns["numbers"])[0],
        np.nanmedian(known["numbers"], axis=0),
        rtol=1e-5,
    )
    assert int(columns["category_ids"][0, 0]) == 2  # the most frequent


def test_the_day_of_a_timestamp_fits_the_hour():
    """Daily wave of 9:00 and weekly wave of Tuesday 7:00: Tuesday 9:00."""
    layer = TabularEncoding(0, num_timestamps=1)
    layer.build({"timestamps": (None, 1)})
    day, week = math.tau * 9 / 24, math.tau * (24 + 7) / (7 * 24)
    waves = [math.sin(day), math.cos(day), math.sin(week), math.cos(week)]
    timestamp = layer.decode(np.array([waves]))["timestamps"]
    assert float(timestamp[0, 0]) == pytest.approx(DAY + 9 * HOUR, abs=0.1)


def test_columns_without_values_or_of_one_value_give_finite_features():
    rows = {"numbers": np.array([[np.nan, 5.0, 0.1]] * 3)}
    layer = TabularEncoding(3, missing_indicators=(0,))
    layer.adapt(rows)
    np.testing.assert_array_equal(features_of(layer, rows), 0)
    other = {"numbers": np.array([[2.0, 7.0, np.nan]])}
    # Its center is 0 and its spread 1; (0 - 1) / 0.1 for the gap.
    np.testing.assert_allclose(features_of(layer, other), [[2, 2, 10, -10]])


def test_one_row_is_enough():
    rows = some_rows(1)
    layer = adapted(rows)
    np.testing.assert_allclose(features_of(layer, rows), 0, atol=1e-5)
    assert np.isfinite(features_of(layer, some_rows(9, seed=1))).all()


def test_every_number_of_single_precision_gives_a_feature():
    most, least = 3.4e38, 1e-44
    values = [0, 1, -1, 1e30, most, -most, least, np.inf, -np.inf, np.nan]
    for known in ([0.0, 1.0], [most, -most], [least, -least], [most]):
        layer = TabularEncoding(1)
        layer.adapt({"numbers": np.float32(known)[:, None]})
        features = features_of(layer, np.float32(values)[:, None])
        assert (np.abs(features) <= 30).all()
    layer.adapt({"numbers": np.zeros((1, 1))})
    features = features_of(layer, np.float32(values)[:, None])
    np.testing.assert_array_equal(features[:6, 0], [0, 1, -1, 30, 30, -30])


def test_booleans_are_numbers():
    layer = TabularEncoding(1)
    layer.adapt({"numbers": np.array([[True], [False], [False]])})
    as_bool = features_of(layer, {"numbers": np.array([[True], [False]])})
    as_float = features_of(layer, {"numbers": np.array([[1.0], [0.0]])})
    np.testing.assert_array_equal(as_bool, as_float)
    assert as_float[0, 0] > 1 and as_float[1, 0] == 0


@pytest.mark.parametrize("code", [-1, 3, 1000])
def test_ids_beyond_the_vocabulary_are_unknown(code):
    layer = TabularEncoding(0, vocabulary_sizes=(2,))
    layer.adapt({"category_ids": np.array([[0], [1], [2]])})
    np.testing.assert_array_equal(
        features_of(layer, {"category_ids": np.array([[code]])}),
        features_of(layer, {"category_ids": np.array([[0]])}),
    )


def test_features_in_half_precision_are_those_in_single_rounded():
    rows = some_rows()
    rows["numbers"][:, 1] *= 1e6  # beyond half precision
    rows["timestamps"][:, 0] = WEEK - 60  # rounded to Monday in half precision
    single, half = adapted(rows), adapted(rows, dtype="mixed_float16")
    result = half(rows)
    assert keras.backend.standardize_dtype(result.dtype) == "float16"
    np.testing.assert_array_equal(
        ops.convert_to_numpy(result),
        features_of(single, rows).astype("float16"),
    )


DTYPES = {
    "numbers": "float32",
    "timestamps": "float32",
    "category_ids": "int32",
}


def inputs_of(layer):
    return {
        key: keras.Input((layer.num_columns[key],), dtype=dtype, name=key)
        for key, dtype in DTYPES.items()
    }


def as_inputs(rows):
    return {key: rows[key].astype(dtype) for key, dtype in DTYPES.items()}


def test_keras_file_and_saved_model_hold_the_scales(tmp_path):
    layer, rows = adapted(), as_inputs(some_rows(9, seed=1))
    inputs = inputs_of(layer)
    model = keras.Model(inputs, layer(inputs))
    assert model.output_shape == (None, layer.num_features)
    expected = features_of(layer, rows)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(again.predict(rows, verbose=0), expected)
    assert again.layers[-1].get_config() == layer.get_config()
    assert again.layers[-1].column_of_feature == layer.column_of_feature
    tf = pytest.importorskip("tensorflow", reason="SavedModel is TensorFlow's.")
    model.export(tmp_path / "model", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "model")
    np.testing.assert_allclose(
        loaded.serve(rows), expected, rtol=1e-5, atol=1e-5
    )


def test_adapting_again_replaces_the_scales():
    layer = adapted(some_rows(seed=5))
    layer.adapt(some_rows())
    for weight, expected in zip(
        layer.get_weights(), adapted().get_weights(), strict=True
    ):
        np.testing.assert_array_equal(weight, expected)
    assert not layer.trainable_weights and len(layer.weights) == 2


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e300])
def test_refuses_to_adapt_to_infinite_numbers(value):
    numbers = np.zeros((4, 3))
    numbers[2, 1] = value
    with pytest.raises(ValueError, match=r"finite.* in column 1, row 2"):
        TabularEncoding(3).adapt({"numbers": numbers})


def test_refuses_to_adapt_to_no_row():
    with pytest.raises(ValueError, match=r"at least one row.*\(0, 2\)"):
        TabularEncoding(2).adapt({"numbers": np.zeros((0, 2))})


@pytest.mark.parametrize(
    "shapes",
    [
        {"numbers": (5, 2)},
        {"numbers": (5, 3), "category_ids": (5, 1)},
        {"numbers": (5, 2), "category_ids": (5, 2)},
        {"numbers": (2,), "category_ids": (5, 1)},
        {"numbers": (5, 2), "category_ids": (5, 1), "timestamps": (5, 1)},
    ],
)
def test_refuses_columns_that_are_not_its_own(shapes):
    layer = TabularEncoding(2, vocabulary_sizes=(3,))
    rows = {key: np.zeros(shape) for key, shape in shapes.items()}
    with pytest.raises(ValueError, match=r"must be of shape \(batch, \d\)"):
        layer.adapt(rows)
    with pytest.raises(ValueError, match=r"must be of shape \(batch, \d\)"):
        layer(rows)


@pytest.mark.parametrize("arguments", [(0,), (-1, 2), (1, -1), (1, 0, (3, -1))])
def test_refuses_a_number_of_columns_that_cannot_be(arguments):
    with pytest.raises(ValueError, match=r"one column.*Received: num_num"):
        TabularEncoding(*arguments)


@pytest.mark.parametrize("missing_indicators", [(2,), (-1,), (0, 0)])
def test_refuses_missing_indicators_of_other_columns(missing_indicators):
    with pytest.raises(ValueError, match=r"from 0 to 1.*Received: missing_in"):
        TabularEncoding(2, missing_indicators=missing_indicators)
