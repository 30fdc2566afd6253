"""Parts of the report that depend on the number of classes."""

import numpy as np

from dlunits.tasks.image_classification.report import (
    accuracy_rows,
    errors_section,
)


def test_of_many_classes_the_most_confused_pairs_are_listed():
    """60 classes; class 7 is predicted as class 9 twice, and 3 as 4 once."""
    labels = np.array([7, 7, 3, 1])
    scores = np.eye(60)[[9, 9, 4, 1]]
    names = [f"class {i}" for i in range(60)]
    section = errors_section(labels, scores, names)
    assert section.figures == ()
    _, rows = section.table
    assert rows == [["class 7", "class 9", 2], ["class 3", "class 4", 1]]


def test_top_5_accuracy_is_shown_of_more_than_5_classes():
    labels = np.array([0, 5])
    scores = np.tile(np.linspace(1, 0, 6), (2, 1))  # class 0 is the first
    [row] = accuracy_rows(labels, {"a": scores})
    assert row == {
        "crops": "a",
        "top-1 accuracy": "50.00%",
        "top-5 accuracy": "50.00%",
    }
    [row] = accuracy_rows(labels[:1], {"a": scores[:1, :5]})
    assert row == {"crops": "a", "top-1 accuracy": "100.00%"}
