"""Training: same losses as plain `fit` calls, saved results, divergence."""

import keras
import numpy as np
import pytest

from dlunits.tasks.lab.convolution.train import Trainer
from dlunits.tasks.lab.keras_code import epoch_order

EPOCHS, BATCH_SIZE, RATE = 3, 4, 0.05
RNG = np.random.default_rng(0)
TRAIN = (
    RNG.normal(size=(14, 3)).astype("float32"),
    RNG.integers(2, size=14),
)
VALIDATION = (TRAIN[0][:4], TRAIN[1][:4])


def small_model():
    return keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(5, "tanh"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(2),
        ]
    )


def make_trainer(learning_rate=RATE, **run):
    return Trainer(
        small_model,
        TRAIN,
        VALIDATION,
        run=run,
        epochs=EPOCHS,
        batch_size=BATCH_SIZE,
        learning_rate=learning_rate,
    )


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """Folder, trainer, and the state of seed 1, trained after seed 0."""
    folder = tmp_path_factory.mktemp("fitted")
    trainer = make_trainer(data="a")
    trainer.fit(0, folder / "0.npz")
    return folder, trainer, trainer.fit(1, folder / "1.npz")


def test_losses_are_those_of_fit_with_the_same_seed_and_order(fitted):
    _, trainer, state = fitted
    keras.utils.set_random_seed(1)
    model = small_model()
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(RATE), loss, metrics=["accuracy"])
    history = {}
    for epoch in range(EPOCHS):
        order = epoch_order(1, epoch, 14, BATCH_SIZE)
        logs = model.fit(
            TRAIN[0][order],
            keras.utils.to_categorical(TRAIN[1])[order],
            batch_size=BATCH_SIZE,
            shuffle=False,
            validation_data=(
                VALIDATION[0],
                keras.utils.to_categorical(VALIDATION[1]),
            ),
            verbose=0,
        ).history
        for name, values in logs.items():
            history.setdefault(name, []).extend(values)
    assert history.keys() == state["history"].keys()
    for name, values in history.items():
        np.testing.assert_allclose(values, state["history"][name], rtol=1e-5)
    for weight, expected in zip(
        trainer.model.get_weights(), model.get_weights(), strict=True
    ):
        np.testing.assert_allclose(weight, expected, rtol=1e-4, atol=1e-6)


def test_a_saved_training_is_loaded_and_not_repeated(fitted):
    folder, trainer, state = fitted
    saved = (folder / "1.npz").read_bytes()
    again = make_trainer(data="a")
    done = []
    assert again.fit(1, folder / "1.npz", done.append) == state
    assert sum(done) == EPOCHS
    assert (folder / "1.npz").read_bytes() == saved
    for weight, expected in zip(
        again.copy_model().get_weights(),
        trainer.model.get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(weight, expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"data": "b"}, "data was 'a' and is now 'b'"), (None, "damaged")],
)
def test_a_file_of_another_run_or_a_damaged_one_is_refused(
    fitted, options, message, tmp_path
):
    folder, *_ = fitted
    path = folder / "1.npz"
    if options is None:
        path = tmp_path / "damaged.npz"
        path.write_bytes((folder / "1.npz").read_bytes()[:200])
    with pytest.raises(ValueError, match=message):
        make_trainer(**(options or {})).fit(1, path)


def test_a_training_that_diverges_ends_early_and_is_a_result(tmp_path):
    trainer = make_trainer(learning_rate=1e38)
    done = []
    state = trainer.fit(0, tmp_path / "0.npz", done.append)
    losses = state["history"]["loss"]
    assert not np.isfinite(losses[-1])
    assert len(losses) < EPOCHS
    assert sum(done) == EPOCHS
