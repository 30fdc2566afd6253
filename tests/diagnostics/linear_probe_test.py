"""The linear probe on codes with known accuracy."""

import numpy as np
import pytest

from dlunits.diagnostics import linear_probe


def codes(seed, examples=400):
    """Four classes, the corners of a square in the first two of five units."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, examples)
    code = rng.normal(size=(examples, 5))
    code[:, :2] += 12 * np.stack([labels % 2, labels // 2], axis=1)
    return code, labels


def test_separates_linearly_separable_classes():
    assert linear_probe(*codes(0), *codes(1)) == 1


def test_does_not_separate_classes_with_a_curved_boundary():
    rng = np.random.default_rng(2)
    code = rng.normal(size=(2000, 2))
    labels = (code[:, 0] * code[:, 1] > 0).astype(int)  # opposite quadrants
    accuracy = linear_probe(
        code[:1000], labels[:1000], code[1000:], labels[1000:]
    )
    assert 0.4 < accuracy < 0.6


def test_accuracy_is_measured_on_other_codes():
    code, labels = np.random.default_rng(3).normal(size=(2, 60, 200))
    labels = (labels[:, 0] > 0).astype(int)  # random labels
    assert linear_probe(code[:30], labels[:30], code[:30], labels[:30]) == 1
    assert linear_probe(code[:30], labels[:30], code[30:], labels[30:]) < 0.85


def test_the_scale_of_a_unit_does_not_matter():
    (train, train_labels), (test, labels) = codes(4), codes(5)
    train[:, :2] += 3 * train[:, 2:4]
    test[:, :2] += 3 * test[:, 2:4]
    scale = np.array([1e-3, 1e3, 1, 1e-2, 50])
    assert linear_probe(
        scale * train, train_labels, scale * test, labels
    ) == linear_probe(train, train_labels, test, labels)


def test_accepts_constant_units():
    (train, train_labels), (test, labels) = codes(6), codes(7)
    train[:, 4] = test[:, 4] = 0
    assert linear_probe(train, train_labels, test, labels) == 1


def test_rejects_a_single_class():
    code, _ = codes(8)
    with pytest.raises(ValueError, match="at least 2 classes"):
        linear_probe(code, np.zeros(400, int), code, np.zeros(400, int))
