"""Instruments that show what a network is and does."""

from dlunits.diagnostics.convolution_arithmetic import (
    convolution_output_size as convolution_output_size,
)
from dlunits.diagnostics.convolution_arithmetic import (
    layer_table as layer_table,
)
