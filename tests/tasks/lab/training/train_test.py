"""Training of runs: measurements, compilation and reproducibility."""

import dataclasses

import keras
import numpy as np
import pytest

from dlunits.diagnostics import flat_weights
from dlunits.tasks.lab.sources import LabData
from dlunits.tasks.lab.training.recipes import Recipe
from dlunits.tasks.lab.training.train import (
    Trainers,
    check_networks,
    loss_function,
    make_network,
)

RECIPE = Recipe(
    epochs=3, batch_size=4, units=5, num_layers=1, optimizer="momentum"
)


def two_classes(rows, seed):
    """Points whose class is the sign of their first coordinate."""
    x = np.random.default_rng(seed).normal(size=(rows, 3)).astype("float32")
    return x, (x[:, 0] > 0).astype("int32")


DATA = LabData(
    *("points", "Points.", ("left", "right")),
    *(two_classes(22, 0), two_classes(8, 1), two_classes(8, 2)),
)


@pytest.fixture(scope="module")
def trainers():
    return Trainers(DATA)


@pytest.fixture(scope="module")
def result(trainers):
    return trainers.fit(RECIPE, keep_path=True)


def test_everything_is_measured_at_each_epoch(result):
    assert result.layers == ["hidden_1", "output"]
    assert result.activations == ["hidden_1", "output"]
    assert result.updates.tolist() == [5, 10, 15]  # 22 // 4 in an epoch
    assert result.loss.shape == result.score.shape == (3,)
    assert result.validation_loss.shape == (4,)
    assert result.gradient_norm.shape == result.dead.shape == (4, 2)
    assert result.update_ratio.shape == (3, 2)
    assert (np.diff(result.seconds) > 0).all()
    assert (result.gradient_norm > 0).all()
    assert result.loss[-1] < result.loss[0]
    assert not result.diverged
    # Fewer updates than the maximum: the loss of each is stored.
    assert result.update.tolist() == list(range(1, 16))
    np.testing.assert_allclose(
        result.update_loss.reshape(3, 5).mean(axis=1), result.loss, rtol=1e-6
    )
    np.testing.assert_allclose(
        result.loss_deviation, result.update_loss[-5:].std(), rtol=1e-5
    )


def test_the_path_starts_at_the_weights_of_the_seed(result):
    start = flat_weights(make_network(RECIPE, DATA))
    assert result.path.shape == (4, len(start))
    np.testing.assert_array_equal(result.path[0], start)


def test_runs_that_share_a_structure_share_a_compiled_loop(trainers, result):
    before = trainers.num_compiled
    assert before == 1
    for changes in (
        {"seed": 1},
        {"learning_rate": 0.1},
        {"batch_size": 7},
        {"data_size": 11},
        {"initializer": "he_normal"},
    ):
        trainers.fit(dataclasses.replace(RECIPE, epochs=1, **changes))
    assert trainers.num_compiled == before
    again = trainers.fit(RECIPE)
    np.testing.assert_array_equal(again.loss, result.loss)
    np.testing.assert_array_equal(again.gradient_norm, result.gradient_norm)


def test_runs_differ_by_seed(trainers, result):
    other = trainers.fit(dataclasses.replace(RECIPE, seed=5))
    assert other.loss[0] != result.loss[0]


def test_a_diverged_run_is_a_result(trainers):
    result = trainers.fit(dataclasses.replace(RECIPE, learning_rate=1e38))
    assert result.diverged
    assert np.isnan(result.test_loss)
    assert np.isnan(result.loss[-1])
    assert np.isfinite(result.validation_loss[0])
    assert result.loss.shape == (3,)


def regression():
    x = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
    return LabData("line", "Line.", (), *[(x, x[:, :1])] * 3)


def test_the_score_of_a_regression_is_the_root_mean_squared_error():
    recipe = dataclasses.replace(RECIPE, loss="mean_squared_error")
    result = Trainers(regression()).fit(recipe)
    np.testing.assert_allclose(
        result.validation_score**2, result.validation_loss, rtol=1e-4
    )
    np.testing.assert_allclose(
        result.test_score**2, result.test_loss, rtol=1e-4
    )


def own_model(activation):
    return keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(2, activation, name="own")]
    )


OWN = dataclasses.replace(
    RECIPE,
    activation=None,
    initializer=None,
    regularizer=None,
    units=None,
    num_layers=None,
)


def test_a_model_of_logits_is_trained_like_one_of_probabilities():
    losses = [
        Trainers(DATA, own_model(activation)).fit(OWN).loss
        for activation in (None, "softmax")
    ]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)


def test_what_a_model_cannot_have_is_refused_before_training():
    recipes = [OWN, dataclasses.replace(OWN, activation="tanh")]
    with pytest.raises(ValueError, match="no hidden layer with an activation"):
        check_networks(recipes, DATA, own_model("softmax"))


@pytest.mark.parametrize("loss", ["mean_squared_error", "categorical_hinge"])
def test_other_losses_of_logits_are_refused(loss):
    recipe = dataclasses.replace(OWN, loss=loss)
    assert loss_function(recipe, own_model("softmax"), DATA) == loss
    with pytest.raises(ValueError, match=f"{loss} needs probabilities"):
        loss_function(recipe, own_model(None), DATA)
