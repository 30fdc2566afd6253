"""Keras' own tests of recurrent layers, run with the layers of dlunits.

They are part of the Keras package. In their modules `layers.LSTM` and the other
layers are replaced by the classes of dlunits with the same names. All tests
pass that Keras does not skip.
"""

import functools
import importlib
import unittest
from unittest import mock

import keras
import pytest

import dlunits

pytestmark = pytest.mark.filterwarnings("ignore:`shuffle=True` was passed")


@pytest.fixture(autouse=True, scope="module")
def traceback_filtering():
    """Restores the traceback filtering, which Keras' test cases disable."""
    enabled = keras.config.is_traceback_filtering_enabled()
    yield
    if enabled:
        keras.config.enable_traceback_filtering()


class Layers:
    """Layers of Keras, with those of dlunits that have the same name."""

    def __init__(self, layers):
        self.layers = layers

    def __getattr__(self, name):
        ours = name in dlunits.layers.__all__
        return getattr(dlunits.layers if ours else self.layers, name)


compile_eagerly = functools.partialmethod(keras.Model.compile, run_eagerly=True)


class WithDlunits:
    """Mixin of a test case that skips layers of Keras.

    Models are trained in eager mode: compiled ones are tested in bptt_test.py,
    and compiling takes most of the time.
    """

    def setUp(self):
        super().setUp()
        self.enterContext(
            mock.patch.object(keras.Model, "compile", compile_eagerly)
        )

    def run_layer_test(self, layer_cls, init_kwargs, **options):
        parts = map(type, keras.tree.flatten(init_kwargs))
        modules = [each.__module__ for each in (layer_cls, *parts)]
        if any(name.startswith("dlunits.") for name in modules):
            super().run_layer_test(layer_cls, init_kwargs, **options)


def with_dlunits(module_name):
    """Test case of a module of Keras, with the layers of dlunits."""
    module = importlib.import_module(f"keras.src.layers.rnn.{module_name}")
    module.layers = Layers(module.layers)
    [case] = [
        each
        for each in vars(module).values()
        if isinstance(each, type)
        and issubclass(each, unittest.TestCase)
        and each.__module__ == module.__name__
    ]
    return type(case.__name__, (WithDlunits, case), {})


LSTMTest = with_dlunits("lstm_test")
GRUTest = with_dlunits("gru_test")
SimpleRNNTest = with_dlunits("simple_rnn_test")
BidirectionalTest = with_dlunits("bidirectional_test")
RNNTest = with_dlunits("rnn_test")
StackedRNNCellsTest = with_dlunits("stacked_rnn_cells_test")
TimeDistributedTest = with_dlunits("time_distributed_test")
