r"""Trains a forecaster on a time series, or forecasts with a trained one.

The method is selected on validation rows: a linear network, its combination
with Theta, a GRU, or a baseline. The forecast has prediction intervals. The
report compares it with baselines in a backtest over rolling origins. A series
that is too short to train on is forecast by a baseline.

Papers: Zeng et al., 2023, https://arxiv.org/abs/2205.13504 (linear); Lin et
al., 2023, "SegRNN", https://arxiv.org/abs/2308.11200 (gru, lstm);
Assimakopoulos and Nikolopoulos, 2000,
https://doi.org/10.1016/S0169-2070(00)00066-2 (theta).

Usage:
    python apps/forecast_series.py --train=series.csv --timestamp_column=time \
        --horizon=24 --window=168 --output=forecast.csv
    python apps/forecast_series.py --train=series.csv --timestamp_column=time \
        --target=load --method=gru    # all columns as input, one forecast
    python apps/forecast_series.py --train=sales.csv --timestamp_column=month \
        --horizon=12 --minimum=0       # no forecast is below 0
    python apps/forecast_series.py --train=shops.csv --timestamp_column=day \
        --series_column=shop           # many series in one table
    python apps/forecast_series.py --train=shop.csv --timestamp_column=day \
        --target=sales --known_future_columns=holiday,price
    python apps/forecast_series.py --model=saved_models/forecast_series/1 \
        --history=today.csv --output=forecast.csv
    python apps/forecast_series.py    # embedded: an electroencephalogram

A stopped run resumes from its last epoch with the same command. Expected: on
the embedded series the error is a third lower than that of the naive forecast,
after 30 seconds on 2 CPU cores.
"""

import pathlib
import shlex

from absl import flags

import _main

COMMAND = _main.command_line(__file__)

CSV_FLAGS = _main.CSV_FLAGS

MODES = {
    "train": {
        *("train", "timestamp_column", "target", "column", "column_type"),
        *("output", "dry_run", "known_future_columns"),
        *("horizon", "window", "method", "channels", "normalization"),
        *("units", "segment_length", "dropout", "coverage", "season"),
        *("minimum", "series_column", "time_zone"),
        *("epochs", "batch_size", "learning_rate", "patience", "seed"),
        *("workdir", "export_dir", "escape_formulas", *CSV_FLAGS),
    },
    "model": {"model", "history", "output", "escape_formulas", *CSV_FLAGS},
}


def define_flags():
    flags.DEFINE_string(
        "train",
        None,
        "CSV or Parquet file of a series to train on. Without it the embedded "
        "electroencephalogram is used.",
    )
    flags.DEFINE_string(
        "timestamp_column",
        None,
        "Column with the timestamps: dates, or times in seconds. DATE,TIME "
        "names two columns with the date and the time of day.",
    )
    flags.DEFINE_string(
        "series_column",
        None,
        "Column with the name of the series of each row, for a table of many "
        "series. One model is trained on all of them, each divided by its own "
        "standard deviation; errors and intervals are those of each series.",
    )
    flags.DEFINE_string(
        "time_zone",
        None,
        "Time zone, such as Europe/Berlin, that timestamps with an offset "
        "from UTC are converted to. Default: that of the Parquet column, or "
        "the offset if all rows have the same one, else UTC.",
    )
    flags.DEFINE_multi_string(
        "target",
        [],
        "Column to forecast. Default: all numeric columns.",
    )
    flags.DEFINE_multi_string(
        "column",
        [],
        "Further input column. Default: all numeric columns.",
    )
    flags.DEFINE_list(
        "known_future_columns",
        [],
        "Comma-separated numeric input columns whose values are known over "
        "the horizon, such as holiday,price. The table to forecast from must "
        "contain the rows of the horizon, with values in these columns and "
        "none in the columns to forecast.",
    )
    flags.DEFINE_string(
        "history",
        None,
        "CSV or Parquet file from whose last rows --model forecasts.",
    )
    flags.DEFINE_string(
        "output",
        None,
        "CSV file to write the forecast and its prediction intervals to. "
        "Default with --train: forecast.csv in --workdir.",
    )
    flags.DEFINE_integer(
        "horizon", 16, "Number of rows to forecast.", lower_bound=1
    )
    flags.DEFINE_integer(
        "window",
        None,
        "Number of past rows that are the input of a forecast. Default: a "
        "sixth of the series and at most 64, but at least two seasons.",
        lower_bound=2,
    )
    flags.DEFINE_enum(
        "method",
        "auto",
        [
            *("auto", "linear", "combination", "gru", "lstm", "theta"),
            *("seasonal_naive", "naive"),
        ],
        "Forecasting method. linear: one linear layer; gru, lstm: recurrent "
        "network over segments of the window; theta: exponential smoothing "
        "with trend and season; combination: mean of linear and theta; "
        "seasonal_naive: repeats the last season; naive: repeats the last "
        "value; auto: the one of these, except lstm, with the lowest error on "
        "validation rows.",
    )
    flags.DEFINE_float(
        "minimum",
        None,
        "Lower bound of forecasts and prediction intervals, in the unit of "
        "the target. Default: none.",
    )
    flags.DEFINE_enum(
        "channels",
        "auto",
        ["auto", "independent", "mixed"],
        "Input of the forecast of a target. independent: its own past, with "
        "weights that all targets share; mixed: the past of all input "
        "columns; auto: mixed if some input columns are not targets, else "
        "independent.",
    )
    flags.DEFINE_enum(
        "normalization",
        "mean",
        ["last", "mean"],
        "Level of a window that is subtracted from the input of the network "
        "and added to its forecast: the last value or the mean.",
    )
    flags.DEFINE_integer(
        "segment_length",
        8,
        "Number of rows in each time step of the recurrent network.",
        lower_bound=1,
    )
    flags.DEFINE_float(
        "coverage",
        0.9,
        "Nominal coverage of the prediction intervals: fraction of future "
        "values that they contain.",
        0.01,
        0.999,
    )
    flags.DEFINE_integer(
        "season",
        None,
        "Seasonal period of the baselines, in rows. Default: selected on the "
        "training rows.",
        lower_bound=1,
    )
    _main.define_common_flags(
        **dict.fromkeys(CSV_FLAGS),
        column_type=None,
        dry_run=False,
        escape_formulas=False,
        model=None,
        units=64,
        dropout=0.2,
        epochs=30,
        batch_size=32,
        learning_rate=3e-3,
        patience=10,
        seed=0,
        workdir="runs/forecast_{name}_{method}_{window}_{horizon}_"
        "{epochs}_epochs_seed_{seed}",
        export_dir="saved_models/forecast_{name}",
    )


