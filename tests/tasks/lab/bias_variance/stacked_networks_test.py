"""Stacked networks: each is trained as one that is trained alone."""

import dataclasses

import keras
import numpy as np
import pytest

from dlunits.tasks.lab.bias_variance.problems import (
    data_problem,
    prepare_data,
    sine_problem,
)
from dlunits.tasks.lab.bias_variance.stacked_networks import (
    OWN_MODEL,
    evaluation_epochs,
    network_of_stack,
    stack_of_clones,
    stacked_network,
    train_stack,
)
from tests.tasks.lab.bias_variance.problems_test import make_data

EPOCHS, NETWORKS, WIDTH, SIZE = 5, 3, 4, 10


@pytest.fixture(scope="module")
def problem():
    return sine_problem(epochs=EPOCHS)


@pytest.fixture(scope="module")
def stack(problem):
    return train_stack(
        problem, num_networks=NETWORKS, width=WIDTH, size=SIZE, seed=0
    )


def test_a_network_of_the_stack_computes_what_the_stack_does():
    model = stacked_network(3, num_features=2, width=5, num_outputs=4, seed=1)
    x = np.random.default_rng(0).normal(size=(6, 3, 2)).astype("float32")
    outputs = keras.ops.convert_to_numpy(model(x))
    for number in range(3):
        alone = network_of_stack(model, number)(x[:, number])
        np.testing.assert_allclose(outputs[:, number], alone, atol=1e-6)


def test_initial_kernels_differ_within_the_bounds_of_glorot():
    model = stacked_network(3, num_features=50, width=30, num_outputs=2)
    kernel = model.get_weights()[0]
    assert (kernel[0] != kernel[1]).any()
    assert abs(kernel).max() == pytest.approx(np.sqrt(6 / 80), rel=0.01)


@pytest.mark.parametrize("number", [0, NETWORKS - 1])
def test_training_is_that_of_keras_fit_on_one_set(problem, stack, number):
    x, y = problem.training_sets(NETWORKS, SIZE, seed=0)
    model = network_of_stack(
        stacked_network(
            NETWORKS, 1, WIDTH, 1, kernel_stddev=problem.kernel_stddev, seed=0
        ),
        number,
    )
    model.compile(keras.optimizers.Adam(problem.learning_rate), "mse")
    model.fit(
        x[:, number],
        y[:, number, None],
        batch_size=SIZE,
        epochs=EPOCHS,
        verbose=0,
    )
    predictions = model.predict(problem.decomposed[0], verbose=0)[:, 0]
    np.testing.assert_allclose(
        stack.predictions[-1, number], predictions, atol=1e-4
    )
    x_fresh, y_fresh = problem.fresh
    errors = (model.predict(x_fresh, verbose=0)[:, 0] - y_fresh) ** 2
    assert stack.fresh_errors[-1, number] == pytest.approx(
        errors.mean(), rel=1e-3
    )


@pytest.mark.parametrize("activation", ["softmax", None])
def test_networks_of_a_model_are_trained_as_if_alone(activation):
    """The outputs are probabilities or logits."""
    data = make_data(num_classes=3)
    problem = data_problem(prepare_data(data), noise=0.0, epochs=EPOCHS)
    layers = [keras.Input((2, 3)), keras.layers.Flatten()]
    layers += [keras.layers.Dense(4, "relu")]
    layers += [keras.layers.Dense(3, activation)]
    model = keras.Sequential(layers)
    trained = train_stack(
        problem,
        num_networks=NETWORKS,
        width=OWN_MODEL,
        size=SIZE,
        seed=0,
        model=model,
    )
    x, y = problem.training_sets(NETWORKS, SIZE, seed=0)
    number = NETWORKS - 1
    stack = stack_of_clones(model, NETWORKS, problem.num_features, seed=0)
    alone = stack.get_layer(f"network_{number}")
    loss = keras.losses.SparseCategoricalCrossentropy(
        from_logits=activation is None
    )
    alone.compile(keras.optimizers.Adam(problem.learning_rate), loss)
    options = {"batch_size": SIZE, "epochs": EPOCHS, "verbose": 0}
    alone.fit(x[:, number].reshape(SIZE, 2, 3), y[:, number], **options)
    inputs, labels = problem.validation
    expected = alone.evaluate(inputs.reshape(-1, 2, 3), labels, verbose=0)
    assert trained.validation_losses[-1, number] == pytest.approx(
        expected, rel=1e-4
    )
    assert len(set(trained.validation_losses[0])) == NETWORKS  # other weights


def test_measurements_have_a_row_for_each_evaluation(stack):
    assert stack.epochs.tolist() == [0, 1, 2, 3, 4, 5]
    assert stack.training_errors.shape == (6, NETWORKS)
    assert stack.validation_losses.shape == (6, NETWORKS)
    assert stack.predictions.shape == (6, NETWORKS, 500)
    assert stack.fresh_example_errors.mean() == pytest.approx(
        stack.fresh_errors[-1].mean(), rel=1e-5
    )


def test_evaluations_are_spread_over_the_epochs():
    assert np.diff(evaluation_epochs(200)).tolist() == [5] * 40


def test_a_diverging_training_is_a_result(problem):
    diverging = dataclasses.replace(problem, learning_rate=1e30)
    stack = train_stack(diverging, num_networks=2, width=2, size=5, seed=0)
    assert not np.isfinite(stack.fresh_errors[-1]).all()
