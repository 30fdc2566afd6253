"""Panel data: several series in one table, as segments of one series."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from dlunits.columns import read_columns
from dlunits.data.series.forecast_windows import (
    ForecastOrigins,
    ForecastWindows,
    split_origins,
    split_sizes,
)
from dlunits.data.series.resampling import ResampledSeries
from dlunits.data.tables.table_files import TableFile
from dlunits.typing import Array


@dataclasses.dataclass(frozen=True)
class PanelMember:
    """One series of a panel.

    Args:
        name: Its name in the column of series.
        first, last: Its first time step in the panel, and its last one plus 1.
        scale: Array `(channels,)` that its values are divided by.
    """

    name: str
    first: int
    last: int
    scale: Array


def read_series_names(table_file: TableFile, series_column: str) -> Array:
    r"""Reads the column that names the series of each row.

    Args:
        table_file: `dlunits.data.tables.table_files.TableFile`.
        series_column: Name of the column.

    Returns:
        Array of strings `(rows,)`.

    Raises:
        ValueError: If a row has no name. The message is one line with the
            place of the row.

    Example:

    >>> import pathlib, tempfile
    >>> from dlunits.data.tables.table_files import open_table
    >>> path = pathlib.Path(tempfile.mkdtemp(), "shops.csv")
    >>> _ = path.write_text("shop,day,sales\na,1,7\nb,1,9\n")
    >>> read_series_names(open_table(path), "shop").tolist()
    ['a', 'b']
    """
    names = []
    for chunk in table_file.chunks():
        column = read_columns(chunk, {series_column: "category"})[series_column]
        missing = column == ""
        if missing.any():
            place = chunk.place(int(missing.argmax()), series_column)
            raise ValueError(
                f"{place}: every row must name its series. Remove the rows "
                "without one."
            )
        names.append(column)
    return np.concatenate(names)


def rows_by_series(names: Array) -> dict[str, Array]:
    """Groups the rows of a table by series.

    Args:
        names: Strings `(rows,)`, the series of each row.

    Returns:
        Dict from name to integers, in the order in which the series first
        appear.

    Example:

    >>> rows_by_series(np.array(["b", "a", "b"], object))
    {'b': array([0, 2]), 'a': array([1])}
    """
    encoded = pa.array(names, pa.string()).dictionary_encode()
    codes = encoded.indices.to_numpy()
    groups = np.split(
        np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1]
    )
    return dict(zip(encoded.dictionary.to_pylist(), groups, strict=True))


def concatenate_series(
    series: Mapping[str, ResampledSeries], rows: Mapping[str, Array]
) -> tuple[ResampledSeries, list[PanelMember]]:
    """Concatenates series; no segment spans two of them.

    Args:
        series: Dict from name to `ResampledSeries`.
        rows: Dict from name to the rows of the table, from `rows_by_series`.
            Rows of a series that is not in `series` have no time step.

    Returns:
        `(panel, members)`: a `ResampledSeries`, and a list with a `PanelMember`
        with a scale of 1 for each series.

    Example:

    >>> from dlunits.data.series.resampling import resample
    >>> series = {"a": resample([1.0, 2]), "b": resample([3.0, 4, 5])}
    >>> rows = {"a": np.array([0, 1]), "b": np.array([2, 3, 4])}
    >>> panel, members = concatenate_series(series, rows)
    >>> panel.segment_bounds.tolist(), [member.first for member in members]
    ([0, 2, 5], [0, 2])
    """
    parts = list(series.values())
    ends = np.cumsum([0, *(len(part.values) for part in parts)])
    bounds = [
        part.segment_bounds[:-1] + first
        for part, first in zip(parts, ends, strict=False)
    ]
    irregularities = {
        key: sum((part.irregularities[key] for part in parts[1:]), first)
        for key, first in parts[0].irregularities.items()
    }
    grid_indices = np.full(sum(map(len, rows.values())), -1)
    for (name, part), first in zip(series.items(), ends, strict=False):
        own = part.grid_indices
        grid_indices[rows[name]] = np.where(own < 0, -1, own + first)
    panel = ResampledSeries(
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.times for part in parts]),
        np.concatenate([*bounds, ends[-1:]]),
        grid_indices,
        parts[0].step,
        irregularities,
    )
    ones = np.ones(panel.values.shape[1])
    members = [
        PanelMember(name, int(first), int(last), ones)
        for name, first, last in zip(series, ends[:-1], ends[1:], strict=True)
    ]
    return panel, members


def split_panel(
    windows: ForecastWindows,
    members: Sequence[PanelMember],
    min_calibration: int,
) -> ForecastOrigins:
    """Splits the origins of each series by time, see `ForecastWindows.split`.

    A series with too few windows is in no part.

    Args:
        windows: `ForecastWindows` of the panel.
        members: Its series.
        min_calibration: Minimum number of origins for calibration, in all
            series together.

    Returns:
        `ForecastOrigins`.

    Raises:
        ValueError: If there are too few origins.
    """
    overlap = windows.horizon - 1
    splits = []
    for member in members:
        own = windows.origins[
            (windows.origins >= member.first) & (windows.origins < member.last)
        ]
        if len(own) >= sum(split_sizes(len(own), 1, overlap)):
            splits.append(split_origins(own, windows.horizon, 1))
    calibration = sum(len(split.calibration) for split in splits)
    if not splits or calibration < min_calibration:
        raise ValueError(
            f"{len(splits)} of {len(members)} series are long enough for a "
            f"window of {windows.window} rows and a horizon of "
            f"{windows.horizon}, and have {calibration} windows for "
            f"calibration, of which {min_calibration} are needed. Use a "
            "shorter window or horizon"
        )
    return ForecastOrigins(
        *(
            np.concatenate([getattr(split, part.name) for split in splits])
            for part in dataclasses.fields(ForecastOrigins)
        )
    )


def training_steps(
    members: Sequence[PanelMember],
    split: tuple[ForecastWindows, ForecastOrigins] | None,
    horizon: int,
) -> Array:
    """Time steps of the training parts of all series.

    Args:
        members: Series of a panel.
        split: Its windows and their split. `None` if all steps are for
            training.
        horizon: Positive integer, time steps.

    Returns:
        Integers `(steps,)`.
    """
    if split is None:
        return np.arange(members[-1].last)
    steps = []
    for member in members:
        train = split[1].train
        own = train[(train >= member.first) & (train < member.last)]
        if len(own):
            steps.append(np.arange(member.first, own[-1] + horizon))
    return np.concatenate(steps)


def scale_panel(
    panel: ResampledSeries,
    members: Sequence[PanelMember],
    known: Array,
) -> tuple[ResampledSeries, list[PanelMember]]:
    """Divides each series by the standard deviations of its known rows.

    Args:
        panel, members: Results of `concatenate_series`.
        known: Time steps of the training parts. For a series without one, all
            rows are used.

    Returns:
        `(panel, members)` with the scaled values and the scales.

    Example:

    >>> from dlunits.data.series.resampling import resample
    >>> panel = resample([2.0, 6.0, 6.0, 2.0])
    >>> member = PanelMember("a", 0, 4, np.ones(1))
    >>> panel, members = scale_panel(panel, [member], np.arange(4))
    >>> panel.values[:, 0].tolist(), members[0].scale.tolist()
    ([1.0, 3.0, 3.0, 1.0], [2.0])
    """
    allowed = np.zeros(len(panel.values), bool)
    allowed[known] = True
    values, scaled = panel.values.copy(), []
    for member in members:
        rows = slice(member.first, member.last)
        own = panel.values[rows]
        own = own[allowed[rows]] if allowed[rows].any() else own
        scale = standard_deviations(own)
        values[rows] /= scale
        scaled.append(dataclasses.replace(member, scale=scale))
    return dataclasses.replace(panel, values=values), scaled


def standard_deviations(values: Array) -> Array:
    """Standard deviations of the channels, for scaling.

    Args:
        values: Array `(time, channels)`, NaN where missing.

    Returns:
        Array `(channels,)`, 1 for a constant channel.

    Example:

    >>> values = np.array([[1.0, 5], [3, 5], [np.nan, 5]])
    >>> standard_deviations(values).tolist()
    [1.0, 1.0]
    """
    known = ~np.isnan(values)
    counts = np.maximum(known.sum(axis=0), 1)
    centered = np.where(known, values - np.nansum(values, axis=0) / counts, 0)
    scale = np.sqrt(np.sum(centered**2, axis=0) / counts)
    return np.where(scale > 0, scale, 1.0)
