"""The optimizers of two networks, as one."""

import keras
import pytest

from dlunits.models.gan.two_optimizers import TwoOptimizers


def test_refuses_one_optimizer_for_both():
    adam = keras.optimizers.Adam()
    with pytest.raises(ValueError, match="an optimizer each"):
        TwoOptimizers(adam, adam)
    averaging = keras.optimizers.Adam(use_ema=True)
    with pytest.raises(ValueError, match=r"`GAN\(average=...\)`"):
        TwoOptimizers(averaging, adam)
