"""Tables in which several rows have the same timestamp."""

import numpy as np
import pytest

from dlunits.columns import infer_column_types
from dlunits.data.series.repeated_times import count_repeated_times
from dlunits.data.series.series_tables import read_series, series_column_types
from dlunits.data.tables.table_files import open_table


def count(folder, header, rows, timestamp_column="day"):
    path = folder / "table.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    table = open_table(path)
    types, _ = series_column_types(
        *infer_column_types(table), timestamp_column, path
    )
    times = read_series(table, types).times
    return count_repeated_times(table, times, timestamp_column)


def days(number):
    return [f"2024-{1 + n // 28:02}-{1 + n % 28:02}" for n in range(number)]


def test_a_few_rows_may_have_the_time_of_another(tmp_path):
    rows = [f"{day},1.5" for day in [*days(38), "2024-01-05", "2024-01-07"]]
    assert count(tmp_path, "day,x", rows[:38]) == 0
    assert count(tmp_path, "day,x", rows) == 2  # of 40


@pytest.mark.parametrize("step", [1, -1])
def test_several_series_in_a_table_are_refused(tmp_path, step):
    rows = [
        f"{shop},{day},{number % 3}"
        for shop in ("north", "south")
        for number, day in enumerate(days(30))
    ][::step]
    message = (
        r"table.csv: 30 of 60 rows have the time of another row in column "
        r"'day', such as rows \d+ and \d+. Column 'shop' differs between the "
        r"rows of one time: if it names their series, give "
        r"--series_column=shop\.$"
    )
    with pytest.raises(ValueError, match=message):
        count(tmp_path, "shop,day,x", rows)


@pytest.mark.parametrize(
    "form", ["{}:00:00", "{}.00", "{}:00 am", "{} AM", "{}"]
)
def test_dates_with_the_time_of_day_in_another_column_are_refused(
    tmp_path, form
):
    rows = [
        f"{day},{form.format(hour)},{hour % 5}"
        for day in days(5)
        for hour in range(12)
    ]
    message = (
        r"56 of 61 rows .* rows 1 and 2\. The time of day is in column 'hour': "
        r"give --timestamp_column=day,hour\.$"
    )
    with pytest.raises(ValueError, match=message):
        count(tmp_path, "day,hour,x", [*rows, rows[-1]])  # one comes twice


def test_rows_of_one_time_that_no_column_distinguishes_are_refused(tmp_path):
    rows = [f"{day},1.5" for day in days(30) for _ in range(2)]
    with pytest.raises(ValueError, match="select or aggregate the rows of one"):
        count(tmp_path, "day,x", rows)


def test_times_are_compared_within_each_series(tmp_path):
    rows = [
        f"{shop},{item},{day},1.5"
        for day in days(30)
        for item in ("tea", "milk")
        for shop in ("north", "south")
    ]
    shops, items = (
        np.array([row.split(",")[column] for row in rows], object)
        for column in (0, 1)
    )
    path = tmp_path / "table.csv"
    path.write_text("\n".join(["shop,item,day,x", *rows]))
    table = open_table(path)
    times = np.repeat(np.arange(30.0), 4)
    assert count_repeated_times(table, times, "day", shops + items) == 0
    with pytest.raises(
        ValueError, match=r"60 of 120 .* one table for each of its values"
    ):
        count_repeated_times(table, times, "day", shops)
