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

Expected: AUC 0.95 on the embedded tumours, in 30 seconds on 2 CPU cores.
"""

import shlex
import sys
import time

from absl import flags

import _main

COMMAND = _main.command_line(__file__)

KINDS = ("plain", "denoising", "sparse", "contractive", "variational")

TEXTS = {
    "train": (None, "CSV, Parquet or folder of images, all normal."),
    "score": (None, "CSV, Parquet or folder to search for anomalies."),
    "output": (None, "File to write: .csv, .tsv, .txt or .parquet."),
    "model": (None, "Folder of a SavedModel to score with; none is learnt."),
    "dataset": ("wdbc", "Without --train: wdbc, mnist, fashion_mnist, digits."),
    "data_dir": (None, "Folder of prepared TFDS data sets."),
    "label_column": (
        None,
        "Column that tells anomalies: left out of --train, and to "
        "evaluate by in --score.",
    ),
    "timestamp_column": (None, "Column of times, if rows make a series."),
    "normal_class": (None, "Label of normal rows, if not 0 or normal."),
    "delimiter": (None, "Of CSV, one character; found if not given."),
    "encoding": (None, "Of CSV, utf-8 for example; found if not given."),
    "decimal": (None, "Of CSV, a point or a comma; found if not given."),
    "workdir": ("runs/anomaly_{dataset}", "Folder of the report."),
    "export_dir": ("saved_models/anomaly_{dataset}", "Folder of SavedModels."),
}

# Flag -> those that do nothing beside it.
IDLE = {
    "train": "dataset data_dir",
    "model": "dataset data_dir timestamp_column window side kinds "
    "contamination kind folds steps seed export_dir",
}


def define_flags():
    for name, (default, meaning) in TEXTS.items():
        flags.DEFINE_string(name, default, meaning)
    flags.DEFINE_float(
        "false_alarm_rate",
        None,
        "Share of normal rows that may be called "
        "anomalous; 0.01, or the model's own.",
        1e-6,
        0.5,
    )
    flags.DEFINE_float(
        "contamination",
        0.0,
        "Share of anomalies feared in --train, by up to "
        "which the false-alarm rate is then exceeded.",
        0,
        0.49,
    )
    flags.DEFINE_multi_string(
        "kinds",
        [],
        "NAME=KIND of a column: number, boolean, timestamp, "
        "timestamp_day_first, category or ignored; found for the others.",
    )
    flags.DEFINE_enum("kind", "denoising", KINDS, "Kind of the autoencoders.")
    flags.DEFINE_integer(
        "folds",
        5,
        "Parts of the rows that are judged by what the others "
        "teach; with 1 rows are kept aside, and the rate is exact.",
        1,
        20,
    )
    flags.DEFINE_integer("window", 64, "Rows in a window of a series.", 2)
    flags.DEFINE_integer("side", 64, "Pixels of folders' images.", 8, 1024)
    flags.DEFINE_integer("steps", 1500, "Gradient steps.", 1, 10**6)
    flags.DEFINE_integer("seed", 0, "Decides all that is random.", 0, 2**32 - 1)


def check_flags(given):
    """Refuses names of flags that do not go together."""
    sources, results = {"train", "model"} & given, {"score", "output"} & given
    if len(sources) == 2 or (results and not sources):
        raise ValueError("Expected one of --train=TABLE and --model=FOLDER")
    if len(results) == 1 or ("model" in given and not results):
        raise ValueError("Expected --score=TABLE and --output=TABLE together")
    for name in sources:
        for idle in IDLE[name].split():
            if idle in given:
                raise ValueError(f"--{idle} does nothing beside --{name}")
    if "window" in given and "timestamp_column" not in given:
        raise ValueError("--window is of a series: name --timestamp_column")
    if sources and "normal_class" in given and "label_column" not in given:
        raise ValueError("--normal_class is a label: name --label_column")


def train_and_evaluate(*, tables, export_dir, rate, progress, **recipe):
    """Returns the SavedModel's folder, what scored, and facts for a report."""
    from dlunits.tasks.anomaly.serve import export_detector, note_metrics
    from dlunits.tasks.anomaly.train_series import learn

    learnt = learn(
        tables.train,
        tables.score,
        **tables.labels,
        false_alarm_rate=rate,
        progress=progress,
        log=print,
        verbose=2,
        **recipe,
    )
    source = " ".join([*tables.told, learnt.facts["source"]])
    # Before a bad row far down in a table can undo the training.
    version = export_detector(
        learnt.detector,
        export_dir,
        data=source,
        command=COMMAND,
        metrics={},
        describe=tables.describe,
        **learnt.card,
    )
    print(f"SavedModel:    {version}")
    scored, facts = None, {**learnt.facts, "source": source}
    if tables.score:
        scored = evaluate(tables, learnt.detector, learnt.card, rate, progress)
        note_metrics(version, scored.quality)
        facts["baselines"] = learnt.score_baselines(scored, log=print)
    return version, scored, facts


def evaluate(tables, detector, card, rate, progress):
    """Writes the scored table, and returns what scored it."""
    from dlunits.tasks.anomaly.input_validation import score_opened

    scorer = score_opened(tables, detector, rate, card, progress)
    print(scorer.told, f"Scored table:  {tables.output}", sep="\n")
    return scorer


def run(
    train,
    score,
    output,
    model,
    dataset,
    workdir,
    export_dir,
    label_column,
    normal_class,
    false_alarm_rate,
    delimiter,
    encoding,
    decimal,
    data_dir,
    side,
    kinds,
    folds,
    **recipe,
):
    """From the flags to a scored table, a report and a SavedModel."""
    started = time.monotonic()
    from dlunits.reporting.progress import row_progress
    from dlunits.tasks.anomaly.input_validation import open_tables
    from dlunits.tasks.anomaly.report import write_anomaly_report
    from dlunits.tasks.anomaly.score_table import open_model
    from dlunits.tasks.anomaly.sources import folders_of_run, source_tables

    detector, rate = None, false_alarm_rate or 0.01
    if model:
        detector, rate = open_model(model, false_alarm_rate)
    name, folder, export_dir = folders_of_run(
        train or dataset, score, model, workdir, export_dir
    )
    tables = source_tables(
        train,
        score,
        folder,
        detector=detector,
        dataset=dataset,
        label_column=label_column,
        normal_class=normal_class,
        side=side,
        data_dir=data_dir,
        seed=recipe["seed"],
    )
    print(*tables.told, sep="\n", end="\n" * bool(tables.told))
    output, progress = output or folder / "scored.csv", row_progress(sys.stderr)
    tables = open_tables(
        tables, output, delimiter=delimiter, encoding=encoding, decimal=decimal
    )
    if model:
        version, facts = model, {**detector.facts, "source": f"model {model}"}
        scored = evaluate(tables, detector, detector.card, rate, progress)
    else:
        version, scored, facts = train_and_evaluate(
            tables=tables,
            export_dir=export_dir,
            rate=rate,
            progress=progress,
            kinds=[*tables.kinds, *kinds],
            num_folds=folds,
            **recipe,
        )
    report = write_anomaly_report(
        folder / "report.html",
        name=name,
        false_alarm_rate=rate,
        scored=scored,
        images=tables.images,
        **facts,
        command=COMMAND,
        seconds=time.monotonic() - started,
    )
    use = shlex.join([f"--model={version}", "--score=TABLE", "--output=NEW"])
    print(f"Report:        {report}")
    print(f"Use it:        {_main.program('anomaly_detection')} {use}")
    return int(bool(tables.problems))


if __name__ == "__main__":
    _main.run_app(define_flags, run, check_flags=check_flags)
