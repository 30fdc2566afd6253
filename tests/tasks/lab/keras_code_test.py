"""Keras code of a run: it runs and reproduces the losses."""

import keras
import numpy as np
import pytest

from dlunits import models
from dlunits.tasks.lab.keras_code import (
    epoch_order,
    is_chain,
    model_code,
    object_code,
    training_code,
)
from dlunits.tasks.lab.sources import LabData, save_arrays

EPOCHS, BATCH_SIZE, SEED = 2, 4, 3


def random_data(num_classes):
    """18 examples of 3 features; a regression problem without classes."""
    rng = np.random.default_rng(0)

    def split(rows):
        x = rng.normal(size=(rows, 3)).astype("float32")
        if num_classes:
            return x, rng.integers(num_classes, size=rows).astype("int32")
        return x, x[:, :1]

    names = tuple("abc"[:num_classes])
    return LabData("random", "Random.", names, split(14), split(2), split(2))


def small_model(outputs):
    return keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(
                5,
                "leaky_relu",
                kernel_initializer=keras.initializers.HeNormal(),
                kernel_regularizer=keras.regularizers.L2(1e-3),
            ),
            keras.layers.Dropout(0.1),
            keras.layers.Dense(outputs, "softmax" if outputs > 1 else None),
        ]
    )


def train(make_model, data, optimizer, loss, num_examples):
    """Losses of a run, computed by a loop over mini-batches."""
    keras.utils.set_random_seed(SEED)
    model = make_model()
    model.compile(optimizer, loss)
    x, y = data.train
    x, y = x[:num_examples], y[:num_examples]
    if not data.is_regression:
        y = keras.utils.to_categorical(y, data.num_outputs)
    losses = []
    for epoch in range(EPOCHS):
        order = epoch_order(SEED, epoch, num_examples, BATCH_SIZE)
        of_batches = [
            model.train_on_batch(x[rows], y[rows])
            for rows in order.reshape(-1, BATCH_SIZE)
        ]
        losses.append(np.mean(of_batches))
    return model, losses


@pytest.mark.parametrize(
    ("num_classes", "loss", "num_examples"),
    [
        (0, "mean_squared_error", 13),
        (3, keras.losses.CategoricalCrossentropy(label_smoothing=0.1), 14),
    ],
)
def test_the_code_gets_the_losses_of_the_run(
    num_classes, loss, num_examples, tmp_path
):
    data = random_data(num_classes)
    save_arrays(tmp_path / "data.npz", data)

    def make_model():
        return small_model(data.num_outputs)

    model, losses = train(
        make_model, data, keras.optimizers.Adam(0.1), loss, num_examples
    )
    code = training_code(
        model,
        data,
        data_file=str(tmp_path / "data.npz"),
        optimizer=keras.optimizers.Adam(0.1),
        loss=loss,
        batch_size=BATCH_SIZE,
        epochs=EPOCHS,
        seed=SEED,
        metrics=["accuracy"] if num_classes else [],
        num_examples=num_examples,
    )
    assert "dlunits" not in code
    namespace = {}
    exec(compile(code, "code", "exec"), namespace)  # noqa: S102
    assert losses[1] < losses[0]
    np.testing.assert_allclose(namespace["losses"], losses, rtol=1e-5)


def test_models_of_the_package_are_written_by_their_name():
    code = model_code(models.LeNet5(num_classes=4))
    assert code == "dlunits.models.LeNet5(num_classes=4)"


def test_a_functional_chain_is_written_as_a_sequential_model():
    x = keras.Input((4,))
    y = keras.layers.Dense(2)(keras.layers.ReLU()(x))
    code = model_code(keras.Model(x, y))
    assert [line.strip() for line in code.splitlines()[2:-2]] == [
        "keras.Input((4,)),",
        "keras.layers.ReLU(),",
        "keras.layers.Dense(units=2),",
    ]


def test_a_model_with_a_branch_needs_a_file():
    x = keras.Input((4,))
    y = keras.layers.Add()([keras.layers.Dense(4)(x), x])
    model = keras.Model(x, y)
    assert not is_chain(model)
    with pytest.raises(ValueError, match="not a chain of layers"):
        model_code(model)


def test_a_class_without_a_public_name_is_refused():
    class Own(keras.layers.Layer):
        pass

    with pytest.raises(ValueError, match="class Own is exported by neither"):
        object_code(Own())


def test_a_schedule_is_written_within_its_optimizer():
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 50)
    assert object_code(keras.optimizers.SGD(schedule)).replace("\n", "") == (
        "keras.optimizers.SGD(    learning_rate=keras.optimizers.schedules."
        "CosineDecay(        initial_learning_rate=0.1,        decay_steps=50,"
        "    ),)"
    )