def check_flags(given):
    """Checks for flags that cannot be combined."""
    if _main.choose_mode(given, MODES) == "model":
        if not {"history", "output"} <= given:
            raise ValueError("--model needs --history=TABLE and --output=CSV")
    elif "train" not in given:
        table_flags = (
            *("timestamp_column", "series_column", "target", "column"),
            *(
                "known_future_columns",
                "time_zone",
                "column_type",
                "dry_run",
                *CSV_FLAGS,
            ),
        )
        _main.refuse_without(given, ["train"], table_flags)
    elif "timestamp_column" not in given:
        raise ValueError("--train needs --timestamp_column=NAME")


def train_and_evaluate(
    *,
    dataset,
    run_directory,
    method,
    season,
    channels,
    **recipe,
):
    """Trains a forecaster; returns its `selection` and `backtest`, a dict."""
    from dlunits.models.sequences.forecaster import BASELINES
    from dlunits.tasks.forecasting import train

    if dataset.shortage:
        selection = train.short_series_forecaster(
            dataset,
            method=method,
            season=season,
            coverage=recipe["coverage"],
            minimum=recipe["minimum"],
        )
        return {"selection": selection, "backtest": None}

    mixed = channels == "mixed" or (
        channels == "auto" and len(dataset.targets) < len(dataset.channels)
    )
    if dataset.known_future and (not mixed or method in BASELINES):
        unsuitable = f"method={method}" if mixed else f"channels={channels}"
        raise ValueError(
            f"--{unsuitable} does not use --known_future_columns. Remove one "
            "of the two flags"
        )
    selection = train.select_forecaster(
        dataset,
        run_directory,
        method=method,
        season=season,
        channel_mixing=mixed,
        **recipe,
    )
    backtest = train.backtest(selection.model, dataset, selection.baselines)
    return {"selection": selection, "backtest": backtest}


def print_columns(
    train,
    timestamp_column,
    series_column,
    column_type,
    dialect,
    **unused_options,
):
    """Prints the columns of a table to train on."""
    from dlunits.columns import parse_column_types
    from dlunits.data.series.series_tables import (
        infer_series_columns,
        list_series_columns,
    )
    from dlunits.data.tables.table_files import open_table

    column_types = parse_column_types(column_type or [])
    table = open_table(train, **dialect).with_timestamps(timestamp_column)
    inferred = infer_series_columns(
        table, timestamp_column, column_types, series_column
    )
    columns = list_series_columns(table, *inferred)
    print(*table.messages, *columns, sep="\n")
    print("Dry run:       nothing was trained or written")


