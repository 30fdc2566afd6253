"""The figures of the benchmark pages, which are drawn from their tables."""

import pathlib
import sys

import pytest

DOCS = pathlib.Path(__file__).parents[2] / "docs"
sys.path.append(str(DOCS))

import benchmark_figures  # noqa: E402


@pytest.mark.parametrize("draw", benchmark_figures.FIGURES)
def test_a_figure_is_drawn_from_its_table_and_shown(draw):
    assert draw().axes
    path = f"../images/benchmarks/{draw.__name__}.svg"
    pages = DOCS.glob("benchmarks/*.md")
    assert any(path in page.read_text("utf-8") for page in pages)
    assert (DOCS / "benchmarks" / path).exists()


def test_cells_of_a_table_are_read():
    rows = benchmark_figures.read_table(
        "sequences.md", "Adding task", "network"
    )
    assert [row[0] for row in rows][:2] == ["LSTM", "GRU"]
    assert all(len(row) == 4 for row in rows)
    with pytest.raises(ValueError, match="Expected a table 'cell'"):
        benchmark_figures.read_table("sequences.md", "Adding task", "cell")


def test_numbers_of_a_cell():
    assert benchmark_figures.numbers("81.4 ± 4.5 %") == [81.4, 4.5]
    assert benchmark_figures.numbers("1,066") == [1066]
    assert benchmark_figures.number("10.19, 10.32 %") == 10.19
