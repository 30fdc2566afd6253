"""From a file of a normal series to a detector that knows its windows."""

import numpy as np

from dlunits.data.series.series_tables import read_series, series_kinds
from dlunits.data.series.window_features import WindowFeatures
from dlunits.data.tables.column_types import infer_column_types
from dlunits.data.tables.reservoir_sample import ReservoirSample
from dlunits.data.tables.table_columns import check_columns
from dlunits.reporting.progress import with_progress
from dlunits.tasks.anomaly.baselines import baseline_scores
from dlunits.tasks.anomaly.train import (
    MOST_BY_PEERS,
    TrainedDetector,
    facts_of,
    learn_detector,
    learn_table,
)
from dlunits.tasks.anomaly.training_rows import (
    TrainingRows,
    ignored_lines,
    parsed,
)


def learn(train, score=None, *, timestamp_column=None, window=64, **options):
    """Learns a detector from a table, or, if there are times, from a series.

    Args:
        train, score, **options: As in
            `dlunits.tasks.anomaly.train.learn_table`.
        timestamp_column, window: As in `learn_series`; without a column of
            times rows stand alone.

    Returns:
        `TrainedDetector`.

    Raises:
        ValueError: If it cannot be learnt from; one line.
    """
    if timestamp_column is None:
        return learn_table(train, score, **options)
    return learn_series(
        train,
        score,
        timestamp_column=timestamp_column,
        window=window,
        **options,
    )


def learn_series(
    train,
    score=None,
    *,
    timestamp_column,
    window=64,
    log=lambda text: None,
    progress=None,
    kinds=(),
    label_column=None,
    normal_class=None,
    verbose=0,
    **options,
):
    """Learns a detector from the windows of a normal series.

    The series is read whole. Numbers and booleans are its channels. Rows
    that are labeled as anomalies count as missing, unless `contamination`
    says that some are feared.

    Args:
        train, score, log, progress, kinds, label_column, normal_class, verbose:
            As in `dlunits.tasks.anomaly.train.learn_table`.
        timestamp_column: Name of the column of times.
        window: Integer, rows in a window.
        **options: Of `AnomalyDetector`.

    Returns:
        `TrainedDetector`; its card has under `series` what
        `dlunits.tasks.anomaly.score_series.SeriesScorer` needs to know.

    Raises:
        ValueError: If it cannot be learnt from; one line.
    """
    check_columns(train.columns, [timestamp_column], train.path)
    label = label_column if label_column in train.columns else None
    kinds, reasons = series_kinds(
        *infer_column_types(
            with_progress(train, progress, "Inferring column types"),
            parsed(kinds),
            label,
        ),
        timestamp_column,
        train.path,
    )
    series = read_series(
        with_progress(train, progress, "Reading the series"),
        kinds,
        label,
        normal_class,
    )
    if score is not None:
        check_columns(score.columns, kinds, score.path)
    values, seed = series.values, options.get("seed", 0)
    keep_anomalies = options.get("contamination", 0) > 0
    anomalies = None if label is None else int(series.labels.sum())
    if anomalies and not keep_anomalies:
        values = np.where(series.labels[:, None], np.nan, values)
    try:
        inputs = WindowFeatures.fit(values, series.times, window)
        windows = inputs.training_windows(values, series.times)
    except ValueError as error:
        raise ValueError(f"{train.path}: {error}") from error
    features = inputs.training_features(windows)
    columns = feature_columns(inputs, list(kinds)[1:], features)
    rows = TrainingRows(
        columns,
        dict.fromkeys(columns, "number"),
        {},
        train.path,
        len(values),
        anomalies,
        keep_anomalies,
        "windows",
    )
    source = source_of(rows, inputs, kinds)
    log("\n".join([source, *ignored_lines(reasons)]))
    detector = learn_detector(rows, verbose=verbose, **options)
    facts = facts_of(detector, rows) | {
        "kinds": {**kinds, **dict.fromkeys(reasons, "ignored")},
        "reasons": reasons,
        "source": source,
    }

    def baselines(scored):
        new = inputs.features(scored.windows)
        sample = ReservoirSample(MOST_BY_PEERS, seed)
        sample.add({"windows": features})
        known = sample.columns["windows"]
        kept = scored.verdicts.columns["row"]
        return {
            name: scored.windows.to_rows(scores)[kept]
            for name, scores in baseline_scores(known, new, seed).items()
        }

    return TrainedDetector(
        detector,
        facts,
        baselines,
        {
            "series": {
                "kinds": kinds,
                "ignored": list(reasons),
                "inputs": inputs.get_config(),
            }
        },
    )


def feature_columns(inputs, channels, features):
    """Features of windows by name, `"speed: level"` for example."""
    names = inputs.names
    of_channel = len(names) // len(channels)
    return {
        f"{channels[place // of_channel]}: {name.rpartition(', ')[2]}": column
        for place, (name, column) in enumerate(
            zip(names, features.T, strict=True)
        )
    }


def source_of(rows, inputs, kinds):
    """What is learnt from, in a sentence or two."""
    hours = inputs.profile.period / 3600
    season = f"what is usual goes by {hours:g} h" if hours else "no season"
    text = (
        f"{rows.path}: {rows.seen:,} rows, one every {inputs.step:g} s; "
        f"{rows.number:,} windows of {inputs.window} rows are learnt from; "
        f"{len(kinds) - 1} channels, {season}."
    )
    if rows.anomalies:
        learnt = "learnt from, too" if rows.anomalies_kept else "left out"
        text += f" {rows.anomalies:,} rows of anomalies by label are {learnt}."
    return text
