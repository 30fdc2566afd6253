"""Contents and descriptions of the figures of the bias-variance report."""

import numpy as np

from dlunits.tasks.lab.bias_variance import figures


def row(x_name, x, error, **parts):
    return {x_name: x, "sum": error, "measured_error": error, **parts}


def test_curves_have_a_line_for_each_part():
    rows = [
        row("width", 1, 0.8, bias=0.6, variance=0.3, net_variance=0.1),
        row("width", 8, 0.4, bias=0.1, variance=0.2, net_variance=0.2),
    ]
    figure = figures.decomposition_curves(rows, "width", "Hidden units", "E")
    [axes] = figure.axes
    labels = axes.get_legend_handles_labels()[1]
    assert labels == [
        "bias",
        "net variance",
        "sum of the parts",
        "measured error",
    ]
    assert figure.get_label().endswith("Lowest measured error: 0.4 at 8.")


def test_errors_before_training_do_not_hide_the_rest():
    rows = [
        row("epoch", epoch, error, bias_squared=error, variance=0.0)
        for epoch, error in enumerate([9.0, 0.5, 0.2, 0.3])
    ]
    figure = figures.decomposition_curves(rows, "epoch", "Epoch", "Error")
    assert figure.axes[0].get_ylim()[1] < 1


def test_fitted_functions_have_a_panel_for_each_width():
    x = np.array([0.5, -0.5, 0.0])
    figure = figures.fitted_functions(
        x, x, {1: np.zeros((2, 3)), 4: np.ones((2, 3))}
    )
    assert [axes.get_title() for axes in figure.axes] == ["width 1", "width 4"]
    mean = figure.axes[1].lines[-1]
    assert mean.get_xdata().tolist() == [-0.5, 0.0, 0.5]
    assert mean.get_ydata().tolist() == [1, 1, 1]


def test_learning_curves_skip_what_diverged():
    rows = [
        {
            "size": size,
            "training_error": 0.1,
            "training_error_half_width": 0.0,
            "error": error,
            "error_half_width": 0.1,
        }
        for size, error in ((5, float("nan")), (10, 0.5))
    ]
    figure = figures.learning_curves({"a": rows}, 0.2, "Error")
    assert figure.axes[0].get_ylim()[1] < 1


def test_early_stopping_names_its_epochs():
    figure = figures.early_stopping_curves([3, 2, 1], [3, 1, 2], 2, 3)
    assert "lowest validation loss is at epoch 2" in figure.get_label()
