"""Checks of the shapes of a generator and a discriminator."""

from collections.abc import Sequence

import keras

from dlunits.typing import Array, Shape, Tensor


def check_counts(
    latent_dim: int, num_classes: int | None, discriminator_steps: int
) -> None:
    """Raises a `ValueError` if a count is less than 1."""
    counts = {
        "latent_dim": latent_dim,
        "num_classes": 1 if num_classes is None else num_classes,
        "discriminator_steps": discriminator_steps,
    }
    for name, count in counts.items():
        if count < 1:
            raise ValueError(
                f"`{name}` must be at least 1. Received: {name}={count}"
            )


def check_networks(
    generator: keras.Model,
    discriminator: keras.Model,
    latent_dim: int,
    num_classes: int | None,
) -> None:
    """Raises a `ValueError` if inputs and outputs do not match."""
    label_shapes: list[Shape] = [] if num_classes is None else [()]
    z, *labels = shapes_of(generator.inputs)
    if z != (latent_dim,) or labels != label_shapes:
        raise ValueError(
            "`generator` must have inputs of the shapes "
            f"{[(latent_dim,), *label_shapes]}, without the batch axis. "
            f"Received: a generator with {[z, *labels]}"
        )
    expected = shapes_of(generator.outputs) + label_shapes
    received = shapes_of(discriminator.inputs)
    if received != expected:
        raise ValueError(
            "`discriminator` must have inputs of the shapes of the "
            f"generator's outputs (and labels), {expected}. Received: a "
            f"discriminator with {received}"
        )
    outputs = shapes_of(discriminator.outputs)
    if outputs != [(1,)]:
        raise ValueError(
            "`discriminator` must have one output of shape (batch, 1). "
            f"Received: output shapes without the batch axis {outputs}"
        )


def shapes_of(tensors: Sequence[Tensor]) -> list[Shape]:
    """Shapes without the batch axis."""
    return [tuple(tensor.shape[1:]) for tensor in tensors]


def check_labels_shape(shape: Shape) -> None:
    """Raises a `ValueError` if labels are not one integer per example."""
    if len(shape) != 1 and tuple(shape[1:]) != (1,):
        raise ValueError(
            "Labels must be integers of shape (batch,), one class per example; "
            "for one-hot labels, pass `labels.argmax(axis=-1)`. Received: "
            f"labels of shape {tuple(shape)}"
        )


def check_labels(labels: Array, num_classes: int) -> None:
    """Raises a `ValueError` if a label is not in [0, num_classes)."""
    wrong = labels[(labels < 0) | (labels >= num_classes)]
    if len(wrong):
        raise ValueError(
            f"Labels must be integers from 0 to {num_classes - 1}. Received: "
            f"{wrong[0]}"
        )
