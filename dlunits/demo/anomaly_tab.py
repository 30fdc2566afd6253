"""Tab: find the anomalous rows of a table."""

import csv
import html
import pathlib
import tempfile
from typing import Any

import gradio
import numpy as np
from sklearn.datasets import load_breast_cancer

from dlunits.data.tables.table_files import open_table
from dlunits.demo.model_folder import ModelFolder
from dlunits.demo.tab_parts import show_errors
from dlunits.tasks.anomaly.input_validation import check_new_columns
from dlunits.tasks.anomaly.score_series import make_scorer
from dlunits.tasks.anomaly.score_table import (
    NEW_COLUMNS,
    TableScorer,
    load_detector,
    score_table,
)

MODELS = ("anomaly_wdbc",)
NUM_RANKED = 10  # rows on the page; the scored table has all
NUM_EXAMPLES = 20  # rows of each diagnosis in the example


def build(models: ModelFolder) -> None:
    """Adds the components of the tab to the page.

    Args:
        models: `ModelFolder`.
    """
    gradio.Markdown(
        "The detector was trained on measurements of benign breast tumors "
        "(WDBC). It finds the rows of your table that differ from them, and "
        "lists the columns in which they differ most. It is not a medical "
        "device."
    )
    with gradio.Row():
        table = gradio.File(
            label="Table: CSV or Parquet",
            file_types=[".csv", ".tsv", ".txt", ".parquet"],
            elem_id="table",
            height=140,
        )
        with gradio.Column(min_width=200):
            gradio.DownloadButton("Download an example table", write_example)
            button = gradio.Button("Find anomalies", variant="primary")
    summary = gradio.Textbox(
        label="Summary", lines=3, interactive=False, elem_id="summary"
    )
    download = gradio.DownloadButton(
        "Download the scored table", interactive=False, elem_id="scored"
    )
    ranking = gradio.HTML(elem_id="ranking")

    @show_errors
    def score(path: str | None) -> tuple[str, str, dict[str, Any]]:
        if path is None:
            raise ValueError("Choose a table first.")
        detector, rate = models.use("anomaly_wdbc", load_served)
        given = pathlib.Path(path)
        suffix = ".parquet" if given.suffix.lower() == ".parquet" else ".csv"
        output = new_file(f"{given.stem}_scored{suffix}")
        summary, ranking = score_file(detector, rate, path, output)
        return summary, ranking, gradio.update(value=output, interactive=True)

    button.click(score, table, [summary, ranking, download])
    table.upload(score, table, [summary, ranking, download])


def load_served(version: pathlib.Path, model: Any) -> tuple[Any, float]:
    """Loads `(detector, false_alarm_rate)` of an exported detector."""
    return load_detector(version, model=model)


def score_file(
    detector: Any, rate: float, path: str, output: str
) -> tuple[str, str]:
    """Scores a table, and ranks its most anomalous rows.

    Args:
        detector: `dlunits.tasks.anomaly.serve.ServedDetector`.
        rate: Its false-alarm rate.
        path: Path of a CSV or Parquet file.
        output: Path of the scored table.

    Returns:
        `(summary, ranking)`: lines of text, and HTML of the most anomalous
        rows with their reasons, the highest score first.

    Raises:
        ValueError: If the table cannot be read or scored.
    """
    table = open_table(path)
    check_new_columns(table, NEW_COLUMNS)
    scorer = make_scorer(detector, rate, table, detector.card)
    score_table(scorer, table, output, escape_formulas=True)
    lines = [*table.messages, *scorer.messages]
    lines = [line for line in lines if str(output) not in line]
    return "\n".join(lines), ranking_html(scorer)


def ranking_html(scorer: TableScorer) -> str:
    """HTML list of the most anomalous rows of a scored table."""
    top, items = scorer.top, []
    for i in range(min(NUM_RANKED, len(top["position"]))):
        flagged = top["p_value"][i] <= scorer.threshold
        reasons = "".join(
            f"<li>{html.escape(column)}: {html.escape(seen)}, expected "
            f"{html.escape(expected)}</li>"
            for column, seen, expected in zip(
                top["column"][i],
                top["seen"][i],
                top["expected"][i],
                strict=True,
            )
        )
        items.append(
            f"<li><b>{scorer.position_unit} {top['position'][i]}</b>"
            f"{': anomalous' if flagged else ''}, score "
            f"{top['anomaly_score'][i]:.4g}, p-value {top['p_value'][i]:.3g}"
            f"<ul>{reasons}</ul></li>"
        )
    return f"<h3>Most anomalous rows</h3><ol>{''.join(items)}</ol>"


def write_example() -> str:
    """Writes a table of benign and malignant tumors; returns its path."""
    data = load_breast_cancer()
    path = new_file("tumors.csv")
    rows = np.concatenate(
        [data.data[data.target == label][-NUM_EXAMPLES:] for label in (1, 0)]
    )
    with pathlib.Path(path).open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(data.feature_names)
        writer.writerows(rows)
    return path


def new_file(name: str) -> str:
    """Path of a new file in a new temporary folder, for a download."""
    return str(pathlib.Path(tempfile.mkdtemp(prefix="dlunits_demo_"), name))
