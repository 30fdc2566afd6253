r"""Detects anomalies in a table, a time series or a folder of images.

Paper: Han et al., 2022, "ADBench", https://arxiv.org/abs/2206.09426

Usage:
    python apps/anomaly_detection.py --train=normal.csv --score=new.csv \
        --output=scored.csv --false_alarm_rate=0.01
    python apps/anomaly_detection.py --model=saved_models/anomaly_normal/1 \
        --score=today.parquet --output=scored.parquet
    python apps/anomaly_detection.py --model=saved_models/anomaly_normal/1 \
        --score=parquet_folder --output=scored_folder --shard=0/4
    python apps/anomaly_detection.py --train=sensor.csv --timestamp_column=time
    python apps/anomaly_detection.py --train=pumps.csv --timestamp_column=time \
        --series_column=pump    # many series in one table
    python apps/anomaly_detection.py --dataset=mnist --normal_class=3
    python apps/anomaly_detection.py    # embedded data: breast tumors

Expected: AUC 0.94 on the embedded data, in 20 seconds on 2 CPU cores.
"""

import shlex
import sys
import time

from absl import flags

import _main

COMMAND = _main.command_line(__file__)

FDR = 0.1  # default false discovery rate

TABLE_SUFFIXES = (".csv", ".tsv", ".txt", ".parquet")

CSV_FLAGS = _main.CSV_FLAGS

# Flags without effect when there is a table to train on, or a trained model.
DATASET_FLAGS = ("dataset", "data_dir")
TRAINING_FLAGS = (
    "timestamp_column",
    "series_column",
    "window",
    "image_size",
    "column_type",
    "contamination",
    "num_folds",
    "seed",
    "export_dir",
)


def define_flags():
    _main.define_common_flags(
        data_dir=None,
        model=None,
        **dict.fromkeys(CSV_FLAGS),
        column_type=None,
        dry_run=False,
        escape_formulas=False,
        seed=0,
    )
    flags.DEFINE_string(
        "workdir",
        "runs/anomaly_{dataset}",
        "Folder of the report, and of the tables that are made from images. "
        "{dataset} is replaced by the name of the training data, or of "
        "--model and --score.",
    )
    flags.DEFINE_string(
        "export_dir",
        "saved_models/anomaly_{dataset}",
        "Folder in which the SavedModel is saved under the next free version "
        "number. {dataset} is replaced by the name of the training data.",
    )
    flags.DEFINE_string(
        "train",
        None,
        "Training data, normal rows only: CSV or Parquet file, or folder of "
        "images.",
    )
    flags.DEFINE_string(
        "score",
        None,
        "Data to score: CSV or Parquet file, folder of images or, with "
        "--model, folder of Parquet files and subfolders of them.",
    )
    flags.DEFINE_string(
        "output",
        None,
        "File to write the scored table to: .csv, .tsv, .txt or .parquet. If "
        "--score is a folder of Parquet files: folder to write one scored "
        "file per input file to; the same command resumes an interrupted run.",
    )
    flags.DEFINE_string(
        "shard",
        None,
        "i/n: score only part i, from 0, of n parts of a folder of Parquet "
        "files. For example, four processes with 0/4 to 3/4 score all of it.",
    )
    flags.DEFINE_string(
        "dataset",
        "wdbc",
        "Data set to use without --train: wdbc (embedded; 569 breast tumors, "
        "of which the benign ones are normal), or the images of mnist, "
        "fashion_mnist or digits, with --normal_class.",
    )
    flags.DEFINE_string(
        "label_column",
        None,
        "Column with anomaly labels (0 or 1, normal or anomaly, ...). It is "
        "not an input of the detector. Labeled anomalies in --train are not "
        "trained on; labels in --score evaluate the detector.",
    )
    flags.DEFINE_string(
        "timestamp_column",
        None,
        "Column with the timestamps of a time series; DATE,TIME names two "
        "columns with the date and the time of day. Default: no series, the "
        "rows are independent of each other.",
    )
    flags.DEFINE_string(
        "series_column",
        None,
        "Column with the name of the series of each row, for a table of many "
        "series. One model is trained on all of them; seasonality, scale and "
        "p-values are those of each series.",
    )
    flags.DEFINE_string(
        "normal_class",
        None,
        "Label of normal rows in --label_column, or normal class of a data "
        "set of images. All other labels are anomalies.",
    )
    flags.DEFINE_float(
        "false_alarm_rate",
        None,
        "Maximum expected fraction of normal rows that are flagged as "
        "anomalous. Default: 0.01, or the rate that --model was trained with.",
        1e-6,
        0.5,
    )
    flags.DEFINE_enum(
        "select",
        "rate",
        ["rate", "fdr"],
        "Rule that flags rows of --score. rate: p-values up to the "
        "false-alarm rate. fdr: Benjamini-Hochberg procedure, which bounds "
        "the expected fraction of false alarms among all alarms by --fdr; for "
        "rows that are independent of each other.",
    )
    flags.DEFINE_float(
        "fdr",
        None,
        "False discovery rate of --select=fdr: maximum expected fraction of "
        "the flagged rows that are normal. Default: 0.1.",
        1e-6,
        0.5,
    )
    flags.DEFINE_float(
        "contamination",
        0.0,
        "Expected fraction of unlabeled anomalies in --train. This fraction "
        "of the rows, those with the highest scores, is not trained on; the "
        "false-alarm rate can then be exceeded by up to this fraction.",
        0,
        0.49,
    )
    flags.DEFINE_enum(
        "invalid_cells",
        None,
        ["missing", "refuse"],
        "Cells that do not match the type of their column, such as text among "
        "numbers. missing: in --train they count as missing values, in "
        "--score their rows get no score; they are listed. refuse: the first "
        "one is an error. Default: missing in --train, refuse in --score.",
    )
    flags.DEFINE_integer(
        "num_folds",
        5,
        "Number of cross-fitting folds: each fold is scored by models that "
        "are trained on the other folds. 1 holds out 40 % of the rows to "
        "scale and calibrate the score instead, which makes the false-alarm "
        "rate exact.",
        1,
        20,
    )
    flags.DEFINE_integer(
        "window",
        64,
        "Window of a time series: number of consecutive rows that are scored "
        "together.",
        2,
    )
    flags.DEFINE_integer(
        "image_size",
        64,
        "Height and width in pixels to which the images of a folder are "
        "resized.",
        8,
        1024,
    )


