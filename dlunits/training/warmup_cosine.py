"""The learning-rate schedule of the apps."""

import keras


def warmup_cosine(learning_rate, *, steps, warmup_steps):
    """Rises to `learning_rate` on a line, then falls to 0 along a cosine.

    It is Keras' `CosineDecay`, laid out so that the rate reaches 0 at the end
    of the run. The warm-up takes a quarter of the run at the most.

    Args:
        learning_rate: Largest step size.
        steps: Integer, optimizer steps of the whole run.
        warmup_steps: Integer, steps of the rise.

    Returns:
        `keras.optimizers.schedules.CosineDecay`.

    Raises:
        ValueError: If `steps` is not positive.

    Example:

    >>> schedule = warmup_cosine(0.5, steps=100, warmup_steps=20)
    >>> [round(float(schedule(step)), 3) for step in (0, 10, 20, 60, 100)]
    [0.0, 0.25, 0.5, 0.25, 0.0]
    """
    if steps < 1:
        raise ValueError(f"`steps` must be at least 1. Received: {steps=}")
    warmup_steps = min(warmup_steps, steps // 4)
    return keras.optimizers.schedules.CosineDecay(
        0.0,
        warmup_target=learning_rate,
        warmup_steps=warmup_steps,
        decay_steps=steps - warmup_steps,
    )
