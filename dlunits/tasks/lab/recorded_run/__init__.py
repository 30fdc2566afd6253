"""Recorded computations as offline HTML pages with a step slider."""

from dlunits.tasks.lab.recorded_run.convolution import (
    write_recorded_convolution,
)
from dlunits.tasks.lab.recorded_run.lstm import write_recorded_lstm
from dlunits.tasks.lab.recorded_run.network import write_recorded_network

__all__ = [
    "write_recorded_convolution",
    "write_recorded_lstm",
    "write_recorded_network",
]