def check_flags(given):
    """Checks for flags that exclude each other or have no effect."""
    sources, results = {"train", "model"} & given, {"score", "output"} & given
    if len(sources) == 2 or (results and not sources):
        raise ValueError("Expected either --train=TABLE or --model=FOLDER")
    if len(results) == 1 or ("model" in given and not results):
        raise ValueError("Expected --score=TABLE and --output=TABLE together")
    _main.refuse_with(
        given, "train", DATASET_FLAGS, "the data are those of --train"
    )
    _main.refuse_with(
        given,
        "model",
        (*DATASET_FLAGS, *TRAINING_FLAGS),
        "nothing is trained",
    )
    _main.refuse_without(
        given, ["timestamp_column"], ["series_column", "window"]
    )
    _main.refuse_without(given, ["train"], ["dry_run"])
    _main.refuse_with(
        given,
        "timestamp_column",
        ["select"],
        "rows of a time series are not independent of each other",
    )
    if "train" in given:
        _main.refuse_without(given, ["score"], ["select"])
    if sources:
        _main.refuse_without(given, ["label_column"], ["normal_class"])


def print_columns(train, score, *, dialect, rate, progress, **options):
    """Prints the columns of a table to train on, as training would."""
    from dlunits.models import AnomalyDetector
    from dlunits.tasks.anomaly.input_validation import open_tables
    from dlunits.tasks.anomaly.sources import InputTables
    from dlunits.tasks.anomaly.train import read_training_rows

    inputs = InputTables(train, score, options["label_column"])
    tables = open_tables(inputs, None, **dialect)
    for table in filter(None, tables):
        for message in table.messages:
            print(message)
    detector = AnomalyDetector(
        contamination=options.pop("contamination"),
        num_folds=options.pop("num_folds"),
        false_alarm_rate=rate,
    )
    read_training_rows(
        *tables, detector, log=print, progress=progress, **options
    )
    print("Dry run:       nothing was trained or written")


