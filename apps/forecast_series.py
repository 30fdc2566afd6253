"""Forecasts a series in a table, with intervals, and says what that is worth.

Papers: Zeng et al., 2023, https://arxiv.org/abs/2205.13504 (linear); Lin et
al., 2023, "SegRNN", https://arxiv.org/abs/2308.11200 (gru, lstm).

Usage:
    python apps/forecast_series.py --train=series.csv --timestamp_column=time \
        --horizon=24 --window=168 --output=forecast.csv
    python apps/forecast_series.py --train=series.csv --timestamp_column=time \
        --target=load --kind=gru    # many-to-one: reads all, says one
    python apps/forecast_series.py --model=saved_models/forecast_series/1 \
        --history=today.csv --output=forecast.csv
    python apps/forecast_series.py    # embedded: an electroencephalogram

Stopped at any moment, the same command goes on after its last whole epoch.
Expected: on the embedded series a third less error than the naive forecast,
in 30 seconds on 2 CPU cores.
"""

import pathlib
import shlex

from absl import flags

import _main

COMMAND = _main.command_line(__file__)

TEXTS = {
    "train": (None, "CSV or Parquet file of a series to learn."),
    "model": (None, "Folder of a SavedModel to forecast with."),
    "history": (None, "With --model: CSV or Parquet file to go on from."),
    "output": (None, "CSV file to write: forecast, low and high."),
    "timestamp_column": (None, "Column of times or of numbers of seconds."),
    "delimiter": (None, "Of CSV, one character; found if not given."),
    "encoding": (None, "Of CSV, utf-8 for example; found if not given."),
    "decimal": (None, "Of CSV, a point or a comma; found if not given."),
    "workdir": (
        "runs/forecast_{name}_{kind}_{window}_{horizon}_seed_{seed}",
        "Folder of checkpoint, history.csv, logs and report.",
    ),
    "export_dir": ("saved_models/forecast_{name}", "Folder of SavedModels."),
}

NOT_BESIDE_MODEL = {"timestamp_column", "workdir", "export_dir"}

# Default, least value and meaning.
INTEGERS = {
    "horizon": (16, 1, "Rows to forecast."),
    "window": (64, 2, "Rows to read for it."),
    "units": (64, 2, "Of the recurrent network, even."),
    "segment": (8, 1, "Rows that it reads at once."),
    "season": (None, 1, "Rows of the seasonal naive forecast, else found."),
    "epochs": (30, 1, "Passes over the data."),
    "batch_size": (32, 1, "Windows a step."),
    "patience": (10, 1, "Epochs without improvement."),
    "seed": (0, 0, "Decides all that is random."),
}


def define_flags():
    for name, (default, meaning) in TEXTS.items():
        flags.DEFINE_string(name, default, meaning)
    for name, (default, least, meaning) in INTEGERS.items():
        flags.DEFINE_integer(name, default, meaning, least, 2**32 - 1)
    flags.DEFINE_multi_string("target", [], "Column to forecast, or all.")
    flags.DEFINE_multi_string("column", [], "Further column to read, or all.")
    flags.DEFINE_enum("kind", "gru", ["linear", "gru", "lstm"], "Network.")
    flags.DEFINE_enum(
        "read",
        "auto",
        ["auto", "apart", "together"],
        "Whether a column is "
        "forecast from itself or from all; auto: from all if some are targets.",
    )
    flags.DEFINE_enum("level", "mean", ["last", "mean"], "Taken from a window.")
    flags.DEFINE_float("rate", 0.2, "Of dropout.", 0, 0.95)
    flags.DEFINE_float("coverage", 0.9, "Of the intervals.", 0.01, 0.999)
    flags.DEFINE_float("learning_rate", 3e-3, "Adam's largest step size.", 0)


def check_flags(given):
    """Refuses names of flags that do not go together."""
    if {"train", "model"} <= given:
        raise ValueError("Expected one of --train=TABLE and --model=FOLDER")
    if "model" in given:
        if not {"history", "output"} <= given:
            raise ValueError("--model needs --history=TABLE and --output=CSV")
        for idle in sorted(given - (TEXTS.keys() - NOT_BESIDE_MODEL)):
            raise ValueError(f"--{idle} does nothing beside --model")
    elif "history" in given:
        raise ValueError("--history is gone on from by a --model=FOLDER")
    if "train" in given and "timestamp_column" not in given:
        raise ValueError("--train needs --timestamp_column=NAME")
    if "train" not in given:
        for idle in given & {"timestamp_column", "target", "column"}:
            raise ValueError(f"--{idle} is of a table: name --train=TABLE")


