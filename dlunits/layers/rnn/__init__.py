"""Recurrent layers with explicit backpropagation through time."""

from dlunits.layers.rnn.bidirectional import Bidirectional
from dlunits.layers.rnn.embedding_rnn import EmbeddingRNN
from dlunits.layers.rnn.gru import GRU
from dlunits.layers.rnn.gru_cell import GRUCell
from dlunits.layers.rnn.lstm import LSTM
from dlunits.layers.rnn.lstm_cell import LSTMCell
from dlunits.layers.rnn.simple_rnn import SimpleRNN
from dlunits.layers.rnn.simple_rnn_cell import SimpleRNNCell

__all__ = [
    "GRU",
    "LSTM",
    "Bidirectional",
    "EmbeddingRNN",
    "GRUCell",
    "LSTMCell",
    "SimpleRNN",
    "SimpleRNNCell",
]