def train_and_score(
    *,
    inputs,
    train,
    score,
    output,
    export_dir,
    rate,
    progress,
    escape_formulas,
    invalid_cells,
    fdr,
    **options,
):
    """Trains and exports a detector, and scores a table if there is one.

    Returns:
        `(version, scorer, baselines, summary)`: folder of the SavedModel,
        scorer and baseline scores or `None`, and summary for the report.
    """
    from dlunits.tasks.anomaly.detector_summary import DetectorSummary
    from dlunits.tasks.anomaly.serve import export_detector, update_metrics
    from dlunits.tasks.anomaly.train import train_detector

    trained = train_detector(
        train,
        score,
        label_column=inputs.label_column,
        normal_class=inputs.normal_class,
        false_alarm_rate=rate,
        refuse_invalid=invalid_cells == "refuse",
        log=print,
        progress=progress,
        **options,
    )
    detector, rows = trained.detector, trained.rows
    source = " ".join([*inputs.messages, rows.source])
    # Exported before scoring, so that the model is kept if scoring fails.
    image_card = {}
    if inputs.feature_extractor is not None:
        image_card = {"significant_bits": inputs.significant_bits}
    version = export_detector(
        detector,
        export_dir,
        data=source,
        command=COMMAND,
        metrics={},
        feature_extractor=inputs.feature_extractor,
        **rows.card,
        **image_card,
    )
    print(f"SavedModel:    {version}")
    scorer = baselines = None
    if score:
        scorer = score_file(
            inputs,
            score,
            output,
            detector,
            rate,
            rows.card,
            progress,
            escape_formulas,
            invalid_cells,
            fdr,
        )
        drift = {"drift": scorer.drift.summary()} if scorer.drift else {}
        update_metrics(version, scorer.metrics, **drift)
        if scorer.has_both_labels:
            print("Scoring the baselines")
            baselines = trained.baseline_scores(scorer)
    summary = DetectorSummary.of_trained(detector, rows, source)
    return version, scorer, baselines, summary


def score_file(
    inputs,
    score,
    output,
    detector,
    rate,
    card,
    progress,
    escape_formulas,
    invalid_cells,
    fdr,
):
    """Writes the scored table, and returns its `TableScorer`."""
    from dlunits.columns import InvalidCellError
    from dlunits.tasks.anomaly.score_series import make_scorer
    from dlunits.tasks.anomaly.score_table import (
        invalid_cell_message,
        score_table,
    )

    try:
        scorer = make_scorer(
            detector,
            rate,
            score,
            card,
            inputs.label_column,
            inputs.normal_class,
            skip_invalid=invalid_cells == "missing",
            fdr=fdr,
        )
        score_table(scorer, score, output, progress, escape_formulas)
    except InvalidCellError as error:
        raise ValueError(invalid_cell_message(error)) from error
    print(*scorer.messages, f"Scored table:  {output}", sep="\n")
    return scorer


def is_folder_of_tables(score, output):
    """Whether --score is a folder of Parquet files, and --output a folder."""
    return (
        score is not None
        and _main.expanded_path(score).is_dir()
        and _main.expanded_path(output).suffix.lower() not in TABLE_SUFFIXES
    )


