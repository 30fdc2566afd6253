"""Copies figures of the example reports to docs/images/units.

The figures are those that the apps draw. Run it after a change of figures:

    python docs/example_reports.py && python docs/report_figures.py
"""

import base64
import pathlib
import re
import sys

from example_reports import DOCS, REPORTS

IMAGES = DOCS / "images/units"
MAX_SIZE = 150_000  # bytes of a file under version control

# Name of the file -> report, anchor of the section, number of the figure.
FIGURES = {
    "activation_functions": (
        "lab/training/activation/report.html",
        "activation-functions",
        0,
    ),
    "gradient_descent": (
        "lab/training/gradient_descent/report.html",
        "loss-and-accuracy",
        0,
    ),
    "bias_variance": (
        "lab/bias_variance/report.html",
        "sine-with-noise-bias-variance-trade-off",
        1,
    ),
    "early_stopping": (
        "lab/bias_variance/report.html",
        "early-stopping-of-one-run",
        0,
    ),
    "gan_samples": ("lab/gan/report.html", "samples", 0),
    "weights_and_connections": (
        "lab/convolution/report.html",
        "weight-sharing",
        0,
    ),
    "accuracy_under_shifts": (
        "lab/convolution/report.html",
        "accuracy-under-shifts",
        0,
    ),
    "feature_maps": (
        "lab/convolution/report.html",
        "parts-of-a-cnn-and-their-feature-maps",
        0,
    ),
    "alexnet_filters": (
        "lab/alexnet/report.html",
        "filters-of-the-first-layer",
        0,
    ),
    "interpolation": (
        "autoencoder/report.html",
        "features-and-interpolation",
        1,
    ),
    "unfolded_graph": ("gradient_flow/report.html", "unfolded-graph", 0),
    "vanishing_gradients": (
        "gradient_flow/report.html",
        "vanishing-and-exploding-gradients",
        0,
    ),
    "forecast": ("forecast/report.html", "backtest", 1),
    "p_values": (
        "anomaly_detection/report.html",
        "anomaly-scores-and-p-values",
        1,
    ),
}

SECTION = r'<h2 id="{}">(.*?)(?:<h2 |\Z)'
IMAGE = re.compile(r'src="data:image/(svg\+xml|png);base64,([^"]+)"')


def main() -> None:
    """Writes all figures, and removes others.

    Raises:
        SystemExit: If a report has no such figure, or one is too large.
    """
    written = set()
    for name, place in FIGURES.items():
        suffix, data = read_figure(*place)
        path = IMAGES / f"{name}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if len(data) > MAX_SIZE:
            sys.exit(f"{path}: {len(data):,} bytes, at most {MAX_SIZE:,}")
        path.write_bytes(data)
        written.add(path)
    for path in set(IMAGES.iterdir()) - written:
        path.unlink()


def read_figure(report: str, anchor: str, number: int) -> tuple[str, bytes]:
    """Suffix and bytes of a figure of a section of a report."""
    page = pathlib.Path(REPORTS / report).read_text(encoding="utf-8")
    section = re.search(SECTION.format(anchor), page, re.S)
    images = IMAGE.findall(section[1]) if section else []
    if len(images) <= number:
        sys.exit(f"{report}: no figure {number} in section {anchor!r}")
    kind, encoded = images[number]
    return kind.split("+")[0], base64.b64decode(encoded)


if __name__ == "__main__":
    main()
