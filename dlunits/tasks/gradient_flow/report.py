"""HTML report about vanishing, exploding and clipped gradients."""

import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from dlunits.diagnostics.unfolded_graph import UnfoldedGraph
from dlunits.reporting.html_report import Section, write_report
from dlunits.reporting.style import TEXT_COLOR, WIDTH, style_axes
from dlunits.typing import ArrayLike, Path

# Colors of Okabe and Ito with line styles, for all kinds of color vision.
LINES = [
    ("#0072b2", "-"),
    ("#d55e00", "--"),
    ("#009e73", "-."),
    ("#cc79a7", ":"),
    ("#e69f00", "-"),
    ("#56b4e9", "--"),
]
MIN_NORM = 1e-20  # smaller norms are not plotted: float32 underflows


def norms_by_lag(norms: dict[str, ArrayLike], title: str = "") -> Figure:
    """Plots gradient norms over the lag, the steps before the last time step.

    Args:
        norms: Dict of name to norms `(time,)`, as
            `dlunits.diagnostics.gradient_flow` returns them.
        title: Title of the figure.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ValueError: If there are no norms.

    Example:

    >>> norms_by_lag({"rnn": [0.01, 0.1, 1.0]}).get_label()
    'Gradient norm by lag. rnn: 1 at lag 0, 0.01 at lag 2.'
    """
    if not norms:
        raise ValueError(
            "`norms` must have the norms of at least one layer. Received: {}"
        )
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    axes = figure.subplots()
    descriptions = []
    for i, (name, values) in enumerate(norms.items()):
        values = np.asarray(values, "float64")[::-1]
        color, style = LINES[i % len(LINES)]
        plotted = np.where(values > MIN_NORM, values, np.nan)
        axes.plot(
            plotted, color=color, linestyle=style, linewidth=1.6, label=name
        )
        descriptions.append(
            f"{name}: {values[0]:.3g} at lag 0, "
            f"{values[-1]:.3g} at lag {len(values) - 1}"
        )
    axes.set_yscale("log")
    axes.set_xlabel("Lag: time steps before the last one")
    axes.set_ylabel("Norm of dL/dh")
    axes.set_title(title, fontsize=9, color=TEXT_COLOR)
    axes.legend(frameon=False, fontsize=8)
    style_axes(axes)
    figure.set_label(f"Gradient norm by lag. {'; '.join(descriptions)}.")
    return figure


def norms_table(
    norms: dict[str, Any],
    lags: Sequence[int] = (0, 1, 5, 10, 20, 50, 100, 200),
) -> tuple[list[str], list[list]]:
    """Table of gradient norms with a row per layer and a column per lag.

    Args:
        norms: As in `norms_by_lag`.
        lags: Integers; lags that are too long for a layer are left out.

    Returns:
        `(header, rows)` for `dlunits.reporting.html_report.Section`.

    Example:

    >>> norms_table({"rnn": [0.01, 0.1, 1.0]}, lags=[0, 2, 9])
    (['Layer', 'Lag 0', 'Lag 2'], [['rnn', 1.0, 0.01]])
    """
    shortest = min(map(len, norms.values()))
    lags = [lag for lag in lags if lag < shortest]
    return (
        ["Layer", *(f"Lag {lag}" for lag in lags)],
        [
            [name, *(float(values[-1 - lag]) for lag in lags)]
            for name, values in norms.items()
        ],
    )


def write_gradient_report(
    path: Path,
    *,
    scaled: dict[str, Any],
    untrained: dict[str, Any],
    trained: dict[str, Any],
    runs: list[dict[str, Any]],
    text_models: list[dict[str, Any]],
    graph: UnfoldedGraph,
    command: str,
    dataset: str,
    seconds: float,
) -> pathlib.Path:
    """Writes the report about gradients of recurrent networks.

    Args:
        path: HTML file to write, in an existing folder.
        scaled: Dict of name to gradient norms `(time,)` of untrained simple
            recurrent networks with a scaled recurrent kernel.
        untrained: Dict of cell to gradient norms before training, at the
            longest lag.
        trained: Dict of cell to gradient norms after training.
        runs: List of dicts, one for each training run on the adding task.
        text_models: List of dicts, one for each model of the text.
        graph: `dlunits.diagnostics.UnfoldedGraph`.
        command: Command line of the run.
        dataset: Description of the data.
        seconds: Duration of the run in seconds.

    Returns:
        `pathlib.Path` of the report.

    Raises:
        OSError: If the file cannot be written.
    """
    best = min(runs, key=lambda run: run["rmse"])
    return write_report(
        path,
        title="Gradient flow in recurrent networks",
        summary={
            "Training runs": len(runs),
            "Longest lag (time steps)": max(run["lag"] for run in runs),
            "Lowest RMSE": f"{best['rmse']:.3f} ({best['cell']})",
        },
        sections=[
            Section(
                "Unfolded graph",
                "Backpropagation through time differentiates the unfolded "
                "network, which is as deep as the sequence is long and has the "
                "same weights W and U at every time step. The gradient is "
                "multiplied by U once per step.",
                figures=[(graph.svg, "A bidirectional LSTM below a GRU.")],
            ),
            Section(
                "Vanishing and exploding gradients",
                "Untrained simple recurrent networks whose recurrent kernel "
                "is an orthogonal matrix times a scale. h is the state of a "
                "time step and L the loss. With a linear activation the norm "
                "of dL/dh at lag k is the scale to the power k; tanh, whose "
                "derivative is at most 1, makes it smaller.",
                table=norms_table(scaled),
                figures=[
                    (norms_by_lag(scaled), "Gradient norm of each network.")
                ],
            ),
            Section(
                "Gradients before and after training on the adding task",
                "The target is the sum of two marked numbers at the end of the "
                "sequence, so the first number must be remembered over the "
                "lag.",
                table=norms_table(
                    {f"{name}, untrained": n for name, n in untrained.items()}
                    | {f"{name}, trained": n for name, n in trained.items()}
                ),
                figures=[
                    (norms_by_lag(untrained, "untrained"), "Before training."),
                    (norms_by_lag(trained, "trained"), "After training."),
                ],
            ),
            Section(
                "Gradient clipping",
                "Training on the adding task with and without clipping. RMSE "
                "is that of test sequences; always predicting 1 has an RMSE of "
                "0.408. Norms are those of the whole gradient before clipping: "
                "the mean over the last epoch, and the maximum over the run. "
                "The ratio of first to last is the norm of dL/dh at the first "
                "time step divided by that at the last, after training.",
                table=runs,
            ),
            Section(
                "Feed-forward window and recurrent network",
                "Models of the next character, trained on the same text. The "
                "input of a feed-forward network is a window of characters; a "
                "recurrent network reads all characters since the beginning "
                "of its segment of 64. The score is the cross-entropy on the "
                "validation text in nats per character; lower is better.",
                table=text_models,
            ),
        ],
        command=command,
        dataset=dataset,
        seconds=seconds,
    )
