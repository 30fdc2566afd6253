"""Seasonal profile of a series: the median at each phase of a period."""

from collections.abc import Sequence

import numpy as np

from dlunits.typing import Array, ArrayLike, Config

DAY, WEEK = 86_400.0, 604_800.0
MAX_BINS = 336  # half hours of a week
MAX_ERROR_RATIO = 0.95  # error of a longer period relative to a shorter one
MAX_FOLDS = 10  # an even number


class SeasonalProfile:
    """Median of each channel at each phase of a period.

        median_b = median of x_s over the known time steps s in phase bin b
        phase(t) = t mod period

    where x_s is the value of a channel at time step s, and bin b holds the time
    steps t whose phase is near its center. The number of bins is the number of
    time steps in the period, at most 336, the half hours of a week. Between
    the centers of two bins the profile is interpolated linearly.

    `fit` selects one of several periods by cross-validation. A profile is
    estimated on every second cycle and evaluated on the other cycles, by its
    mean absolute error divided by that of a constant median. A longer period
    is selected only if this ratio is at least 5 % lower. If no period is
    better than the constant, the profile is the median of all values.

    Args:
        period: Seconds, or 0 for a constant.
        medians: Array `(bins, channels)`.

    Example:

    Six days with a peak at noon.

    >>> hours = np.arange(6 * 24)
    >>> values = np.where(hours % 24 == 12, 9.0, 1.0)[:, None]
    >>> profile = SeasonalProfile.fit(values, 3600.0 * hours, 3600.0)
    >>> profile.period / 3600, profile(3600.0 * np.array([12, 12.5, 20]))[:, 0]
    (24.0, array([9., 5., 1.]))
    """

    def __init__(self, period: float, medians: ArrayLike) -> None:
        self.period = float(period)
        self.medians = np.asarray(medians, "float64")

    @classmethod
    def fit(
        cls,
        values: ArrayLike,
        times: ArrayLike,
        step: float,
        periods: Sequence[float] = (DAY, WEEK),
    ) -> "SeasonalProfile":
        """Estimates the profile of a series.

        Args:
            values: Array `(time, channels)`; NaN where missing.
            times: Seconds `(time,)`.
            step: Seconds between two time steps.
            periods: Candidate periods in seconds, the shortest first. A
                period is skipped if the series is shorter than two of them, or
                if it has fewer than four time steps.

        Returns:
            `SeasonalProfile`.

        Raises:
            ValueError: If a channel has no value at all.
        """
        values = np.asarray(values, "float64")
        times = np.asarray(times, "float64")
        empty = np.isnan(values).all(axis=0)
        if empty.any():
            raise ValueError(
                "Every channel must have a value. Received: none in channel "
                f"{empty.argmax() + 1} of {len(empty)}"
            )
        constant = np.nanmedian(values, axis=0)[None]
        best, lowest = cls(0, constant), 1.0
        span = times.max() - times.min() + step
        for period in periods:
            if 2 * period > span or 4 * step > period:
                continue
            error = relative_error(values, times, step, period)
            if error < MAX_ERROR_RATIO * lowest:
                medians = phase_medians(values, times, step, period)
                best, lowest = cls(period, medians), error
        return best

    def __call__(self, times: Array) -> Array:
        """Values `(time, channels)` of the profile at `times`, in seconds."""
        if not self.period:
            return np.repeat(self.medians, len(times), axis=0)
        bins = len(self.medians)
        phase = np.mod(times, self.period) / self.period * bins
        below = np.floor(phase).astype(int)
        share = (phase - below)[:, None]
        low, high = self.medians[below % bins], self.medians[(below + 1) % bins]
        return low + share * (high - low)

    def cross_val_predict(
        self, values: ArrayLike, times: ArrayLike, step: float
    ) -> Array:
        """Cross-validated values of the profile for its own training series.

        A profile is closer to the values that it is estimated from than to new
        ones. Here the value at each time step is that of a profile that is
        estimated without the fold of this time step. A fold is every tenth
        cycle; with 10 or fewer cycles, it is one cycle.

        Args:
            values, times, step: As in `fit`, of the same series.

        Returns:
            Array `(time, channels)`.
        """
        values, times = np.asarray(values, "float64"), np.asarray(times)
        if not self.period:
            return self(times)
        predicted = np.empty_like(values)
        folds = np.floor(times / self.period) % MAX_FOLDS
        for fold in np.unique(folds):
            test = folds == fold
            medians = phase_medians(
                values[~test], times[~test], step, self.period
            )
            profile = SeasonalProfile(self.period, medians)
            predicted[test] = profile(times[test])
        return predicted

    def get_config(self) -> Config:
        """Arguments of the constructor."""
        return {"period": self.period, "medians": self.medians.tolist()}


def phase_medians(
    values: Array, times: Array, step: float, period: float
) -> Array:
    """Median of each phase bin: (time, channels), (time,) -> (bins, channels).

    A time step belongs to the bin with the nearest center. A bin without a
    value gets the median of all values.
    """
    bins = round(min(period / step, MAX_BINS))
    nearest = np.round(np.mod(times, period) / period * bins).astype(int) % bins
    order = np.argsort(nearest, kind="stable")
    members = np.split(
        order, np.searchsorted(nearest[order], np.arange(1, bins))
    )
    medians = np.repeat(np.nanmedian(values, axis=0)[None], bins, axis=0)
    for number, steps in enumerate(members):
        present = ~np.isnan(values[steps]).all(axis=0)
        medians[number, present] = np.nanmedian(
            values[steps][:, present], axis=0
        )
    return medians


def relative_error(
    values: Array, times: Array, step: float, period: float
) -> float:
    """Cross-validated error of a profile relative to that of a constant.

    Returns:
        Mean absolute error of profiles of every other cycle on the cycles
        between, divided by that of medians, averaged over the channels.
    """
    odd = np.floor(times / period) % 2 == 1
    errors, constant_errors = np.zeros((2, values.shape[1]))
    for train in (odd, ~odd):
        if np.isnan(values[train]).all(axis=0).any():
            return np.inf
        profile = SeasonalProfile(
            period, phase_medians(values[train], times[train], step, period)
        )
        test = values[~train]
        errors += np.nansum(np.abs(test - profile(times[~train])), axis=0)
        median = np.nanmedian(values[train], axis=0)
        constant_errors += np.nansum(np.abs(test - median), axis=0)
    ratios = np.where(
        constant_errors > 0, errors / (constant_errors + 1e-300), 1.0
    )
    return float(np.mean(ratios))
