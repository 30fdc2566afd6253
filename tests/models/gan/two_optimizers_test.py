"""Two optimizers combined in one."""

import keras
import pytest

from dlunits.models.gan.two_optimizers import TwoOptimizers


def test_rejects_the_same_optimizer_for_both_and_one_that_averages():
    adam = keras.optimizers.Adam()
    with pytest.raises(ValueError, match="separate optimizers"):
        TwoOptimizers(adam, adam)
    averaging = keras.optimizers.Adam(use_ema=True)
    with pytest.raises(ValueError, match=r"`GAN\(ema_momentum=...\)`"):
        TwoOptimizers(averaging, adam)
