"""AutoETS and AutoTheta of statsforecast, if it is installed."""

import importlib.util

import numpy as np

from dlunits.data.series.forecasting_dataset import ForecastingDataset
from dlunits.typing import Array

MAX_FITS = 100  # of each model: both are fitted for each forecast


def statsforecast_forecasts(
    dataset: ForecastingDataset, origins: Array, season: int
) -> dict[str, Array]:
    """Forecasts of AutoETS and AutoTheta from the whole past of each origin.

    Reference: Garza et al., 2022, "StatsForecast: lightning fast forecasting
    with statistical and econometric models",
    https://github.com/Nixtla/statsforecast.

    Args:
        dataset: `dlunits.data.series.forecasting_dataset.ForecastingDataset`
            with windows.
        origins: Integers `(origins,)`.
        season: Positive integer, length of the season in steps.

    Returns:
        Dict of the name of a model to its forecasts `(origins, horizon,
        targets)`; empty if statsforecast is not installed or it would need
        more than 100 fits.
    """
    fits = len(origins) * len(dataset.targets)
    if fits > MAX_FITS or not importlib.util.find_spec("statsforecast"):
        return {}
    from statsforecast.models import AutoETS, AutoTheta

    bounds = dataset.series.segment_bounds
    forecasts = {}
    for model in (AutoETS, AutoTheta):
        rows = []
        for origin in origins:
            first = bounds[np.searchsorted(bounds, origin, side="left") - 1]
            past = dataset.series.values[first:origin, dataset.targets]
            rows.append(
                np.stack(
                    [
                        model(season_length=season).forecast(
                            np.ascontiguousarray(column), dataset.horizon
                        )["mean"]
                        for column in past.T
                    ],
                    axis=1,
                )
            )
        forecasts[model.__name__] = np.stack(rows)
    return forecasts
