"""Finds rows of a table that are unlike normal ones, and says why.

Paper: Han et al., 2022, "ADBench", https://arxiv.org/abs/2206.09426

Usage:
    python apps/anomaly_detection.py --train=normal.csv --score=new.csv \
        --output=scored.csv --false_alarm_rate=0.01
    python apps/anomaly_detection.py --model=saved_models/anomaly_normal/1 \
        --score=today.parquet --output=scored.parquet
    python apps/anomaly_detection.py --train=sensor.csv --timestamp_column=time
    python apps/anomaly_detection.py --dataset=mnist --normal_class=3
    python apps/anomaly_detection.py    # embedded: tumours, benign as normal

The output holds the rows as they came, score, p-value, whether that is at most
the false-alarm rate, and the columns that speak most against the row.

Expected: AUC 0.95 on the embedded tumours, in 30 seconds on 2 CPU cores.
"""

import functools
import os
import pathlib
import shlex
import sys
import time

from absl import app, flags, logging

FLAGS = flags.FLAGS

COMMAND = shlex.join(["python", "apps/anomaly_detection.py", *sys.argv[1:]])

KINDS = ("plain", "denoising", "sparse", "contractive", "variational")

TEXTS = {
    "train": (None, "CSV, Parquet or folder of pictures, all normal."),
    "score": (None, "CSV, Parquet or folder to search for anomalies."),
    "output": (None, "File to write: .csv, .tsv, .txt or .parquet."),
    "model": (None, "Folder of a SavedModel to score with; none is learnt."),
    "dataset": ("wdbc", "Without --train: wdbc, mnist, fashion_mnist, digits."),
    "data_dir": (None, "Folder of prepared TFDS data sets."),
    "label_column": (None, "Column that tells anomalies, to evaluate by."),
    "timestamp_column": (None, "Column of times, if rows make a series."),
    "normal_class": (None, "Label of normal rows, if not 0 or normal."),
    "delimiter": (None, "Of CSV, one character; found if not given."),
    "encoding": (None, "Of CSV, utf-8 for example; found if not given."),
    "decimal": (None, "Of CSV, a point or a comma; found if not given."),
    "workdir": ("runs/anomaly_{dataset}", "Folder of the report."),
    "export_dir": ("saved_models/anomaly_{dataset}", "Folder of SavedModels."),
}


def define_flags():
    for name, (default, meaning) in TEXTS.items():
        flags.DEFINE_string(name, default, meaning)
    flags.DEFINE_float(
        "false_alarm_rate", None, "Share of normal rows that may be called "
        "anomalous; 0.01, or the model's own.", 1e-6, 0.5,
    )  # fmt: skip
    flags.DEFINE_float(
        "contamination", 0.0, "Share of anomalies feared in --train.", 0, 0.49,
    )  # fmt: skip
    flags.DEFINE_multi_string(
        "kinds", [], "NAME=KIND of a column: number, boolean, timestamp, "
        "timestamp_day_first, category or ignored; found for the others.",
    )  # fmt: skip
    flags.DEFINE_enum("kind", "denoising", KINDS, "Kind of the autoencoders.")
    flags.DEFINE_integer("window", 64, "Rows in a window of a series.", 2)
    flags.DEFINE_integer("side", 64, "Pixels of folders' pictures.", 8, 1024)
    flags.DEFINE_integer("steps", 1500, "Gradient steps.", 1, 10**6)
    flags.DEFINE_integer("seed", 0, "Decides all that is random.", 0, 2**32 - 1)


def watch(doing, table_file):
    """The table file, with its progress on stderr."""
    from dlunits.data.watched_table import watched
    from dlunits.reporting.row_progress import RowProgress

    progress = RowProgress(doing, table_file.rows_at_most, sys.stderr)
    return watched(table_file, progress, progress.finish)


def train_and_evaluate(*, train, score, output, labels, series, **recipe):
    """Returns what is learnt from a table, and what scored another, or `None`.

    `labels` is a dict of `label_column` and `normal_class`, `series` of
    `timestamp_column` and `window`, or empty.
    """
    from dlunits.training.anomaly_recipe import learn_table
    from dlunits.training.series_recipe import learn_series

    learnt = (learn_series if series else learn_table)(
        train, score, **labels, **series, watch=watch, verbose=2,
        tell=functools.partial(print, flush=True), **recipe,
    )  # fmt: skip
    rate = recipe["false_alarm_rate"]
    about = learnt.detector, learnt.card
    scored = score and evaluate(score, output, labels, rate, *about)
    if scored and scored.has_both_labels:
        print("Asking other detectors", flush=True)
        learnt.facts["peers"] = learnt.peers(scored)
    return learnt, scored


