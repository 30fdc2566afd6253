"""Bits against counts in loops, distortion against theory."""

import collections
import math

import numpy as np
import pytest

from dlunits.diagnostics import coarsest_step, code_length, rate_distortion


def code_length_np(table_code, code, step):
    """Counts in loops over units and codes."""
    quantized, bits = np.zeros_like(code), 0.0
    for unit in range(code.shape[1]):
        seen = [round(h / step) for h in table_code[:, unit]]
        counts = collections.Counter(seen)
        possible = range(min(seen), max(seen) + 1)
        total = sum(counts[level] + 1 for level in possible)
        for example in range(len(code)):
            level = round(code[example, unit] / step)
            level = min(max(level, min(seen)), max(seen))
            quantized[example, unit] = level * step
            bits -= math.log2((counts[level] + 1) / total)
    return quantized, bits / len(code)


@pytest.mark.parametrize("step", [2.0, 0.3, 0.01])
def test_bits_and_values_match_a_coder_with_the_table(step):
    rng = np.random.default_rng(0)
    table_code = rng.normal(size=(200, 5)) * [1, 2, 0.1, 0, 3]
    code = rng.normal(size=(40, 5)) * [1, 2, 0.1, 0, 4]  # some beyond the table
    quantized, bits = code_length(table_code, code, step)
    expected, expected_bits = code_length_np(table_code, code, step)
    np.testing.assert_allclose(quantized, expected, rtol=1e-6)
    assert bits == pytest.approx(expected_bits, rel=1e-12)


def test_bits_do_not_fall_below_the_entropy():
    # Four equally frequent values need 2 bits each, six units 12 bits; of
    # 40,000 the table's estimate is good to a thousandth.
    rng = np.random.default_rng(1)
    table_code, code = rng.integers(0, 4, (2, 40_000, 6)).astype(float)
    _, bits = code_length(table_code, code, step=1)
    assert bits == pytest.approx(12, rel=1e-3)


def test_constant_units_need_no_bits():
    code = np.full((1000, 8), 0.7)
    assert code_length(code, code, step=0.1)[1] == 0


def test_halving_a_fine_step_adds_one_bit_per_unit():
    rng = np.random.default_rng(2)
    table_code, code = rng.uniform(-1, 1, (2, 100_000, 3))
    lengths = [code_length(table_code, code, step)[1] for step in (0.01, 0.005)]
    assert lengths[1] - lengths[0] == pytest.approx(3, abs=0.03)


def test_a_fine_step_adds_its_square_over_12_to_the_error():
    rng = np.random.default_rng(3)
    code = rng.uniform(0.2, 0.8, (5000, 4))  # standard deviation 0.6 / sqrt(12)
    [point, exact] = rate_distortion(
        lambda code: code, code, code, code, steps=[0.1]
    )
    step = 0.1 * 0.6 / math.sqrt(12)
    expected = 10 * math.log10(12 / step**2)
    assert point["psnr"] == pytest.approx(expected, abs=0.1)
    assert point["step"] == 0.1
    assert exact["step"] == 0


def test_rate_is_per_pixel_and_codes_keep_their_shape():
    rng = np.random.default_rng(4)
    code = rng.normal(size=(50, 3, 2)).astype("float32")
    images = rng.uniform(size=(50, 4, 5, 1))

    def decode(code):
        assert code.shape == (50, 3, 2)
        assert code.dtype == np.float32
        return np.zeros((50, 4, 5, 1))

    [point, _] = rate_distortion(decode, code, code, images, steps=[0.5])
    spread = math.sqrt(code.reshape(50, 6).var(axis=0).mean())
    _, bits = code_length(code, code, 0.5 * spread)
    assert point["bits_per_pixel"] == pytest.approx(bits / 20)
    assert point["psnr"] == pytest.approx(-10 * math.log10((images**2).mean()))


def test_rate_does_not_depend_on_the_scale_of_the_code():
    rng = np.random.default_rng(5)
    code = rng.normal(size=(300, 4))
    images = rng.uniform(size=(300, 4))
    one, other = (
        rate_distortion(lambda z, s=s: z / s, s * code, s * code, images)
        for s in (1, 1000.0)
    )
    for a, b in zip(one, other, strict=True):
        assert a["psnr"] == pytest.approx(b["psnr"], abs=1e-4)
        assert a["bits_per_pixel"] == pytest.approx(b["bits_per_pixel"])


def points(*psnr):
    return [
        {"step": s, "psnr": p} for s, p in zip((4, 2, 1, 0), psnr, strict=True)
    ]


@pytest.mark.parametrize(
    ("psnr", "step"),
    [((19.95, 20, 20, 20), 4), ((10, 19.95, 20, 20), 2), ((1, 2, 3, 20), 1)],
)
def test_chooses_the_coarsest_step_within_the_allowed_loss(psnr, step):
    assert coarsest_step(points(*psnr)) == step


def test_rejects_a_step_that_is_not_positive():
    with pytest.raises(ValueError, match=r"positive\. Received: step=0"):
        code_length([[1.0]], [[1.0]], 0)


def test_rejects_codes_that_are_not_finite():
    with pytest.raises(ValueError, match="must be finite"):
        code_length([[1.0]], [[np.nan]], 1)
