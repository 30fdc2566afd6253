"""Instruments that show what a network is and does."""

from dlunits.diagnostics.clustering import (
    cluster_agreement as cluster_agreement,
)
from dlunits.diagnostics.code_statistics import code_bounds as code_bounds
from dlunits.diagnostics.code_statistics import (
    code_statistics as code_statistics,
)
from dlunits.diagnostics.convolution_arithmetic import (
    convolution_output_size as convolution_output_size,
)
from dlunits.diagnostics.convolution_arithmetic import (
    layer_table as layer_table,
)
from dlunits.diagnostics.gradient_flow import GradientFlow as GradientFlow
from dlunits.diagnostics.gradient_flow import gradient_flow as gradient_flow
from dlunits.diagnostics.latent_map import latent_map as latent_map
from dlunits.diagnostics.linear_filter import LinearFilter as LinearFilter
from dlunits.diagnostics.linear_filter import (
    best_linear_filter as best_linear_filter,
)
from dlunits.diagnostics.linear_probe import linear_probe as linear_probe
from dlunits.diagnostics.range_precision_recall import (
    range_precision_recall as range_precision_recall,
)
from dlunits.diagnostics.rate_distortion import coarsest_step as coarsest_step
from dlunits.diagnostics.rate_distortion import code_length as code_length
from dlunits.diagnostics.rate_distortion import (
    rate_distortion as rate_distortion,
)
from dlunits.diagnostics.restoration_quality import (
    mean_quality as mean_quality,
)
from dlunits.diagnostics.restoration_quality import (
    picture_quality as picture_quality,
)
from dlunits.diagnostics.unfolded_graph import (
    UnfoldedGraph as UnfoldedGraph,
)
from dlunits.diagnostics.unfolded_graph import unfolded_graph as unfolded_graph
from dlunits.diagnostics.volume_under_surface import (
    volume_under_surface as volume_under_surface,
)
