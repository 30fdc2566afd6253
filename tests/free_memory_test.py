"""Free memory of machines and containers."""

import psutil
import pytest

from dlunits.free_memory import free_memory


def test_the_limit_of_a_container_counts(tmp_path):
    (tmp_path / "memory.max").write_text("50000000\n")
    (tmp_path / "memory.current").write_text("20000000\n")
    assert free_memory(tmp_path) == 30_000_000


@pytest.mark.parametrize("limit", ["max\n", "1000000000000000\n", None])
def test_without_a_smaller_limit_the_memory_of_the_machine_counts(
    tmp_path, limit
):
    if limit:
        (tmp_path / "memory.max").write_text(limit)
        (tmp_path / "memory.current").write_text("20000000\n")
    available = psutil.virtual_memory().available
    assert free_memory(tmp_path) == pytest.approx(available, rel=0.2)
