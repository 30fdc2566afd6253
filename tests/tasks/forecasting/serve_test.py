"""Loading a forecaster, and writing its forecasts."""

import pytest

from dlunits.columns import InvalidCells
from dlunits.data.tables.table_files import open_table
from dlunits.tasks.forecasting.serve import (
    check_output,
    forecast_table,
    load_forecaster,
    write_forecast,
)


def test_a_folder_without_a_forecaster_is_refused(tmp_path):
    with pytest.raises(ValueError, match="is not a SavedModel of a forecaster"):
        load_forecaster(tmp_path)
    (tmp_path / "model_card.json").write_text('{"series": {"window": 3}}')
    with pytest.raises(ValueError, match="is not a SavedModel of a forecaster"):
        load_forecaster(tmp_path)


def test_invalid_cells_of_a_history_are_missing_and_totals_left_out(tmp_path):
    path = tmp_path / "sales.csv"
    sales = [1.0, "ERR", 3.0, 4.0]
    lines = [f"2024-01-0{day},{value}" for day, value in enumerate(sales, 1)]
    path.write_text("\n".join(["day,sales", *lines, "Total,8"]) + "\n")
    series = {
        "axis": {"months": False, "dates": True},
        "column_types": {"day": "timestamp", "sales": "number"},
        "horizon": 1,
        "step": 86_400.0,
        "targets": ["sales"],
        "window": 4,
    }

    def mean(history):
        values = history.mean(axis=1, keepdims=True)
        return dict.fromkeys(("forecast", "low", "high"), values)

    cells = InvalidCells()
    columns = forecast_table(mean, series, open_table(path), cells)
    assert columns["day"] == ["2024-01-05"]
    assert columns["sales"] == [2.5]  # 2 between 1 and 3
    assert cells.counts == {"day": 1, "sales": 1}
    with pytest.raises(ValueError, match=r"line 6, column 'day': .* 'Total'"):
        forecast_table(mean, series, open_table(path))


def test_dates_and_times_of_a_history_may_be_in_two_columns(tmp_path):
    path = tmp_path / "load.csv"
    lines = [f"2024-01-01,{hour},{hour}.5" for hour in range(20, 24)]
    path.write_text("\n".join(["day,hour,load", *lines]) + "\n")
    series = {
        "axis": {"months": False, "dates": True},
        "column_types": {"day,hour": "timestamp", "load": "number"},
        "horizon": 2,
        "step": 3600.0,
        "targets": ["load"],
        "window": 4,
    }

    def repeat(history):
        values = history[:, -2:]
        return dict.fromkeys(("forecast", "low", "high"), values)

    columns = forecast_table(repeat, series, open_table(path))
    assert columns["day,hour"] == [
        "2024-01-02 00:00:00",
        "2024-01-02 01:00:00",
    ]


def test_a_forecast_has_one_row_for_each_step(tmp_path):
    columns = {"time": ["1", "2"], "x": [0.5, 1 / 3]}
    path = write_forecast(tmp_path / "x.csv", columns)
    assert path.read_text() == "time,x\n1,0.5\n2,0.3333333\n"


def test_names_that_are_formulas_are_escaped_on_demand(tmp_path):
    columns = {"time": ["1"], "=1+1": [-0.5]}
    path = write_forecast(tmp_path / "x.csv", columns, escape_formulas=True)
    assert path.read_text() == "time,'=1+1\n1,-0.5\n"
    assert write_forecast(path, columns).read_text() == "time,=1+1\n1,-0.5\n"


@pytest.mark.parametrize("name", ["x.parquet", "gone/x.csv", "x"])
def test_an_output_that_cannot_be_written_is_refused(tmp_path, name):
    check_output(None)
    check_output(tmp_path / "x.csv")
    with pytest.raises(ValueError, match=r"ends in \.csv"):
        check_output(tmp_path / name)