def evaluate(score, output, labels, rate, detector, card):
    """Writes the scored table, and returns what scored it."""
    from dlunits.serving.series_scoring import scorer_of
    from dlunits.serving.table_scoring import score_table

    scorer = scorer_of(detector, rate, score, card, **labels)
    score_table(scorer, score, output, functools.partial(watch, "Scoring"))
    print(scorer.told, f"Scored table:  {output}", sep="\n", flush=True)
    return scorer


def run(
    train, score, output, model, dataset, workdir, export_dir, label_column,
    normal_class, false_alarm_rate, delimiter, encoding, decimal,
    timestamp_column, window, data_dir, side, **recipe,
):  # fmt: skip
    """From the flags to a scored table, a report and a SavedModel."""
    if bool(train) == bool(model) and (train or score):
        raise ValueError("Expected one of --train=TABLE and --model=FOLDER")
    if bool(score) != bool(output) or (model and not score):
        raise ValueError("Expected --score=TABLE and --output=TABLE together")
    started = time.monotonic()
    from dlunits.reporting.anomaly_report import write_anomaly_report
    from dlunits.serving.anomaly_service import export_detector
    from dlunits.serving.table_scoring import open_model, open_tables
    from dlunits.training import check_writable, fill_in
    from dlunits.training.source_tables import source_tables

    source = pathlib.Path(train or model or dataset)
    name, detector = source.stem, None
    if model:
        detector, rate = open_model(model, false_alarm_rate)
        name = f"{source.parent.name}_{name}_{pathlib.Path(score).stem}"
    name = name.removeprefix("anomaly_")
    folder = pathlib.Path(fill_in(workdir, {"dataset": name})).expanduser()
    check_writable(folder)
    tables = source_tables(
        train, score, folder, detector=detector, dataset=dataset,
        label_column=label_column, normal_class=normal_class, side=side,
        data_dir=data_dir, seed=recipe["seed"],
    )  # fmt: skip
    print(*tables.told, sep="\n", end="\n" * bool(tables.told), flush=True)
    output, labels = output or folder / "scored.csv", tables.labels
    train, score = open_tables(
        tables.train, tables.score, output, labels["label_column"],
        delimiter=delimiter, encoding=encoding, decimal=decimal,
    )  # fmt: skip
    if model:
        facts = {"kinds": detector.table.kinds, "source": f"the model {model}"}
        scored = evaluate(score, output, labels, rate, detector, detector.card)
    else:
        rate = false_alarm_rate or 0.01
        export_dir = fill_in(export_dir, {"dataset": name})
        check_writable(export_dir)
        series = {"timestamp_column": timestamp_column, "window": window}
        recipe["kinds"] = [*tables.kinds, *recipe["kinds"]]
        learnt, scored = train_and_evaluate(
            train=train, score=score, false_alarm_rate=rate, labels=labels,
            series=series if timestamp_column else {}, output=output, **recipe,
        )  # fmt: skip
        facts = learnt.facts
        facts["source"] = " ".join([*tables.told, facts["source"]])
    report = write_anomaly_report(
        folder / "report.html", name=name, false_alarm_rate=rate,
        scored=scored, pictures=tables.pictures, **facts, command=COMMAND,
        seconds=time.monotonic() - started,
    )  # fmt: skip
    version = model or export_detector(
        learnt.detector, export_dir, data=facts["source"], command=COMMAND,
        metrics=scored.quality if scored else {}, describe=tables.describe,
        **learnt.card,
    )  # fmt: skip
    print(f"Report:        {report}", f"SavedModel:    {version}", sep="\n")
    use = shlex.join([f"--model={version}", "--score=TABLE", "--output=NEW"])
    print(f"Use it:        python apps/anomaly_detection.py {use}")
    return not tables.problems


def main(argv):
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments: {argv[1:]}")
    logging.set_verbosity(logging.WARNING)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    names = [flag.name for flag in FLAGS.get_key_flags_for_module(argv[0])]
    try:
        sys.exit(not run(**{name: FLAGS[name].value for name in names}))
    except (OSError, ValueError) as error:
        sys.exit(f"anomaly_detection.py: {error}")
    except KeyboardInterrupt:
        sys.exit("anomaly_detection.py: stopped; nothing was written")


if __name__ == "__main__":
    define_flags()
    app.run(main)
