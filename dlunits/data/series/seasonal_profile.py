"""What is usual at each time of the day or of the week."""

import numpy as np

DAY, WEEK = 86_400.0, 604_800.0
MOST_BINS = 336  # half hours of a week
GAIN = 0.95  # error of a longer period, over that of the shorter, to be taken
MOST_FOLDS = 10  # an even number


class SeasonalProfile:
    """The usual value at each phase of a period, of every channel.

        usual(t) = median of x_s over known s of about the same phase as t
        phase(t) = t mod period

    There are as many bins as steps in the period, but at most 336, the half
    hours of a week; between their middles the profile goes in straight lines.
    Of several periods one is chosen by what it is worth: profiles are learnt
    from every other period and judged on those between, by the mean absolute
    error over the error of a constant. A longer period is taken only if its
    error is 5 % less. Where none helps, the profile is the median.

    Args:
        period: Seconds, or 0 for a constant.
        usual: Array `(bins, channels)`.

    Example, high at noon and low at midnight, for six days:

    >>> hours = np.arange(6 * 24)
    >>> values = np.where(hours % 24 == 12, 9.0, 1.0)[:, None]
    >>> profile = SeasonalProfile.fit(values, 3600.0 * hours, 3600.0)
    >>> profile.period / 3600, profile(3600.0 * np.array([12, 12.5, 20]))[:, 0]
    (24.0, array([9., 5., 1.]))
    """

    def __init__(self, period, usual):
        self.period = float(period)
        self.usual = np.asarray(usual, "float64")

    @classmethod
    def fit(cls, values, times, step, periods=(DAY, WEEK)):
        """Learns the profile.

        Args:
            values: Array `(slots, channels)`; NaN where missing.
            times: Seconds `(slots,)`.
            step: Seconds between slots.
            periods: Seconds, the shortest first. Those of which the times do
                not span two, or a step is not a quarter, are not tried.

        Returns:
            A `SeasonalProfile`.

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
        best, least = cls(0, constant), 1.0
        span = times.max() - times.min() + step
        for period in periods:
            if 2 * period > span or 4 * step > period:
                continue
            error = held_out_error(values, times, step, period)
            if error < GAIN * least:
                usual = profile(values, times, step, period)
                best, least = cls(period, usual), error
        return best

    def __call__(self, times):
        """Seconds `(slots,)` -> usual values `(slots, channels)`."""
        if not self.period:
            return np.repeat(self.usual, len(times), axis=0)
        bins = len(self.usual)
        place = np.mod(times, self.period) / self.period * bins
        below = np.floor(place).astype(int)
        share = (place - below)[:, None]
        low, high = self.usual[below % bins], self.usual[(below + 1) % bins]
        return low + share * (high - low)

    def held_out(self, values, times, step):
        """What would be usual, had each cycle not been there to learn from.

        The profile lies nearer to the values that it is made of than to any
        new ones: with four cycles, a median of four is one of them or between
        two. Left out are one cycle in ten at a time, so that of ten or fewer
        each is left out alone.

        Args:
            values, times, step: As in `learn`, of the same series.

        Returns:
            Usual values `(slots, channels)`.
        """
        values, times = np.asarray(values, "float64"), np.asarray(times)
        if not self.period:
            return self(times)
        usual = np.empty_like(values)
        fold = np.floor(times / self.period) % MOST_FOLDS
        for own in np.unique(fold):
            out = fold == own
            others = profile(values[~out], times[~out], step, self.period)
            usual[out] = SeasonalProfile(self.period, others)(times[out])
        return usual

    def get_config(self):
        return {"period": self.period, "usual": self.usual.tolist()}


def profile(values, times, step, period):
    """(slots, channels), (slots,) -> (bins, channels), by the nearest bin"""
    bins = round(min(period / step, MOST_BINS))
    nearest = np.round(np.mod(times, period) / period * bins).astype(int) % bins
    order = np.argsort(nearest, kind="stable")
    parts = np.split(order, np.searchsorted(nearest[order], np.arange(1, bins)))
    usual = np.repeat(np.nanmedian(values, axis=0)[None], bins, axis=0)
    for number, part in enumerate(parts):
        there = ~np.isnan(values[part]).all(axis=0)
        usual[number, there] = np.nanmedian(values[part][:, there], axis=0)
    return usual


def held_out_error(values, times, step, period):
    """Error of profiles of every other period, over that of medians."""
    odd = np.floor(times / period) % 2 == 1
    errors, plain = np.zeros(values.shape[1]), np.zeros(values.shape[1])
    for known in (odd, ~odd):
        if np.isnan(values[known]).all(axis=0).any():
            return np.inf
        usual = SeasonalProfile(
            period, profile(values[known], times[known], step, period)
        )
        new = values[~known]
        errors += np.nansum(np.abs(new - usual(times[~known])), axis=0)
        middle = np.nanmedian(values[known], axis=0)
        plain += np.nansum(np.abs(new - middle), axis=0)
    return float(np.mean(np.where(plain > 0, errors / (plain + 1e-300), 1.0)))
