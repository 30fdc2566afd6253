"""Attribution of anomalies to columns, against a slow loop."""

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.layers import LeSiNN, TabularEncoding
from dlunits.models.anomaly.column_attribution import ColumnAttribution


def rows(count, seed):
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(count, 2)).astype("float32")
    numbers[::7, 1] = np.nan
    return {
        "numbers": numbers,
        "timestamps": rng.uniform(0, 604_800, (count, 1)).astype("float32"),
        "category_ids": rng.integers(0, 3, (count, 1)).astype("int32"),
    }


@pytest.fixture(scope="module")
def model():
    encoding = TabularEncoding(2, 1, [2], missing_indicators=[1])
    encoding.adapt(rows(60, 0))
    features = ops.convert_to_numpy(encoding(rows(60, 0)))
    neighborhood = LeSiNN(5, 16)
    neighborhood.adapt(np.arcsinh(features))
    return ColumnAttribution(encoding, neighborhood)


def test_shares_are_sums_over_the_features_of_a_column(model):
    features = ops.convert_to_numpy(model.encoding(rows(5, 1)))
    typical = model.neighborhood.typical(np.arcsinh(features))
    typical = np.sinh(ops.convert_to_numpy(typical))
    column_of_feature = model.encoding.column_of_feature
    # Two numbers, the gap of the second, four waves, two values and unknown.
    assert column_of_feature == (0, 1, 1, 2, 2, 2, 2, 3, 3, 3)
    expected = np.zeros((5, 4))
    for row in range(5):
        for feature, owner in enumerate(column_of_feature):
            difference = features[row, feature] - typical[row, feature]
            expected[row, owner] += difference**2
    expected /= expected.sum(axis=1, keepdims=True)
    found = model(rows(5, 1))
    np.testing.assert_allclose(
        ops.convert_to_numpy(found["share"]), expected, rtol=1e-3, atol=1e-5
    )


def test_typical_values_are_in_the_units_of_the_columns(model):
    x = rows(5, 1)
    found = {key: ops.convert_to_numpy(v) for key, v in model(x).items()}
    assert {k: v.shape for k, v in found.items() if k != "share"} == {
        key: value.shape for key, value in x.items()
    }
    assert np.abs(found["numbers"]).max() < 4
    assert set(found["category_ids"].ravel().tolist()) <= {0, 1, 2}


def test_it_is_saved_with_its_layers(model, tmp_path):
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    there, back = model(rows(5, 1)), again(rows(5, 1))
    for key in there:
        np.testing.assert_allclose(
            ops.convert_to_numpy(back[key]), ops.convert_to_numpy(there[key])
        )
