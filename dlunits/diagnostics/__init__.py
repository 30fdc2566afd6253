"""Diagnostics of networks and codes, and simple baselines."""

from dlunits.diagnostics.activation_saturation import activation_saturation
from dlunits.diagnostics.bias_variance import (
    squared_error_decomposition,
    zero_one_decomposition,
)
from dlunits.diagnostics.clustering import cluster_agreement
from dlunits.diagnostics.code_statistics import code_bounds, code_statistics
from dlunits.diagnostics.convolution_arithmetic import (
    convolution_output_size,
    layer_flops,
    layer_table,
    transposed_convolution_output_size,
)
from dlunits.diagnostics.convolution_sum import (
    ConvolutionSum,
    convolution_sum,
)
from dlunits.diagnostics.descent_path import descent_path
from dlunits.diagnostics.gradient_flow import GradientFlow, gradient_flow
from dlunits.diagnostics.latent_map import latent_map
from dlunits.diagnostics.layer_norms import gradient_norms, update_ratios
from dlunits.diagnostics.learning_curve import (
    LearningCurveVerdict,
    learning_curve_verdict,
)
from dlunits.diagnostics.linear_filter import LinearFilter, fit_linear_filter
from dlunits.diagnostics.linear_probe import linear_probe
from dlunits.diagnostics.loss_surface import (
    WeightPlane,
    flat_weights,
    loss_surface,
)
from dlunits.diagnostics.n_gram_baseline import n_gram_cross_entropy
from dlunits.diagnostics.naive_forecasts import (
    naive_forecast,
    seasonal_naive_forecast,
)
from dlunits.diagnostics.rate_distortion import (
    coarsest_step,
    code_length,
    rate_distortion,
)
from dlunits.diagnostics.unfolded_graph import UnfoldedGraph, unfolded_graph
from dlunits.diagnostics.weight_sharing import weight_sharing

__all__ = [
    "ConvolutionSum",
    "GradientFlow",
    "LearningCurveVerdict",
    "LinearFilter",
    "UnfoldedGraph",
    "WeightPlane",
    "activation_saturation",
    "cluster_agreement",
    "coarsest_step",
    "code_bounds",
    "code_length",
    "code_statistics",
    "convolution_output_size",
    "convolution_sum",
    "descent_path",
    "fit_linear_filter",
    "flat_weights",
    "gradient_flow",
    "gradient_norms",
    "latent_map",
    "layer_flops",
    "layer_table",
    "learning_curve_verdict",
    "linear_probe",
    "loss_surface",
    "n_gram_cross_entropy",
    "naive_forecast",
    "rate_distortion",
    "seasonal_naive_forecast",
    "squared_error_decomposition",
    "transposed_convolution_output_size",
    "unfolded_graph",
    "update_ratios",
    "weight_sharing",
    "zero_one_decomposition",
]
