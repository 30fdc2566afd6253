"""Centers and spreads of columns, against NumPy one column at a time."""

import warnings

import numpy as np
import pytest

from dlunits.layers.tabular.robust_scaling import (
    WIDEN,
    scale_bounded,
    scale_categories,
    scale_numbers,
)


def scale_of_number_np(column):
    column = column[~np.isnan(column)].astype("float64")
    if not len(column):
        return 0, 1
    pulled_in = np.clip(column, *np.quantile(column, [0.05, 0.95]))
    spread = 1.0968049 * np.std(pulled_in) or np.std(column) or 1
    return np.median(column), spread


def test_numbers_match_numpy_column_by_column():
    rng = np.random.default_rng(0)
    numbers = rng.standard_cauchy((97, 6)).astype("float32")
    numbers[:, 1] = rng.integers(0, 3, 97)
    numbers[:, 2] = np.arange(97) == 5  # more than 95 % are equal
    numbers[:, 3] = 7
    numbers[rng.uniform(size=numbers.shape) < 0.2] = np.nan
    numbers[:, 4] = np.nan
    numbers[5, 2] = 1
    expected = [scale_of_number_np(column) for column in numbers.T]
    assert expected[2][1] < 0.2 and expected[3:5] == [(7, 1), (0, 1)]
    np.testing.assert_allclose(
        scale_numbers(numbers), np.transpose(expected), rtol=1e-6
    )


def test_spread_of_normal_numbers_is_their_standard_deviation():
    rng = np.random.default_rng(0)
    numbers = 5 + 3 * rng.normal(size=(100_000, 1))
    center, spread = scale_numbers(numbers)
    # With 100,000 rows the relative error of a standard deviation is 1 /
    # sqrt(200,000) = 1 / 447.
    np.testing.assert_allclose([center[0], spread[0]], [5, 3], atol=0.03)
    # The integral by rectangles, 8 standard deviations wide.
    z = np.linspace(-8, 8, 100_001)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    pulled_in = np.clip(z, -1.6448536, 1.6448536)  # the 5 % quantiles
    variance = np.sum(pulled_in**2 * density) * (z[1] - z[0])
    assert pytest.approx(variance**-0.5, rel=1e-6) == WIDEN


@pytest.mark.parametrize("value", [0.1, -3e38, 1e-45])
@pytest.mark.parametrize("rows", [1, 2, 10])
def test_spread_of_equal_numbers_is_1_to_the_last_bit(value, rows):
    numbers = np.full((rows, 1), value, "float32")
    center, spread = scale_numbers(numbers)
    assert center == numbers[0] and spread == 1


def test_spreads_are_normal_numbers_in_single_precision():
    most, least = 3.4e38, 1e-44  # least is subnormal, hardware rounds it to 0
    numbers = np.float32([[most, 0], [-most, least], [most, 0], [-most, 0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        spread = scale_numbers(numbers)[1].astype("float32")
    assert spread.tolist() == [2.0**126, 1]
    assert 1 / spread[0] == np.finfo("float32").tiny


def test_outliers_of_a_few_rows_hardly_widen_the_spread():
    numbers = np.random.default_rng(0).normal(size=(1000, 1))
    spread = scale_numbers(numbers)[1]
    numbers[:20] = 1e30  # 2 %
    assert scale_numbers(numbers)[1] == pytest.approx(spread, rel=0.1)


def test_bounded_columns_are_at_least_a_tenth_wide():
    raw = np.array([[0, 1, np.nan], [1, 1, np.nan], [np.nan, 1, np.nan]])
    center, spread = scale_bounded(raw)
    np.testing.assert_allclose(center, [0.5, 1, 0])
    np.testing.assert_allclose(spread, [0.5, 0.1, 0.1])


def test_variances_of_a_category_add_up_to_1():
    rng = np.random.default_rng(0)
    codes = rng.choice(4, size=(500, 2), p=[0.1, 0.2, 0.3, 0.4])
    one_hot = np.concatenate(
        [np.eye(4)[codes[:, 0]], np.eye(5)[codes[:, 1]]], 1
    )
    center, spread = scale_categories(one_hot, [4, 5])
    features = (one_hot - center) / spread
    np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-12)
    variances = features.var(axis=0)
    np.testing.assert_allclose([variances[:4].sum(), variances[4:].sum()], 1)


def test_a_category_of_one_value_is_a_tenth_wide():
    center, spread = scale_categories(np.eye(2)[[1, 1, 1]], [2])
    assert center.tolist() == [0, 1] and spread.tolist() == [0.1, 0.1]
