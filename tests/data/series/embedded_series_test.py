"""The embedded example series."""

import numpy as np

from dlunits.data.series.embedded_series import CHANNELS, write_eeg
from dlunits.data.tables.table_files import open_table


def test_file_holds_ten_seconds_of_four_electrodes(tmp_path):
    path = write_eeg(tmp_path)
    table = np.loadtxt(path, delimiter=",", skiprows=1)
    assert open_table(path).columns == ("seconds", *CHANNELS)
    assert table.shape == (800, 5)
    np.testing.assert_allclose(table[:, 0], np.arange(800) / 80)
    # Matplotlib's file is scaled so that each electrode has the spread 1.
    np.testing.assert_allclose(table[:, 1:].std(axis=0), 1, atol=0.01)
