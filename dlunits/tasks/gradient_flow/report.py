"""The report of gradients that vanish, explode and are clipped."""

import numpy as np
from matplotlib.figure import Figure

from dlunits.reporting.html_report import Section, write_report
from dlunits.reporting.style import INK, WIDTH, plain

# Okabe and Ito's, and how the line is drawn, for those who see no colors.
LINES = [
    ("#0072b2", "-"),
    ("#d55e00", "--"),
    ("#009e73", "-."),
    ("#cc79a7", ":"),
    ("#e69f00", "-"),
    ("#56b4e9", "--"),
]
SMALLEST = 1e-20  # what float32 has lost is not drawn


def norms_by_lag(norms, title=""):
    """Draws gradient norms over the lag, the steps to the end of a sequence.

    Args:
        norms: Dict of name to numbers `(time,)`, as
            `dlunits.diagnostics.gradient_flow` gives them.
        title: Text above.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ValueError: If there are no norms.

    Example:

    >>> norms_by_lag({"rnn": [0.01, 0.1, 1.0]}).get_label()
    'Gradient norm by lag. rnn: 1 at lag 0, 0.01 at lag 2.'
    """
    if not norms:
        raise ValueError("Norms of one layer at least are needed.")
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    axes = figure.subplots()
    told = []
    for i, (name, values) in enumerate(norms.items()):
        values = np.asarray(values, "float64")[::-1]
        color, style = LINES[i % len(LINES)]
        seen = np.where(values > SMALLEST, values, np.nan)
        axes.plot(seen, color=color, linestyle=style, linewidth=1.6, label=name)
        told.append(
            f"{name}: {values[0]:.3g} at lag 0, "
            f"{values[-1]:.3g} at lag {len(values) - 1}"
        )
    axes.set_yscale("log")
    axes.set_xlabel("Lag: time steps before the end")
    axes.set_ylabel("Norm of dL/dh")
    axes.set_title(title, fontsize=9, color=INK)
    axes.legend(frameon=False, fontsize=8)
    plain(axes)
    figure.set_label(f"Gradient norm by lag. {'; '.join(told)}.")
    return figure


def flow_rows(norms, lags=(0, 1, 5, 10, 20, 50, 100, 200)):
    """Norms as a table: one row a layer, one column a lag that all have.

    Args:
        norms: As above.
        lags: Integers.

    Returns:
        Pair of header and rows for `Section`.

    Example:

    >>> flow_rows({"rnn": [0.01, 0.1, 1.0]}, lags=[0, 2, 9])
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
    path,
    *,
    scaled,
    untrained,
    trained,
    runs,
    readers,
    graph,
    command,
    dataset,
    seconds,
):
    """Writes what became of the gradient on its way back through time.

    Args:
        path: HTML file to write, in a folder that exists.
        scaled: Dict of a name to the norms of an untrained simple network
            whose recurrent kernel was scaled.
        untrained: Dict of cell to the norms before training, at the longest
            lag.
        trained: The same after training.
        runs: List of dicts, one a training on the adding task.
        readers: List of dicts, one a model of the text.
        graph: `dlunits.diagnostics.UnfoldedGraph`.
        command: Text, the command that made the run.
        dataset: Text, the data really used.
        seconds: Number, how long it took.

    Returns:
        `pathlib.Path` of the report.

    Raises:
        OSError: If the file cannot be written.
    """
    best = min(runs, key=lambda run: run["rmse"])
    return write_report(
        path,
        title="Gradients through time",
        summary={
            "Trainings": len(runs),
            "Longest lag": max(run["lag"] for run in runs),
            "Best RMSE": f"{best['rmse']:.3f} ({best['cell']})",
        },
        sections=[
            Section(
                "The recurrence, unfolded",
                "What is differentiated: a network as deep as the sequence is "
                "long, with the same weights W and U in every column. The "
                "gradient passes U once a step.",
                figures=[(graph.svg, "An LSTM both ways under a GRU.")],
            ),
            Section(
                "Vanishing and exploding",
                "A simple network before training, its recurrent kernel an "
                "orthogonal matrix times a number. Without a bend in the "
                "activation, the norm at lag k is that number to the power k; "
                "tanh, whose slope is below 1, makes it smaller.",
                table=flow_rows(scaled),
                figures=[(norms_by_lag(scaled), "Every line is a network.")],
            ),
            Section(
                "Before and after training on the adding task",
                "The sum of two marked numbers is asked for at the end, so a "
                "number marked early must be kept for as long as the lag.",
                table=flow_rows(
                    {f"{name}, untrained": n for name, n in untrained.items()}
                    | {f"{name}, trained": n for name, n in trained.items()}
                ),
                figures=[
                    (norms_by_lag(untrained, "untrained"), "First weights."),
                    (norms_by_lag(trained, "trained"), "After training."),
                ],
            ),
            Section(
                "Clipping on and off",
                "RMSE is that on sequences not trained on; always answering 1 "
                "gives 0.408. The norms are those of the whole gradient before "
                "clipping, the mean over the last epoch and the largest of "
                "all. First by last is the norm of dL/dh at the first time "
                "step over that at the last, after training: how much of the "
                "gradient comes through.",
                table=runs,
            ),
            Section(
                "A window or a recurrence",
                "The same text, the same characters trained on. A feed-forward "
                "network sees a window of characters; a recurrent network sees "
                "all from the beginning of its segment of 64. Nats a character "
                "of the validation text, the fewer the better.",
                table=readers,
            ),
        ],
        command=command,
        dataset=dataset,
        seconds=seconds,
    )
