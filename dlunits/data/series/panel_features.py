"""Window features of many series, each with its own season and scale."""

from collections.abc import Collection, Mapping

import numpy as np

from dlunits.data.series.resampling import ResampledSeries, TooShortError
from dlunits.data.series.series_panel import (
    PanelMember,
    concatenate_series,
    rows_by_series,
)
from dlunits.data.series.series_windows import SeriesWindows
from dlunits.data.series.window_features import WindowFeatures
from dlunits.typing import Array, Config

SINGLE = ""  # name of the only series of a table
MAX_NUMBERS = 400_000  # in all profiles, which are stored in a model card


class PanelWindows(SeriesWindows):
    """Sliding windows over several series; no window spans two of them.

    Args:
        series, members: Results of `concatenate_series`.
        window, stride: Integers, time steps, as in `SeriesWindows`.
    """

    def __init__(
        self,
        series: ResampledSeries,
        members: list[PanelMember],
        window: int,
        stride: int,
    ) -> None:
        super().__init__(series, window, stride)
        self.members = members

    @property
    def member_index(self) -> Array:
        """Number of the series of each window, `(windows,)`."""
        ends = [member.last for member in self.members]
        return np.searchsorted(ends, self.starts, side="right")


class PanelFeatures:
    """Features of the windows of several series, for one anomaly detector.

    Each series has its own `WindowFeatures`: seasonal profile, scale and step.
    Windows of different series are therefore comparable. A table of one series
    is a panel whose only member has the name `""`.

    Args:
        extractors: Dict from name to `WindowFeatures`, which have the same
            channels, window and stride.
        short: Names of series that are shorter than a window and have no
            extractor.

    Example:

    A series of small values and one of large values, whose rows alternate.

    >>> rng = np.random.default_rng(0)
    >>> names = np.array(["small", "large"] * 40, object)
    >>> times = np.repeat(np.arange(40.0), 2)
    >>> values = rng.normal(size=80) * np.tile([1.0, 1000.0], 40)
    >>> panel = PanelFeatures.fit(values[:, None], times, names, window=8)
    >>> windows = panel.training_windows(values[:, None], times, names)
    >>> features = panel.training_features(windows)
    >>> features.shape, windows.member_index.tolist()
    ((24, 11), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, \
1, 1, 1])
    >>> bool(abs(features).max() < 5)
    True
    """

    def __init__(
        self, extractors: Mapping[str, WindowFeatures], short: list[str]
    ) -> None:
        self.extractors = dict(extractors)
        self.short = short

    @classmethod
    def fit(
        cls,
        values: Array,
        times: Array,
        names: Array | None = None,
        window: int = 64,
    ) -> "PanelFeatures":
        """Estimates the profile and the scale of each series.

        Args:
            values: Array `(rows, channels)`; NaN where missing.
            times: Seconds `(rows,)`.
            names: Strings `(rows,)`, the series of each row. `None` if there
                is one series.
            window: Integer, time steps of a window, see `SeriesWindows`.

        Returns:
            `PanelFeatures`.

        Raises:
            ValueError: If a series is unsuitable, or none is as long as a
                window.
        """
        extractors, short = {}, {}
        for name, rows in group_rows(names, len(times)).items():
            try:
                extractors[name] = WindowFeatures.fit(
                    values[rows], times[rows], window
                )
            except TooShortError as error:
                short[name] = error
            except ValueError as error:
                raise of_series(name, error) from error
        if not extractors:
            raise of_series(*next(iter(short.items())))
        numbers = sum(
            extractor.profile.medians.size for extractor in extractors.values()
        )
        if numbers > MAX_NUMBERS:
            raise ValueError(
                f"The seasonal profiles of {len(extractors):,} series hold "
                f"{numbers:,} numbers; at most {MAX_NUMBERS:,} can be stored "
                "with a model. Train several models on fewer series each"
            )
        return cls(extractors, list(short))

    @property
    def first(self) -> WindowFeatures:
        """Extractor of the first series, for attributes that all share."""
        return next(iter(self.extractors.values()))

    def windows(
        self,
        values: Array,
        times: Array,
        names: Array | None = None,
        stride: int | None = None,
    ) -> PanelWindows:
        """Sliding windows over the series of a table.

        Args:
            values, times, names: As in `fit`.
            stride: Integer, time steps; `None` is the stride of the
                extractors.

        Returns:
            `PanelWindows`. Rows of series without an extractor have no window.

        Raises:
            ValueError: If a series is unsuitable, or none is as long as a
                window.
        """
        groups = group_rows(names, len(times))
        series = {}
        for name, rows in groups.items():
            if name not in self.extractors:
                continue
            try:
                series[name] = self.extractors[name].resample(
                    values[rows], times[rows]
                )
            except TooShortError:
                if names is None:
                    raise
            except ValueError as error:
                raise of_series(name, error) from error
        if not series:
            raise ValueError(
                "The model was trained on none of the series of this table, or "
                f"they are too short. Received: {first_names(groups)}; "
                f"expected: {first_names(self.extractors)}"
            )
        return PanelWindows(
            *concatenate_series(series, groups),
            self.first.window,
            stride or self.first.stride,
        )

    def training_windows(
        self, values: Array, times: Array, names: Array | None = None
    ) -> PanelWindows:
        """Windows to train on, see `WindowFeatures.training_windows`."""
        return self.windows(values, times, names, self.first.training_stride)

    def features(self, windows: PanelWindows) -> Array:
        """Features of windows of new series, see `WindowFeatures.features`."""
        return self.first.features_of_residuals(
            self.residuals(windows, training=False), windows
        )

    def training_features(self, windows: PanelWindows) -> Array:
        """Features of `training_windows`, from cross-validated profiles."""
        return self.first.features_of_residuals(
            self.residuals(windows, training=True), windows
        )

    def residuals(self, windows: PanelWindows, training: bool) -> Array:
        """Scaled deviations of each series from its profile."""
        parts = []
        for member in windows.members:
            steps = slice(member.first, member.last)
            extractor = self.extractors[member.name]
            residuals = (
                extractor.training_residuals
                if training
                else extractor.residuals
            )
            parts.append(
                residuals(
                    windows.series.values[steps], windows.series.times[steps]
                )
            )
        return np.concatenate(parts)

    def get_config(self) -> Config:
        """Configuration for `from_config`, which JSON can store."""
        return {
            name: extractor.get_config()
            for name, extractor in self.extractors.items()
        }

    @classmethod
    def from_config(cls, config: Config) -> "PanelFeatures":
        """Creates an instance from the result of `get_config`."""
        return cls(
            {
                name: WindowFeatures.from_config(each)
                for name, each in config.items()
            },
            [],
        )


def group_rows(names: Array | None, num_rows: int) -> dict[str, Array]:
    """Groups rows by series; without names, all rows are one series.

    Args:
        names: Strings `(rows,)`, the series of each row, or `None`.
        num_rows: Number of rows.

    Returns:
        Dict from name to integers, see `rows_by_series`.
    """
    if names is None:
        return {SINGLE: np.arange(num_rows)}
    return rows_by_series(names)


def of_series(name: str, error: ValueError) -> ValueError:
    """Error with the name of the series in front."""
    return ValueError(f"series {name!r}: {error}") if name else error


def first_names(names: Collection[str]) -> str:
    """First three names, quoted, for a message.

    Args:
        names: Collection of names.

    Returns:
        Text.

    Example:

    >>> first_names("abcd")
    "'a', 'b', 'c', ..."
    """
    shown = ", ".join(map(repr, list(names)[:3]))
    return f"{shown}, ..." if len(names) > 3 else shown
