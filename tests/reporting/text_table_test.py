"""Tables as text: alignment and missing values."""

from dlunits.reporting.text_table import format_table


def test_columns_are_aligned():
    text = format_table(
        ["name", "a", "b"], [["x", 1.5, None], ["longer", 12, 3]]
    )
    assert text.splitlines() == [
        "name      a  b",
        "x       1.5",
        "longer   12  3",
    ]
