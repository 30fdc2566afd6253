"""Draws the figures of docs/benchmarks from the tables of its pages.

Run it after a change of a table:

    python docs/benchmark_figures.py
"""

import pathlib
import re
from collections.abc import Callable, Sequence

import matplotlib
from matplotlib.figure import Figure

from dlunits.reporting.style import (
    BLUE,
    CURVE_COLORS,
    TEXT_COLOR,
    VERMILLION,
    WIDTH,
    style_axes,
)

DOCS = pathlib.Path(__file__).resolve().parent
IMAGES = DOCS / "images/benchmarks"
NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:e-?\d+)?")
ROW = re.compile(r"^\|.*\|$", re.M)


def read_table(page: str, heading: str, first: str) -> list[list[str]]:
    """Cells of a table, without its header.

    Args:
        page: Name of a page of docs/benchmarks.
        heading: Heading of the section.
        first: Text of the first cell of the header.

    Raises:
        ValueError: If there is no such table.
    """
    text = (DOCS / "benchmarks" / page).read_text(encoding="utf-8")
    section = re.search(
        rf"^## {re.escape(heading)}$(.*?)(?:^## |\Z)", text, re.S | re.M
    )
    found = section and re.search(
        rf"^\| {re.escape(first)} \|.*?\n\n", section[1] + "\n\n", re.S | re.M
    )
    if not found:
        raise ValueError(
            f"Expected a table {first!r} in {heading!r} of {page}. Received: "
            "none"
        )
    rows = ROW.findall(found[0])
    return [
        [cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]
    ]


def numbers(cell: str) -> list[float]:
    """All numbers of a cell.

    >>> numbers("1,066 ± 0.5 %")
    [1066.0, 0.5]
    """
    return [float(text.replace(",", "")) for text in NUMBER.findall(cell)]


def number(cell: str) -> float:
    """First number of a cell."""
    return numbers(cell)[0]


def photos() -> Figure:
    """Shares of images that are right, refused and wrong."""
    rows = read_table(
        "images.md",
        "Digits from another source, and photos with more than a digit",
        "images",
    )
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    axes = figure.subplots()
    left = [0.0] * len(rows)
    for column, (name, color) in enumerate(
        (("right", BLUE), ("refused", "#bbbbbb"), ("wrong", VERMILLION)), 1
    ):
        shares = [number(row[column]) for row in rows]
        axes.barh(range(len(rows)), shares, left=left, color=color, label=name)
        left = [a + b for a, b in zip(left, shares, strict=True)]
    axes.set_yticks(range(len(rows)), [row[0] for row in rows])
    axes.invert_yaxis()
    axes.set(xlabel="Images (%)", xlim=(0, 100))
    return finish(figure)


def rate_distortion() -> Figure:
    """PSNR of quantized codes against bits per pixel."""
    rows = read_table(
        "autoencoders.md", "All types of autoencoders on MNIST", "autoencoder"
    )
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    axes = figure.subplots()
    for row in rows:
        x, y = number(row[5]), number(row[6])
        axes.plot(x, y, "o", color=BLUE, markersize=5)
        below = row[0] in ("linear", "undercomplete")
        axes.annotate(
            row[0],
            (x, y),
            (5, -9 if below else 3),
            textcoords="offset points",
            fontsize=8,
            color=TEXT_COLOR,
        )
    axes.set_xscale("log")
    axes.set(xlabel="Bits per pixel", ylabel="PSNR (dB)", xlim=(0.07, 8))
    return finish(figure, legend=False)


def denoising() -> Figure:
    """PSNR of noisy and of denoised images."""
    rows = read_table("autoencoders.md", "Denoising", "data, noise")
    return grouped_bars(
        [row[0].replace(", ", ",\n") for row in rows],
        {
            name: [number(row[column]) for row in rows]
            for column, name in enumerate(
                ("noisy", "best linear filter", "denoising autoencoder"), 1
            )
        },
        "PSNR (dB)",
    )


def bias_variance() -> Figure:
    """Bias, variance and noise as stacked bars, and the measured error."""
    rows = read_table("lab.md", "Bias, variance and noise", "problem")
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    panels = figure.subplots(1, 2)
    for axes, problem in zip(panels, ("sine", "MNIST"), strict=True):
        own = [row for row in rows if row[0] == problem]
        bottom = [0.0] * len(own)
        for column, (name, color) in enumerate(
            (("bias", 1), ("variance", 2), ("noise", 7)), 2
        ):
            values = [number(row[column]) for row in own]
            axes.bar(
                range(len(own)),
                values,
                bottom=bottom,
                color=CURVE_COLORS[color],
                width=0.6,
                label=name,
            )
            bottom = [a + b for a, b in zip(bottom, values, strict=True)]
        measured = [numbers(row[6]) for row in own]
        axes.errorbar(
            range(len(own)),
            [mean for mean, _ in measured],
            yerr=[half_width for _, half_width in measured],
            color=CURVE_COLORS[0],
            linestyle="none",
            marker="s",
            markersize=3.5,
            capsize=2.5,
            label="measured",
        )
        axes.set_xticks(range(len(own)), [row[1] for row in own])
        axes.set(xlabel=f"Hidden units, {problem}")
    panels[0].set_ylabel("Error")
    return finish(figure)


