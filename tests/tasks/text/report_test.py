"""Content of the report of a language model."""

import numpy as np

from dlunits.data.text.vocabulary import Vocabulary
from dlunits.models import RecurrentLanguageModel
from dlunits.tasks.text.report import write_text_report
from dlunits.tasks.text.train import EncodedCorpus


def test_the_report_has_scores_epochs_and_samples(tmp_path):
    tokens = np.array([1, 2] * 50)
    data = EncodedCorpus(
        Vocabulary("character", (b"a", b"b")), tokens, tokens, 3, "two letters"
    )
    series = {"nats": [0.9, 0.7], "bits_per_character": [1.3, 1.0]}
    series["perplexity"] = [2.5, 2.0]
    history = {**series, **{f"val_{k}": v for k, v in series.items()}}
    scores = {
        "nats": 0.6789,
        "bits_per_character": 0.9794,
        "perplexity": 1.972,
        "window_nats": 0.7012,
    }
    path = write_text_report(
        tmp_path / "report.html",
        model=RecurrentLanguageModel(3, units=4),
        data=data,
        history=history,
        scores=scores,
        samples={"Sample at temperature 1": "ab<b>ab"},
        command="python apps/text_generation.py",
        seconds=12.0,
    )
    html = path.read_text()
    for score in (
        "0.6789",
        "0.9794",
        "1.972",
        "0.7012",
        f"{data.n_gram_nats:.4f}",
    ):
        assert f">{score}<" in html
    assert "ab&lt;b&gt;ab" in html
    assert "two letters" in html
    assert "data:image" in html
