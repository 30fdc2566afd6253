"""Learning-rate schedule with linear warm-up and cosine decay."""

import keras


def warmup_cosine(
    learning_rate: float, *, steps: int, warmup_steps: int
) -> keras.optimizers.schedules.CosineDecay:
    """Builds a schedule of linear warm-up and cosine decay to 0.

    For step t of T = `steps` and W = min(`warmup_steps`, T / 4):

        rate(t) = learning_rate * t / W                                 t < W
        rate(t) = learning_rate * (1 + cos(pi (t - W) / (T - W))) / 2   t >= W

    Args:
        learning_rate: Number, largest learning rate.
        steps: Integer, optimizer steps of the whole run.
        warmup_steps: Integer, steps of the warm-up; at most a quarter of
            `steps` is used.

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