def shifted_digits() -> Figure:
    """Accuracy of networks against the shift of the test images."""
    rows = read_table(
        "lab.md",
        "Accuracy as digits shift",
        "network, test images shifted by",
    )
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    axes = figure.subplots()
    for place, row in enumerate(rows):
        values = [numbers(cell) for cell in row[1:]]
        axes.errorbar(
            range(len(values)),
            [mean for mean, _ in values],
            yerr=[half_width for _, half_width in values],
            capsize=2.5,
            color=CURVE_COLORS[place],
            label=row[0],
        )
    axes.set(xlabel="Shift (pixels)", ylabel="Accuracy (%)", ylim=(0, 100))
    return finish(figure)


def adding_task() -> Figure:
    """Error of the adding task against the length of the sequence."""
    rows = read_table("sequences.md", "Adding task", "network")
    return curves(
        {row[0]: [number(cell) for cell in row[1:]] for row in rows},
        [100, 200, 400],
        "Steps",
        "Root mean squared error",
        log=True,
    )


def serving() -> Figure:
    """Requests per second of servers against the number of clients."""
    rows = read_table("serving.md", "Speed", "server")
    servers: dict[str, list[float]] = {}
    for row in rows:
        servers.setdefault(row[0].replace("`", ""), []).append(number(row[4]))
    return curves(servers, [1, 8, 32], "Clients", "Requests per second")


def anomaly_tables() -> Figure:
    """AUC of the detector against that of baselines, for each table."""
    rows = read_table("anomaly.md", "Tables", "table")
    figure = Figure(figsize=(WIDTH, 3.9), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    titles = "Normal training rows", "Contaminated training rows"
    for axes, start, title in zip(panels, (1, 4), titles, strict=True):
        detector = [number(row[start]) for row in rows]
        for offset, (name, color) in enumerate(
            (("five nearest rows", BLUE), ("isolation forest", VERMILLION)), 1
        ):
            axes.plot(
                [number(row[start + offset]) for row in rows],
                detector,
                "o",
                color=color,
                markersize=4,
                alpha=0.7,
                label=name,
            )
        axes.axline((0.5, 0.5), slope=1, color="#999999", linewidth=0.8)
        axes.set(xlabel="AUC of the baseline", xlim=(0.3, 1.02))
        axes.set(ylim=(0.3, 1.02))
        axes.set_title(title, fontsize=9, color=TEXT_COLOR)
    panels[0].set_ylabel("AUC of AnomalyDetector")
    return finish(figure)


def stream() -> Figure:
    """Rates of alarms in drifting streams."""
    rows = read_table("anomaly.md", "Streams", "stream")
    figure = grouped_bars(
        [row[0].replace(", ", ",\n").replace("_", "\n") for row in rows],
        {
            "AnomalyDetector.stream": [number(row[1]) for row in rows],
            "fixed threshold": [number(row[2]) for row in rows],
        },
        "Alarms (%)",
    )
    [axes] = figure.axes
    axes.set_yscale("log")
    axes.axhline(1, color=TEXT_COLOR, linestyle="--", linewidth=0.8)
    return figure


def grouped_bars(
    groups: Sequence[str], series: dict[str, list[float]], label: str
) -> Figure:
    """Bars of several series, side by side in each group."""
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(series)
    for place, (name, values) in enumerate(series.items()):
        left = [
            group - 0.4 + (place + 0.5) * width for group in range(len(groups))
        ]
        axes.bar(left, values, width, color=CURVE_COLORS[place + 1], label=name)
    axes.set_xticks(range(len(groups)), groups)
    axes.set_ylabel(label)
    return finish(figure)


def curves(
    series: dict[str, list[float]],
    x: Sequence[float],
    x_label: str,
    y_label: str,
    log: bool = False,
) -> Figure:
    """Curves over a few values, with a logarithmic horizontal axis."""
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    axes = figure.subplots()
    for place, (name, values) in enumerate(series.items()):
        axes.plot(x, values, "o-", color=CURVE_COLORS[place], label=name)
    axes.set_xscale("log")
    if log:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.set_xticks(x, [f"{value:g}" for value in x])
    axes.minorticks_off()
    axes.set(xlabel=x_label, ylabel=y_label)
    return finish(figure)


def finish(figure: Figure, legend: bool = True) -> Figure:
    """Applies the style of reports, and adds a legend below the axes."""
    for axes in figure.axes:
        style_axes(axes)
    if legend:
        lines, names = figure.axes[0].get_legend_handles_labels()
        figure.legend(
            lines,
            names,
            loc="outside lower center",
            ncols=len(names),
            frameon=False,
            fontsize=8,
        )
    return figure


FIGURES: tuple[Callable[[], Figure], ...] = (
    photos,
    rate_distortion,
    denoising,
    bias_variance,
    shifted_digits,
    adding_task,
    serving,
    anomaly_tables,
    stream,
)


def main() -> None:
    """Draws all figures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    for draw in FIGURES:
        with matplotlib.rc_context({"svg.hashsalt": "dlunits"}):
            draw().savefig(
                IMAGES / f"{draw.__name__}.svg", metadata={"Date": None}
            )


if __name__ == "__main__":
    main()
