"""Norms before clipping against NumPy, steps against Keras' Adam."""

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.training import ClippedAdam, GradientNorm

GRADIENTS = [[[3.0, 0.0], [4.0]], [[0.3, 0.0], [0.4]]]  # norms 5 and 0.5


def stepped(optimizer):
    variables = [keras.Variable([1.0, 2.0]), keras.Variable([3.0])]
    for step in GRADIENTS:
        optimizer.apply(list(map(ops.convert_to_tensor, step)), variables)
    return [ops.convert_to_numpy(variable) for variable in variables]


@pytest.mark.parametrize("options", [{}, {"loss_scale_factor": 4.0}])
@pytest.mark.parametrize("clipnorm", [None, 1.0])
def test_steps_equal_those_of_keras(clipnorm, options):
    options = {"global_clipnorm": clipnorm, **options}
    ours = stepped(ClippedAdam(0.1, **options))
    for a, b in zip(
        ours, stepped(keras.optimizers.Adam(0.1, **options)), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_norms_are_those_before_clipping():
    optimizer = ClippedAdam(0.1, global_clipnorm=1.0)
    stepped(optimizer)
    assert optimizer.gradient_norm_summary() == {
        "gradient_norm": pytest.approx((5 + 0.5) / 2),
        "max_gradient_norm": pytest.approx(5),
        "clipped_fraction": 0.5,  # 5 is above 1, 0.5 is not
    }
    optimizer.reset_gradient_norms()
    assert set(optimizer.gradient_norm_summary().values()) == {0.0}


def test_norms_are_computed_without_the_loss_scale():
    optimizer = ClippedAdam(0.1, loss_scale_factor=4.0)
    stepped(optimizer)
    largest = optimizer.gradient_norm_summary()["max_gradient_norm"]
    assert largest == pytest.approx(5 / 4)


def line(optimizer):
    """One weight, x = 1 and y = 1: the gradient is 2 (w - 1)."""
    model = keras.Sequential(
        [
            keras.Input((1,)),
            keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros"),
        ]
    )
    model.compile(optimizer, "mse")
    return model


def test_every_epoch_logs_its_own_norms():
    model = line(ClippedAdam(0.1, global_clipnorm=0.5))
    x = np.ones((4, 1))
    history = model.fit(
        x, x, batch_size=2, epochs=3, verbose=0, callbacks=[GradientNorm()]
    ).history
    # The size of Adam's first steps is the learning rate if the sign of the
    # gradient is constant: the weight is 0, 0.1, 0.2, ..., the gradient 2, 1.8,
    # 1.6, ...
    np.testing.assert_allclose(
        history["gradient_norm"], [1.9, 1.5, 1.1], rtol=0.01
    )
    np.testing.assert_allclose(
        history["max_gradient_norm"], [2.0, 1.6, 1.2], rtol=0.01
    )
    assert history["clipped_fraction"] == [1.0, 1.0, 1.0]


def test_mixed_precision_reports_norms_without_the_loss_scale():
    optimizer = keras.optimizers.LossScaleOptimizer(ClippedAdam(0.0))
    x = np.ones((4, 1))
    history = line(optimizer).fit(x, x, verbose=0, callbacks=[GradientNorm()])
    assert history.history["gradient_norm"] == [pytest.approx(2.0)]


def test_the_optimizer_is_saved_with_a_model(tmp_path):
    model = line(ClippedAdam(0.1, global_clipnorm=0.5))
    x = np.ones((4, 1))
    model.fit(x, x, verbose=0)
    model.save(tmp_path / "model.keras")
    optimizer = keras.models.load_model(tmp_path / "model.keras").optimizer
    assert type(optimizer).__name__ == "ClippedAdam"
    assert optimizer.global_clipnorm == 0.5
    assert optimizer.gradient_norm_summary()["gradient_norm"] == 2.0


def test_rejects_an_optimizer_that_records_no_norms():
    with pytest.raises(ValueError, match=r"such as `dlunits.*Received: SGD"):
        line("sgd").fit(
            np.ones((4, 1)),
            np.ones((4, 1)),
            verbose=0,
            callbacks=[GradientNorm()],
        )