def train_and_report(
    train,
    timestamp_column,
    series_column,
    time_zone,
    target,
    column,
    known_future_columns,
    column_type,
    workdir,
    export_dir,
    output,
    dialect,
    escape_formulas,
    **recipe,
):
    """Trains on a table; writes a forecast, a report and a SavedModel."""
    from dlunits.columns import InvalidCells, parse_column_types
    from dlunits.data.series.embedded_series import SOURCE, write_eeg
    from dlunits.data.series.forecasting_dataset import load_forecasting_dataset
    from dlunits.data.tables.table_files import open_table
    from dlunits.layers.tabular.conformal_interval import min_examples
    from dlunits.paths import expand_user
    from dlunits.tasks.forecasting import serve
    from dlunits.tasks.forecasting.report import write_forecast_report
    from dlunits.tasks.forecasting.train import check_minimum
    from dlunits.training import (
        RunDirectory,
        check_writable,
        format_path,
        lock_run,
    )

    name = pathlib.Path(train).stem if train else "eeg"
    names = {"name": name, **recipe, "window": recipe["window"] or "auto"}
    folder = expand_user(format_path(workdir, names))
    serve.check_output(output)
    check_writable(folder)
    lock = lock_run(folder)
    table = open_table(train or write_eeg(folder), **dialect)
    source = [] if train else [SOURCE]
    dataset = load_forecasting_dataset(
        table,
        timestamp_column or "seconds",
        targets=target,
        columns=column,
        known_future=known_future_columns,
        series_column=series_column,
        time_zone=time_zone,
        column_types=parse_column_types(column_type or []),
        window=recipe["window"],
        horizon=recipe["horizon"],
        min_calibration=min_examples(recipe["coverage"]),
        log=print if train else lambda line: None,
    )
    check_minimum(dataset, recipe["minimum"])
    if output and not dataset.has_future:
        raise ValueError(
            f"{missing_future(dataset)} Add these rows, or leave out --output "
            "and forecast with --model later"
        )
    print(*source, *dataset.messages, sep="\n", flush=True)
    identity = {
        "data": dataset.fingerprint,
        "targets": dataset.target_names,
        **recipe,
    }
    run_directory = RunDirectory(folder, identity)
    del lock  # the run directory holds it
    check_writable(export_dir := format_path(export_dir, names))
    recipe["window"] = dataset.window
    result = train_and_evaluate(
        dataset=dataset, run_directory=run_directory, **recipe
    )
    selection, backtest = result["selection"], result["backtest"]
    print(*selection.messages, sep="\n")
    print(*(backtest.messages if backtest else ()), sep="\n")
    version = serve.export_forecaster(
        selection.model,
        export_dir,
        dataset=dataset,
        command=COMMAND,
        data=" ".join([*source, *dataset.messages]),
        metrics={row.pop("forecast"): row for row in backtest.table}
        if backtest
        else {},
    )
    if not dataset.has_future:
        columns, written = None, f"none. {missing_future(dataset)}"
    else:
        columns = serve.forecast_table(
            *serve.load_forecaster(version), table, InvalidCells()
        )
        written = serve.write_forecast(
            output or folder / "forecast.csv",
            columns,
            escape_formulas=escape_formulas,
        )
    report = write_forecast_report(
        folder / "report.html",
        **result,
        dataset=dataset,
        forecast=columns,
        source=" ".join([*source, str(table.path)]),
        command=COMMAND,
        seconds=run_directory.seconds,
    )
    print(f"Forecast:      {written}", f"Report:        {report}", sep="\n")
    print(f"SavedModel:    {version}")
    use = shlex.join([f"--model={version}", "--history=TABLE", "--output=CSV"])
    print(f"Use it:        {_main.program('forecast_series')} {use}")


def missing_future(dataset):
    """Reason why no forecast can be made from the end of a table."""
    return (
        f"The table does not contain {', '.join(dataset.known_future)} for "
        f"{dataset.horizon} rows after the last value of "
        f"{dataset.target_names[0]}."
    )


def forecast_with_model(model, history, output, dialect, escape_formulas):
    """Forecasts the rows that follow a table with a SavedModel."""
    from dlunits.columns import InvalidCells
    from dlunits.data.tables.table_files import open_table
    from dlunits.tasks.forecasting import serve

    serve.check_output(output)
    forecaster = serve.load_forecaster(model)
    invalid_cells = InvalidCells()
    table = open_table(history, **dialect)
    columns = serve.forecast_table(*forecaster, table, invalid_cells)
    for message in (*table.messages, *invalid_cells.messages):
        print(message)
    output = serve.write_forecast(
        output, columns, escape_formulas=escape_formulas
    )
    print(f"Forecast:      {output}")


def run(model, history, **options):
    """Trains, or forecasts with a model if there is one."""
    dialect = {name: options.pop(name) for name in CSV_FLAGS}
    dry_run = options.pop("dry_run")
    if dry_run:
        return print_columns(dialect=dialect, **options)
    if model:
        return forecast_with_model(
            model,
            history,
            options["output"],
            dialect,
            options["escape_formulas"],
        )
    return train_and_report(dialect=dialect, **options)


if __name__ == "__main__":
    _main.run_app(
        define_flags,
        run,
        check_flags=check_flags,
        output_suffixes=[".csv"],
        input_flags=["train", "history"],
        resumes=True,
        log_warnings=False,
    )
