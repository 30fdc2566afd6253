"""Mini-batches of a run are the same as in its Keras code."""

import numpy as np

from dlunits.tasks.lab.ordered_batches import batches_of_epochs


def test_each_epoch_has_the_order_of_the_code():
    x = np.arange(7.0, dtype="float32")
    batches = batches_of_epochs(x, 10 * x, seed=4, epochs=3, batch_size=3)
    found = [
        (rows.tolist(), y.tolist()) for rows, y in batches.as_numpy_iterator()
    ]
    expected = []
    for epoch in range(3):
        order = np.random.default_rng([4, epoch]).permutation(7)[:6]
        for start in (0, 3):
            rows = x[order[start : start + 3]]
            expected.append((rows.tolist(), (10 * rows).tolist()))
    assert found == expected