def train_and_evaluate(*, task, run_directory, season, read, **recipe):
    """Returns a dict: calibrated `model`, its `history` and `backtest`."""
    from dlunits.tasks.forecasting.train import backtest, train_forecaster

    few = len(task.targets) < len(task.channels)
    model, history = train_forecaster(
        task,
        run_directory,
        network=recipe.pop("kind"),
        channel_mixing=read == "together" or (read == "auto" and few),
        normalization=recipe.pop("level"),
        segment_length=recipe.pop("segment"),
        dropout=recipe.pop("rate"),
        **recipe,
    )
    judged = backtest(model, task, season)
    return {"model": model, "history": history, "backtest": judged}


def learn(
    train,
    timestamp_column,
    target,
    column,
    workdir,
    export_dir,
    output,
    dialect,
    **recipe,
):
    """From a table to a forecast, a report and a SavedModel."""
    from dlunits.data.series.embedded_series import SOURCE, write_eeg
    from dlunits.data.series.forecasting_dataset import load_forecasting_dataset
    from dlunits.data.tables.table_files import open_table
    from dlunits.layers.tabular.conformal_interval import min_examples
    from dlunits.tasks.forecasting import serve as service
    from dlunits.tasks.forecasting.report import write_forecast_report
    from dlunits.training import RunDirectory, check_writable, format_path

    name = pathlib.Path(train).stem if train else "eeg"
    names = {"name": name, **recipe}
    folder = pathlib.Path(format_path(workdir, names)).expanduser()
    service.check_output(output)
    check_writable(folder)
    table = open_table(train or write_eeg(folder), **dialect)
    source = [] if train else [SOURCE]
    task = load_forecasting_dataset(
        table,
        timestamp_column or "seconds",
        targets=target,
        columns=column,
        window=recipe["window"],
        horizon=recipe["horizon"],
        min_calibration=min_examples(recipe["coverage"]),
    )
    print(*source, *task.told, sep="\n", flush=True)
    run_of = {"data": task.fingerprint, "targets": task.target_names, **recipe}
    run_directory = RunDirectory(folder, run_of)
    check_writable(export_dir := format_path(export_dir, names))
    trained = train_and_evaluate(
        task=task, run_directory=run_directory, **recipe
    )
    judged = trained["backtest"]
    print(*judged.lines, sep="\n")
    version = service.export_forecaster(
        trained["model"],
        export_dir,
        task=task,
        command=COMMAND,
        data=" ".join([*source, *task.told]),
        metrics={row.pop("forecast"): row for row in judged.table},
    )
    coming = service.forecast_table(*service.open_forecaster(version), table)
    output = service.write_forecast(output or folder / "forecast.csv", coming)
    report = write_forecast_report(
        folder / "report.html",
        **trained,
        task=task,
        forecast=coming,
        source=" ".join([*source, str(table.path)]),
        command=COMMAND,
        seconds=run_directory.seconds,
    )
    print(f"Forecast:      {output}", f"Report:        {report}", sep="\n")
    print(f"SavedModel:    {version}")
    use = shlex.join([f"--model={version}", "--history=TABLE", "--output=CSV"])
    print(f"Use it:        {_main.program('forecast_series')} {use}")


def forecast(model, history, output, dialect):
    """From a SavedModel and a table to a forecast."""
    from dlunits.data.tables.table_files import open_table
    from dlunits.tasks.forecasting import serve as service

    service.check_output(output)
    served = service.open_forecaster(model)
    coming = service.forecast_table(*served, open_table(history, **dialect))
    print(f"Forecast:      {service.write_forecast(output, coming)}")


def run(model, history, delimiter, encoding, decimal, **options):
    """From the flags to a forecast."""
    dialect = {"delimiter": delimiter, "encoding": encoding, "decimal": decimal}
    if model:
        return forecast(model, history, options["output"], dialect)
    return learn(dialect=dialect, **options)


if __name__ == "__main__":
    _main.run_app(define_flags, run, check_flags=check_flags, resumes=True)