def score_tables(
    model,
    score,
    output,
    *,
    rate,
    shard,
    progress,
    invalid_cells,
    decimal,
    **idle,
):
    """Scores a folder of Parquet files, and returns the exit status."""
    if not model:
        raise ValueError(
            "--score is a folder of Parquet files, which are scored with an "
            "exported detector: give --model=FOLDER instead of --train"
        )
    given = [name for name, value in idle.items() if value]
    if given:
        raise ValueError(
            f"{_main.no_effect(given)} when --score is a folder of Parquet "
            "files"
        )
    from tqdm import tqdm

    from dlunits.tasks.anomaly.score_folder import parse_shard, score_folder
    from dlunits.tasks.anomaly.score_table import load_detector

    def log(message):
        # A terminal shows lines above the progress bar; a log file has no bar.
        write = tqdm.write if sys.stderr.isatty() else print
        write(_main.one_line(message), file=sys.stderr)

    part = parse_shard(shard or "0/1")
    detector, rate = load_detector(model, rate)
    summary = score_folder(
        detector,
        rate,
        model,
        score,
        output,
        shard=part,
        skip_invalid=invalid_cells == "missing",
        decimal=decimal,
        progress=progress,
        log=log,
    )
    print(*summary.messages, f"Scored tables: {output}", sep="\n")
    return 1 if summary.problems else 0


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
    data_dir,
    image_size,
    column_type,
    seed,
    escape_formulas,
    invalid_cells,
    dry_run,
    select,
    fdr,
    shard,
    **options,
):
    """Writes a scored table, a report and, unless `model`, a SavedModel."""
    started = time.monotonic()
    are_folders = is_folder_of_tables(score, output)
    if not are_folders:
        if shard:
            raise ValueError(
                "--shard has no effect unless --score is a folder of Parquet "
                "files and --output a folder"
            )
        tables = {"train": train, "score": score}
        _main.check_output(output, TABLE_SUFFIXES, tables)
    from dlunits.columns import parse_column_types
    from dlunits.reporting.progress import stream_progress
    from dlunits.tasks.anomaly.detector_summary import DetectorSummary
    from dlunits.tasks.anomaly.input_validation import open_tables
    from dlunits.tasks.anomaly.report import write_anomaly_report
    from dlunits.tasks.anomaly.score_table import load_detector
    from dlunits.tasks.anomaly.sources import (
        find_input_tables,
        make_run_folders,
    )
    from dlunits.training import lock_run

    if select == "rate" and fdr:
        raise ValueError("--fdr has no effect without --select=fdr")
    if select == "fdr":
        fdr = fdr or FDR
        if model and false_alarm_rate:
            raise ValueError(
                "--false_alarm_rate has no effect with --model and --select=fdr"
            )
    column_types = parse_column_types(column_type or [])
    dialect = {name: options.pop(name) for name in CSV_FLAGS}
    progress = stream_progress(sys.stderr)
    if are_folders:
        return score_tables(
            model,
            score,
            output,
            rate=false_alarm_rate,
            shard=shard,
            progress=progress,
            invalid_cells=invalid_cells,
            decimal=dialect.pop("decimal"),
            label_column=label_column,
            normal_class=normal_class,
            fdr=fdr,
            escape_formulas=escape_formulas,
            **dialect,
        )
    detector, rate = None, false_alarm_rate or 0.01
    if dry_run:
        return print_columns(
            train,
            score,
            dialect=dialect,
            rate=rate,
            progress=progress,
            timestamp_column=options["timestamp_column"],
            series_column=options["series_column"],
            window=options["window"],
            contamination=options["contamination"],
            num_folds=options["num_folds"],
            column_types=column_types,
            label_column=label_column,
            normal_class=normal_class,
            refuse_invalid=invalid_cells == "refuse",
        )
    if model:
        detector, rate = load_detector(model, false_alarm_rate)
    name, folder, export_dir = make_run_folders(
        train or dataset, score, model, workdir, export_dir
    )
    with lock_run(folder):
        inputs = find_input_tables(
            train,
            score,
            folder,
            detector=detector,
            dataset=dataset,
            label_column=label_column,
            normal_class=normal_class,
            image_size=image_size,
            data_dir=data_dir,
            seed=seed,
            progress=progress,
        )
        for message in inputs.messages:
            print(message)
        output = output or folder / "scored.csv"
        train, score = open_tables(inputs, output, **dialect)
        for table in filter(None, (train, score)):
            for message in table.messages:
                print(message)
        if model:
            version, baselines = model, None
            summary = DetectorSummary.of_served(detector, f"model {model}")
            scorer = score_file(
                inputs,
                score,
                output,
                detector,
                rate,
                detector.card,
                progress,
                escape_formulas,
                invalid_cells,
                fdr,
            )
        else:
            version, scorer, baselines, summary = train_and_score(
                inputs=inputs,
                train=train,
                score=score,
                output=output,
                export_dir=export_dir,
                rate=rate,
                progress=progress,
                column_types={**inputs.column_types, **column_types},
                seed=seed,
                escape_formulas=escape_formulas,
                invalid_cells=invalid_cells,
                fdr=fdr,
                **options,
            )
        report = write_anomaly_report(
            folder / "report.html",
            name=name,
            false_alarm_rate=rate,
            summary=summary,
            scorer=scorer,
            baselines=baselines,
            images=inputs.images,
            command=COMMAND,
            seconds=time.monotonic() - started,
        )
        use = shlex.join(
            [f"--model={version}", "--score=TABLE", "--output=NEW"]
        )
        print(f"Report:        {report}")
        print(f"Use it:        {_main.program('anomaly_detection')} {use}")
        return 1 if inputs.num_unreadable else 0


if __name__ == "__main__":
    _main.run_app(
        define_flags,
        run,
        check_flags=check_flags,
    )
