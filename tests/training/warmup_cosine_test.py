"""The schedule against its formulas, also for few steps."""

import math

import numpy as np
import pytest

from dlunits.training import warmup_cosine


def rate_np(step, learning_rate, steps, warmup_steps):
    """Linear up to `warmup_steps`, then half a cosine to 0 at `steps`."""
    warmup_steps = min(warmup_steps, steps // 4)
    if step < warmup_steps:
        return learning_rate * step / warmup_steps
    done = (step - warmup_steps) / (steps - warmup_steps)
    return learning_rate * (1 + math.cos(math.pi * min(done, 1))) / 2


@pytest.mark.parametrize(
    ("steps", "warmup_steps"),
    [
        (40, 10),
        (40, 3),
        (40, 30),  # limited to 10, a quarter
        (40, 0),
        (4, 4),
        (1, 1),  # one step: the full rate
    ],
)
def test_linear_warmup_and_cosine_decay(steps, warmup_steps):
    schedule = warmup_cosine(0.3, steps=steps, warmup_steps=warmup_steps)
    np.testing.assert_allclose(
        [float(schedule(step)) for step in range(steps + 2)],
        [rate_np(step, 0.3, steps, warmup_steps) for step in range(steps + 2)],
        rtol=1e-5,
        atol=1e-7,
    )


def test_rejects_a_run_without_steps():
    with pytest.raises(ValueError, match=r"at least 1\. Received: steps=0"):
        warmup_cosine(0.3, steps=0, warmup_steps=10)
