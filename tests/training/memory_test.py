"""Networks that do not fit in the free memory."""

import pytest

from dlunits.free_memory import free_memory
from dlunits.training.memory import check_memory


def test_a_network_of_half_of_the_free_memory_fits():
    free = free_memory()
    check_memory(free // 32)
    with pytest.raises(ValueError, match=r"takes .* GiB .* fewer units"):
        check_memory(free // 8)
