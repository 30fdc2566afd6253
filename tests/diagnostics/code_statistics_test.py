"""Statistics of codes against loops and identities."""

import keras
import numpy as np
import pytest

from dlunits.diagnostics import code_bounds, code_statistics


def statistics_np(code, low, high):
    """Equations of the docstring in loops."""
    examples, units = code.shape
    total, saturated = 0.0, 0
    for i in range(examples):
        for j in range(units):
            total += abs(code[i, j])
            edge = 0.05 * (high - low)
            saturated += code[i, j] < low + edge or code[i, j] > high - edge
    variances = []
    for j in range(units):
        mean = sum(code[:, j]) / examples
        variances.append(sum((code[:, j] - mean) ** 2) / examples)
    bound = 0.01 * sum(variances) / units
    dead = sum(variance <= bound for variance in variances)
    return {
        "mean_activation": total / (examples * units),
        "dead_units": dead / units,
        "saturation": saturated / (examples * units),
    }


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1, 1)])
def test_statistics_match_the_equations(low, high):
    rng = np.random.default_rng(0)
    code = rng.beta(0.3, 0.3, (50, 12)) * (high - low) + low
    code[:, 3] = code[:, 3].mean()  # constant
    code[:, 7] = 0.5 + 0.001 * code[:, 7]  # nearly constant
    measured = code_statistics(code, bounds=(low, high))
    assert measured == pytest.approx(statistics_np(code, low, high))
    assert measured["dead_units"] == 2 / 12


def test_dead_units_do_not_depend_on_the_scale_of_the_code():
    rng = np.random.default_rng(1)
    code = rng.normal(size=(100, 10)) * [1, 2, 3, 4, 5, 1e-3, 1e-3, 0, 1, 1]
    for scale in (1e-4, 1, 1e4):
        assert code_statistics(scale * code)["dead_units"] == 0.3


def test_a_unit_is_dead_up_to_a_hundredth_of_the_mean_variance():
    # Deviations of -s and s have the variance s^2; the mean of the three is
    # (1 + 1 + s^2) / 3, a hundredth of it 0.0067, whose root is 0.082.
    signs = np.array([[-1.0], [1.0]])
    assert code_statistics(signs * [1, 1, 0.081])["dead_units"] == 1 / 3
    assert code_statistics(signs * [1, 1, 0.083])["dead_units"] == 0


def test_relu_units_that_are_always_zero_are_dead():
    rng = np.random.default_rng(2)
    bias = np.array([0, 0, -9, -9])  # nine standard deviations below
    code = np.maximum(rng.normal(size=(200, 4)) + bias, 0)
    assert code_statistics(code)["dead_units"] == 0.5


def test_all_units_of_a_constant_code_are_dead():
    assert code_statistics(np.ones((5, 3)))["dead_units"] == 1


def test_feature_maps_count_as_units():
    code = np.random.default_rng(3).uniform(size=(6, 4, 4, 2))
    assert code_statistics(code, (0, 1)) == code_statistics(
        code.reshape(6, 32), (0, 1)
    )


def test_without_bounds_there_is_no_saturation():
    assert code_statistics([[1.0], [2.0]])["saturation"] is None


@pytest.mark.parametrize(
    ("activation", "bounds"),
    [("sigmoid", (0, 1)), ("tanh", (-1, 1)), ("relu", None), (None, None)],
)
def test_bounds_are_those_of_the_last_activation(activation, bounds):
    encoder = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(5, "tanh" if bounds is None else "relu"),
            keras.layers.Dense(2, activation),
            keras.layers.Dropout(0.1),  # does not change the range
        ]
    )
    assert code_bounds(encoder) == bounds


def test_an_encoder_without_activations_has_no_bounds():
    encoder = keras.Sequential([keras.Input((3,)), keras.layers.Flatten()])
    assert code_bounds(encoder) is None


@pytest.mark.parametrize(
    ("code", "bounds", "message"),
    [
        (np.empty((0, 3)), None, r"at least one unit.*\(0, 3\)"),
        (np.ones(3), None, r"of at least one unit.*\(3,\)"),
        ([[np.nan, 1.0]], None, "images for NaN.*Received: 1 of 2"),
        ([[0.5, 1.5]], (0, 1), r"within bounds=\(0, 1\).*0\.5 to 1\.5"),
    ],
)
def test_rejects_invalid_codes(code, bounds, message):
    with pytest.raises(ValueError, match=message):
        code_statistics(code, bounds)
