"""Figure of a time series, by the data of its lines and marks."""

import numpy as np
import pytest

from dlunits.tasks.anomaly.series_figures import (
    NUM_INTERVALS,
    envelope,
    scored_series,
)


def series(rows=100_000):
    rng = np.random.default_rng(0)
    return rng.normal(size=rows).cumsum(), rng.exponential(size=rows)


def lines(figure):
    """The first line of each part, `(x, y)`."""
    return [axes.lines[0].get_data() for axes in figure.axes]


def marked(figure, label):
    """Pairs (first, last) of what is marked in the last part."""
    [marks] = [
        some
        for some in figure.axes[-1].collections
        if some.get_label() == label
    ]
    boxes = [path.get_extents() for path in marks.get_paths()]
    return [(box.x0, box.x1) for box in boxes]


def test_a_short_series_is_drawn_row_by_row():
    figure = scored_series([3.0, 1, 2], [0.0, 5, 0])
    (x, y), (_, scores) = lines(figure)
    assert (list(x), list(y), list(scores)) == ([1, 2, 3], [3, 1, 2], [0, 5, 0])
    assert figure.axes[-1].get_xlabel() == "Row"


def test_the_envelope_agrees_with_a_loop():
    rng = np.random.default_rng(0)
    times = np.sort(rng.uniform(0, 10, 500))
    values = np.where(rng.random(500) < 0.2, np.nan, rng.normal(size=500))
    edges = np.linspace(times[0], times[-1], 31)
    x, y = envelope(times, values, edges)
    for column in range(30):
        inside = (times >= edges[column]) & (times < edges[column + 1])
        if column == 29:
            inside[-1] = True
        np.testing.assert_allclose(
            y[2 * column : 2 * column + 2],
            [np.nanmin(values[inside]), np.nanmax(values[inside])],
        )
        np.testing.assert_allclose(x[2 * column], times[inside].mean())


def test_a_long_series_has_few_points_and_shows_every_spike():
    values, scores = series()
    values[54_321], scores[12_345] = 1e6, 99
    figure = scored_series(values, scores, threshold=90)
    for (x, y), most, row in zip(
        lines(figure), (1e6, 99), (54_322, 12_346), strict=True
    ):
        assert len(x) == len(y) == 2 * NUM_INTERVALS
        assert np.nanmax(y) == most
        assert abs(x[np.nanargmax(y)] - row) <= 1e5 / NUM_INTERVALS
    [(first, last)] = marked(figure, "alarm")
    assert first <= 12_346 <= last
    assert last - first <= 2.01e5 / NUM_INTERVALS
    figure.draw_without_rendering()


def test_lines_break_where_rows_or_scores_are_missing():
    for rows in (1_000, 100_000):
        values, scores = series(rows)
        scores[rows // 4 : rows // 2] = np.nan
        times = 60.0 * np.arange(rows)
        times[rows // 2 :] += 60.0 * rows
        figure = scored_series(values, scores, timestamps=times)
        (x, y), (score_x, score) = lines(figure)
        day = 86_400
        hole = (x * day > 30 * rows) & (x * day < 90 * rows)
        assert np.isnan(y[hole]).all()
        assert np.isnan(y).any()
        unjudged = score_x * day / 60
        unjudged = (unjudged > 0.26 * rows) & (unjudged < 0.49 * rows)
        assert unjudged.any()
        assert np.isnan(score[unjudged]).all()
        assert np.isfinite(y[unjudged]).all()


def test_marks_are_at_the_flagged_rows():
    alarms = np.zeros(100, bool)
    labels = np.zeros(100, bool)
    alarms[[20, 60, 61, 62]] = True
    labels[50:70] = True
    figure = scored_series(
        np.zeros(100), np.zeros(100), alarms=alarms, labels=labels
    )
    # Rows are counted from 1; half a row to both sides.
    near = {"abs": 2 * 99 / NUM_INTERVALS}
    one, three = marked(figure, "alarm")
    assert one == pytest.approx((20.5, 21.5), **near)
    assert three == pytest.approx((60.5, 63.5), **near)
    assert marked(figure, "labeled") == [pytest.approx((50.5, 70.5), **near)]
    assert "2 alarms; 1 of 1 labeled ranges holds" in figure.get_label()


def test_scores_above_the_threshold_are_alarms_and_missing_ones_are_not():
    figure = scored_series(np.zeros(5), [0, 3, np.nan, 2, 9], threshold=2)
    assert figure.get_label() == "A series of 5 rows with 2 alarms."
    assert list(figure.axes[-1].lines[-1].get_ydata()) == [2, 2]


def test_rows_may_come_in_any_order():
    values, scores = series(300)
    times = 60.0 * np.arange(300)
    order = np.random.default_rng(0).permutation(300)
    in_order = lines(scored_series(values, scores, timestamps=times))
    shuffled = lines(
        scored_series(values[order], scores[order], timestamps=times[order])
    )
    np.testing.assert_array_equal(in_order, shuffled)


def test_the_time_axis_shows_dates():
    times = 1_577_836_800 + 3600.0 * np.arange(24 * 60)  # from 2020-01-01
    figure = scored_series(times, times, timestamps=times)
    figure.draw_without_rendering()
    axis = figure.axes[-1].xaxis
    shown = [text.get_text() for text in axis.get_ticklabels()]
    assert "Feb" in shown
    assert "2020" in axis.get_offset_text().get_text()


def test_at_most_four_channels_are_drawn_and_names_are_not_math_text():
    values = np.random.default_rng(0).normal(size=(50, 6))
    figure = scored_series(values, np.zeros(50), names=["$x^$", *"bcdef"])
    figure.draw_without_rendering()
    assert [axes.get_ylabel() for axes in figure.axes] == [
        *("$x^$", "b", "c", "d"),
        "Anomaly score",
    ]


def test_one_row_and_rows_without_scores_are_drawn():
    scored_series([1.0], [1.0], 0.5).draw_without_rendering()
    scored_series([1.0, 2.0], [np.nan, np.nan], 0.5).draw_without_rendering()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"values": [], "scores": []}, "0 rows"),
        ({"values": [1, 2], "scores": [1]}, r"2 rows; lengths \[1, 1, 2, 2\]"),
        (
            {"values": [1, 2], "scores": [1, 2], "labels": [1]},
            r"\[2, 2, 1, 2\]",
        ),
        (
            {"values": [1, 2], "scores": [1, 2], "timestamps": [0, np.nan]},
            "2 rows",
        ),
    ],
)
def test_arrays_of_different_lengths_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        scored_series(**arguments)
