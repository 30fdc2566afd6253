"""The embedded table as two files."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from dlunits.columns import infer_column_types, read_columns
from dlunits.data.tables.anomaly_labels import anomaly_labels
from dlunits.data.tables.embedded_tables import LABEL_COLUMN, write_wdbc
from dlunits.data.tables.table_files import open_table


def read(path):
    table = open_table(path)
    kinds, _ = infer_column_types(table, label_column=LABEL_COLUMN)
    [chunk] = table.chunks()
    columns = read_columns(chunk, kinds)
    return np.stack(list(columns.values()), 1), anomaly_labels(
        chunk, LABEL_COLUMN
    )


def test_every_tumor_is_in_one_file_and_training_rows_are_benign(tmp_path):
    (known, benign), (others, labels) = map(read, write_wdbc(tmp_path))
    data = load_breast_cancer()
    assert not benign.any()
    # 357 benign ones, of which half are known, and 212 malignant ones.
    assert len(known) == 357 // 2
    assert labels.sum() == 212
    both = np.concatenate([known, others])
    np.testing.assert_array_equal(
        both[np.lexsort(both.T)], data.data[np.lexsort(data.data.T)]
    )
    malignant = data.data[data.target == 0]
    np.testing.assert_array_equal(others[labels], malignant)


def test_the_seed_decides_the_halves(tmp_path):
    texts = []
    for seed in (0, 0, 1):
        benign, _ = write_wdbc(tmp_path, seed)
        texts.append(benign.read_text())
    assert texts[0] == texts[1] != texts[2]


def test_a_folder_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(OSError, match="could not write this file"):
        write_wdbc(tmp_path / "none")
