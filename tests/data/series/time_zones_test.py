"""Time zones of timestamps: detection, wall clock, and forecasts in them."""

import datetime
import zoneinfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dlunits.data.series.forecasting_dataset import load_forecasting_dataset
from dlunits.data.series.time_zones import (
    find_time_zone,
    to_wall_clock,
    utc_offsets,
)
from dlunits.data.tables.table_files import open_table

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
SIZES = {"window": 4, "horizon": 2}


def csv(folder, times):
    lines = [f"{time},{index % 5}" for index, time in enumerate(times)]
    path = folder / "t.csv"
    path.write_text("\n".join(["time,x", *lines]) + "\n")
    return open_table(path)


@pytest.mark.parametrize(
    ("texts", "zone"),
    [
        (["2024-03-30 12:00", "2024-03-31"], None),
        (["2024-03-30 12:00+02:00", "2024-03-31 12:00+0200"], "+02:00"),
        (["2024-03-30T12:00:00Z", "2024-03-31 12:00 UTC"], "UTC"),
        (["2024-03-30 12:00+01:00", "2024-03-31 12:00+02:00"], "UTC"),
        (["Sat, 30 Mar 2024 12:00:00 -0500"], "-05:00"),
    ],
)
def test_the_zone_of_texts_is_their_offset(tmp_path, texts, zone):
    assert find_time_zone(csv(tmp_path, texts), "time") == zone


def test_hours_of_a_wall_clock_are_those_of_the_standard_library():
    """Around both changes of 2024, which are at 1 h UTC."""
    for day in ("2024-03-31", "2024-10-27"):
        hours = np.datetime64(f"{day}T00") + np.arange(-3, 6)
        seconds = hours.astype("M8[s]").astype(float)
        local = [datetime.datetime.fromtimestamp(s, BERLIN) for s in seconds]
        wall_clock = to_wall_clock(seconds, "Europe/Berlin")
        expected = [t.replace(tzinfo=datetime.UTC).timestamp() for t in local]
        assert wall_clock.tolist() == expected
        if day == "2024-03-31":  # in October one hour has two offsets
            offsets = utc_offsets(wall_clock, "Europe/Berlin")
            assert offsets == [t.isoformat()[-6:] for t in local]


def berlin_days(number):
    """Midnights in Berlin around the change to daylight saving time."""
    first = datetime.datetime(2024, 3, 11, tzinfo=BERLIN)
    return [first + datetime.timedelta(days=day) for day in range(number)]


def test_days_of_a_time_zone_are_evenly_spaced(tmp_path):
    """One of them has 23 hours."""
    table = pa.table(
        {
            "time": pa.array(berlin_days(40), pa.timestamp("us", str(BERLIN))),
            "x": np.arange(40.0) % 5,
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    dataset = load_forecasting_dataset(
        open_table(tmp_path / "t.parquet"), "time", **SIZES
    )
    assert dataset.axis.time_zone == "Europe/Berlin"
    assert set(np.diff(dataset.series.times)) == {86_400}
    axis = dataset.axis
    assert axis.format(axis.to_seconds(dataset.series.times[-1:])) == [
        "2024-04-19"
    ]


def test_texts_with_two_offsets_take_the_zone_that_is_given(tmp_path):
    table = csv(tmp_path, [time.isoformat() for time in berlin_days(40)])
    dataset = load_forecasting_dataset(
        table, "time", time_zone="Europe/Berlin", **SIZES
    )
    assert set(np.diff(dataset.series.times)) == {86_400}
    axis = dataset.axis
    assert axis.format([3_600.0]) == ["1970-01-01 01:00:00+01:00"]


@pytest.mark.parametrize(
    ("texts", "zone", "message"),
    [
        (["2024-03-30"] * 3, "UTC", "has no offsets from UTC"),
        (["2024-03-30 12:00Z"] * 3, "Mars", "Received: 'Mars'"),
    ],
)
def test_a_zone_that_does_not_fit_is_refused(tmp_path, texts, zone, message):
    with pytest.raises(ValueError, match=message):
        load_forecasting_dataset(
            csv(tmp_path, texts), "time", time_zone=zone, **SIZES
        )
