"""Words in the names of columns."""

import pytest

from dlunits.columns.column_names import name_words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("timestamp", ["timestamp"]),
        ("order_id", ["order", "id"]),
        ("orderId", ["order", "id"]),
        ("UTCTime", ["utc", "time"]),
        ("Unnamed: 0", ["unnamed"]),
        ("grid", ["grid"]),
        ("12", []),
    ],
)
def test_a_name_is_split_into_its_words(name, words):
    assert name_words(name) == words
