"""Measures vanishing and exploding gradients of recurrent networks.

The report shows: gradient norms of untrained networks with a scaled recurrent
kernel; RNN, LSTM and GRU on the adding task at several lags, with and without
gradient clipping; feed-forward windows and recurrent networks on the same text.
No model is exported.

Papers: Bengio et al., 1994, "Learning long-term dependencies with gradient
descent is difficult", https://doi.org/10.1109/72.279181; Pascanu et al., 2013,
"On the difficulty of training recurrent neural networks",
https://arxiv.org/abs/1211.5063.

Usage:
    python apps/gradient_flow.py
    python apps/gradient_flow.py --lags=20,50,100,200 --epochs=40

A stopped run resumes from its last epoch with the same command. Expected: 2
minutes on one CPU core. At lag 10 all cells solve the task (RMSE 0.14, 0.07 and
0.03 for RNN, LSTM and GRU with clipping). At lag 100, after 400 steps, the norm
of the gradient at the first time step is 1e-10 of that at the last one for the
RNN, and 4 % for the GRU.
"""

import time

from absl import flags

import _main

COMMAND = _main.command_line(__file__)


def define_flags():
    flags.DEFINE_string(
        "dataset",
        "auto",
        "Text to train on: a UTF-8 text file, tiny_shakespeare, or auto: tiny "
        "Shakespeare if it is prepared or can be downloaded, else Python's "
        "own documentation.",
    )
    flags.DEFINE_list(
        "lags",
        "10,30,100",
        "Comma-separated sequence lengths of the adding task, in time steps.",
    )
    flags.DEFINE_float(
        "clipnorm",
        1.0,
        "Gradient clipping: maximum global norm of the gradient, in the "
        "training runs with clipping.",
        1e-9,
    )
    flags.DEFINE_integer(
        "steps_per_epoch", 100, "Number of gradient steps per epoch.", 1, 10**6
    )
    _main.define_common_flags(
        data_dir=None,
        epochs=4,
        units=32,
        batch_size=32,
        learning_rate=1e-2,
        seed=0,
        max_seed=2**31 - 2,
        workdir="runs/gradient_flow_{dataset}_{epochs}_epochs_seed_{seed}",
    )


def train_and_evaluate(
    *,
    folder,
    identity,
    corpus,
    lags,
    clipnorm,
    batch_size,
    learning_rate,
    **options,
):
    """Trains all networks; returns the results for the report, a dict.

    `options` are `units`, `epochs` and `seed`.
    """
    from dlunits.tasks.gradient_flow.runs import (
        compare_clipping,
        scaled_networks,
    )
    from dlunits.tasks.gradient_flow.window_vs_rnn import (
        compare_windows_and_rnns,
    )

    text_models = []
    for row in compare_windows_and_rnns(folder, identity, corpus, **options):
        text_models.append(row)
        print_row(row)
    results = {
        "scaled": scaled_networks(
            length=lags[-1], units=options["units"], seed=options["seed"]
        ),
        "untrained": {},
        "trained": {},
        "runs": [],
        "text_models": text_models,
    }
    for row, before, after in compare_clipping(
        folder,
        identity,
        lags=lags,
        clipnorm=clipnorm,
        batch_size=batch_size,
        learning_rate=learning_rate,
        **options,
    ):
        results["runs"].append(row)
        print_row(row)
        if row["lag"] == lags[-1] and row["clipnorm"]:
            results["untrained"] |= before
            results["trained"] |= after
    return results


def print_row(row):
    """Prints a row of a table."""
    pairs = [
        f"{k.replace('_', ' ')} {f'{v:.3g}' if isinstance(v, float) else v}"
        for k, v in row.items()
        if v is not None
    ]
    print(", ".join(pairs), flush=True)


def run(dataset, data_dir, workdir, lags, **recipe):
    """Trains all networks and writes the report."""
    lags = parse_lags(lags)

    from dlunits import layers
    from dlunits.data.text.corpora import load_corpus
    from dlunits.diagnostics import unfolded_graph
    from dlunits.paths import expand_user
    from dlunits.training import check_writable, format_path

    start = time.monotonic()
    corpus = load_corpus(dataset, data_dir=data_dir)
    print(corpus.source, flush=True)
    identity = {"dataset": corpus.name, **recipe}
    folder = expand_user(format_path(workdir, identity))
    check_writable(folder)
    results = train_and_evaluate(
        folder=folder, identity=identity, corpus=corpus, lags=lags, **recipe
    )
    lstm = layers.LSTM(8, return_sequences=True, name="lstm")
    stack = [
        layers.Bidirectional(lstm, name="bidirectional"),
        layers.GRU(8, name="gru"),
    ]

    from dlunits.tasks.gradient_flow.report import write_gradient_report

    report = write_gradient_report(
        folder / "report.html",
        **results,
        graph=unfolded_graph(stack, 4),
        command=COMMAND,
        dataset=f"The adding task, generated; {corpus.source}",
        seconds=time.monotonic() - start,
    )
    print(f"Report:        {report}")
    print("View it:       open the report in a browser")


def parse_lags(texts):
    """Parses numbers of time steps; returns them in ascending order."""
    try:
        lags = sorted(int(text) for text in texts)
    except ValueError:
        lags = []
    if not lags or lags[0] < 2:
        raise ValueError(
            "--lags must be integers of at least 2, such as --lags=10,100. "
            f"Received: {','.join(texts)}"
        )
    return lags


if __name__ == "__main__":
    _main.run_app(define_flags, run, resumes=True, log_warnings=False)
