"""Makes vanishing and exploding gradients visible, and what clipping does.

An untrained simple network whose recurrent kernel is scaled; RNN, LSTM and GRU
on the adding task at growing lags, with clipping and without; a window beside a
recurrence on the same text. All of it is in one report. There is nothing to be
served, so nothing is exported.

Papers: Bengio et al., 1994, "Learning long-term dependencies with gradient
descent is difficult", https://doi.org/10.1109/72.279181; Pascanu et al., 2013,
"On the difficulty of training recurrent neural networks",
https://arxiv.org/abs/1211.5063.

Usage:
    python apps/gradient_flow.py
    python apps/gradient_flow.py --lags=20,50,100,200 --epochs=40

Stopped at any moment, the same command goes on after the last whole epoch.
Expected: 2 minutes of a CPU core. At lag 10 all cells learn (RMSE .14, .07 and
.03 for RNN, LSTM and GRU with clipping); at lag 100, after 400 steps, a part in
10^10 of the gradient reaches the first step of the RNN, and 4 % of the GRU's.
"""

import pathlib
import time

from absl import flags

import _main

COMMAND = _main.command_line(__file__)

STEPS_AN_EPOCH = 100


def define_flags():
    _main.define_common_flags(
        data_dir=None,
        batch_size=32,
        learning_rate=1e-2,
        seed=0,
        workdir="runs/gradient_flow_{dataset}_{epochs}_epochs_seed_{seed}",
        max_seed=2**31 - 2,
    )
    flags.DEFINE_string(
        "dataset",
        "auto",
        "The text: a file, tiny_shakespeare, or auto: tiny Shakespeare if it "
        "is at hand, else the text in Python's documentation.",
    )
    flags.DEFINE_list("lags", "10,30,100", "Time steps of the adding task.")
    flags.DEFINE_integer("units", 32, "Units of a layer.", lower_bound=1)
    flags.DEFINE_integer(
        "epochs",
        4,
        f"Number of epochs of {STEPS_AN_EPOCH} steps to train for.",
        1,
        10**6,
    )
    flags.DEFINE_float(
        "clipnorm", 1.0, "Largest norm where gradients are clipped.", 1e-9
    )


def train_and_evaluate(
    *, folder, run_of, corpus, lags, clipnorm, batch_size, learning_rate, **own
):
    """Returns what the report shows, a dict.

    `own` are `units`, `epochs` and `seed`.
    """
    from dlunits.tasks.gradient_flow.runs import (
        clipped_and_not,
        scaled_networks,
    )
    from dlunits.tasks.gradient_flow.window_vs_rnn import (
        windows_and_recurrences,
    )

    own["steps_per_epoch"] = STEPS_AN_EPOCH
    readers = []
    for row in windows_and_recurrences(folder, run_of, corpus, **own):
        readers.append(row)
        tell(row)
    shown = {
        "scaled": scaled_networks(
            length=lags[-1], units=own["units"], seed=own["seed"]
        ),
        "untrained": {},
        "trained": {},
        "runs": [],
        "readers": readers,
    }
    for row, before, after in clipped_and_not(
        folder,
        run_of,
        lags=lags,
        clipnorm=clipnorm,
        batch_size=batch_size,
        learning_rate=learning_rate,
        **own,
    ):
        shown["runs"].append(row)
        tell(row)
        if row["lag"] == lags[-1] and row["clipped_at"]:
            shown["untrained"] |= before
            shown["trained"] |= after
    return shown


def tell(row):
    """Prints a row of a table when it is there."""
    pairs = [
        f"{k.replace('_', ' ')} {f'{v:.3g}' if isinstance(v, float) else v}"
        for k, v in row.items()
        if v is not None
    ]
    print(", ".join(pairs), flush=True)


def run(dataset, data_dir, workdir, lags, **recipe):
    """From the flags to a report, named at the end."""
    lags = parsed(lags)

    from dlunits import layers
    from dlunits.data.text.corpora import load_corpus
    from dlunits.diagnostics import unfolded_graph
    from dlunits.training import check_writable, format_path

    start = time.monotonic()
    corpus = load_corpus(dataset, data_dir=data_dir)
    print(corpus.source, flush=True)
    run_of = {"dataset": corpus.name, **recipe}
    folder = pathlib.Path(format_path(workdir, run_of)).expanduser()
    check_writable(folder)
    shown = train_and_evaluate(
        folder=folder, run_of=run_of, corpus=corpus, lags=lags, **recipe
    )
    lstm = layers.LSTM(8, return_sequences=True, name="lstm")
    stack = [layers.Bidirectional(lstm, name="both"), layers.GRU(8)]

    from dlunits.tasks.gradient_flow.report import write_gradient_report

    report = write_gradient_report(
        folder / "report.html",
        **shown,
        graph=unfolded_graph(stack, 4),
        command=COMMAND,
        dataset=f"The adding task, drawn as it is needed; {corpus.source}",
        seconds=time.monotonic() - start,
    )
    print(f"Report:        {report}")
    print("Look at it:    open the report in a browser")


def parsed(texts):
    """Texts to numbers of time steps, the fewest first."""
    try:
        lags = sorted(int(text) for text in texts)
    except ValueError:
        lags = []
    if not lags or lags[0] < 2:
        raise ValueError(
            "--lags must be numbers of at least 2, such as --lags=10,100. "
            f"Received: {','.join(texts)}"
        )
    return lags


if __name__ == "__main__":
    _main.run_app(define_flags, run, resumes=True, log_warnings=False)
