"""Loading a forecaster, and writing its forecasts."""

import pytest

from dlunits.tasks.forecasting.serve import (
    check_output,
    load_forecaster,
    write_forecast,
)


def test_a_folder_without_a_forecaster_is_refused(tmp_path):
    with pytest.raises(ValueError, match="is not a SavedModel of a forecaster"):
        load_forecaster(tmp_path)
    (tmp_path / "model_card.json").write_text('{"series": {"window": 3}}')
    with pytest.raises(ValueError, match="is not a SavedModel of a forecaster"):
        load_forecaster(tmp_path)


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
