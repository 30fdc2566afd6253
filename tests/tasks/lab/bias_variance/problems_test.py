"""Training sets of the sine and of data, wrong labels and splits."""

import numpy as np
import pytest

from dlunits.tasks.lab.bias_variance.problems import (
    data_problem,
    prepare_data,
    sine,
    sine_problem,
    wrong_labels,
)
from dlunits.tasks.lab.sources import LabData


def make_data(num_classes=3, images=False, rows=200):
    rng = np.random.default_rng(0)
    shape = (5, 4, 1) if images else (6,)

    def split(n):
        x = rng.uniform(size=(n, *shape)).astype("float32")
        if not num_classes:
            return x, rng.normal(size=(n, 1)).astype("float32")
        return x, rng.integers(num_classes, size=n).astype("int32")

    names = tuple("abcdefgh"[:num_classes])
    return LabData("toy", "Toy data.", names, split(rows), split(50), split(80))


def test_the_targets_of_the_sine_have_the_stated_noise():
    problem = sine_problem()
    x, y = problem.training_sets(num_sets=20, size=500, seed=3)
    residuals = y - sine(x.reshape(-1, 1)).reshape(y.shape)
    assert residuals.var() == pytest.approx(problem.noise, rel=0.05)
    assert residuals.mean() == pytest.approx(0, abs=0.01)
    x, truth = problem.decomposed
    np.testing.assert_allclose(truth, np.sin(2 * np.pi * x[:, 0]), rtol=1e-5)


def test_training_sets_differ_and_are_drawn_again_alike():
    problem = data_problem(prepare_data(make_data()), noise=0.0)
    x, _ = problem.training_sets(num_sets=3, size=20, seed=1)
    again, _ = problem.training_sets(num_sets=3, size=20, seed=1)
    other, _ = problem.training_sets(num_sets=3, size=20, seed=2)
    assert (x == again).all()
    assert (x != other).any()
    assert (x[:, 0] != x[:, 1]).any()
    assert len(np.unique(x[:, 0], axis=0)) == 20  # without replacement


def test_wrong_labels_are_other_classes_at_the_given_rate():
    labels = np.repeat(np.arange(4, dtype="int32"), 5000)
    noisy = wrong_labels(labels, 4, 0.3, np.random.default_rng(0))
    wrong = noisy != labels
    assert wrong.mean() == pytest.approx(0.3, abs=0.02)
    # The three other classes are equally frequent.
    shifts = np.bincount((noisy - labels)[wrong] % 4, minlength=4)
    assert shifts[1:] / wrong.sum() == pytest.approx([1 / 3] * 3, abs=0.03)
    assert noisy.dtype == labels.dtype


def test_images_are_averaged_over_2x2_pixels():
    data = make_data(images=True)
    prepared = prepare_data(data)
    # 5x4 pixels give 2x2; the last row is left out.
    assert prepared.input_shape == (4,)
    means = data.train[0][:, :2, :2, 0].mean(axis=(1, 2))
    np.testing.assert_allclose(
        np.sort(prepared.train[0][:, 0]), np.sort(means), rtol=1e-6
    )


def test_labels_of_the_decomposition_are_true_and_fresh_ones_noisy():
    data = make_data()
    problem = data_problem(prepare_data(data, label_noise=0.9), noise=0.9)
    labels = {row.tobytes(): label for row, label in zip(*data.test)}  # noqa: B905
    wrong = {
        name: [
            labels[row.tobytes()] != label
            for row, label in zip(*getattr(problem, name))  # noqa: B905
        ]
        for name in ("decomposed", "fresh")
    }
    assert sum(wrong["decomposed"]) == 0
    assert np.mean(wrong["fresh"]) > 0.7
    assert len(wrong["decomposed"]) == len(wrong["fresh"]) == 40


def test_no_example_is_used_for_both_sides_of_the_equation():
    problem = data_problem(prepare_data(make_data()), noise=0.0)
    both = np.concatenate([problem.decomposed[0], problem.fresh[0]])
    assert len(np.unique(both, axis=0)) == 80


def test_the_chance_error_is_that_of_a_constant():
    data = prepare_data(make_data(num_classes=0))
    problem = data_problem(data, noise=None)
    assert problem.chance_error == pytest.approx(problem.fresh[1].var())
    problem = data_problem(prepare_data(make_data(2)), noise=0.0)
    shares = np.bincount(problem.fresh[1]) / len(problem.fresh[1])
    assert problem.chance_error == pytest.approx(min(shares))


def test_the_fingerprint_depends_on_examples_and_settings():
    fingerprints = {
        data_problem(
            prepare_data(make_data(n)), noise=0.0, **options
        ).fingerprint
        for n in (2, 3)
        for options in ({}, {"learning_rate": 0.1}, {"epochs": 3})
    }
    assert len(fingerprints) == 6


def test_bad_data_are_refused():
    with pytest.raises(ValueError, match="Label noise needs classes"):
        prepare_data(make_data(num_classes=0), label_noise=0.1)
    problem = data_problem(prepare_data(make_data()), noise=0.0)
    with pytest.raises(ValueError, match=r"has 200 training .*Received: 201"):
        problem.training_sets(num_sets=2, size=201, seed=0)
