"""HTML report of a language model: scores, training and samples."""

import pathlib

from dlunits.models import RecurrentLanguageModel
from dlunits.reporting import figures
from dlunits.reporting.html_report import Section, write_report
from dlunits.tasks.text.train import EncodedCorpus
from dlunits.typing import Path


def write_text_report(
    path: Path,
    *,
    model: RecurrentLanguageModel,
    data: EncodedCorpus,
    history: dict[str, list[float]],
    scores: dict[str, float],
    samples: dict[str, str],
    command: str,
    seconds: float,
) -> pathlib.Path:
    """Writes the report of a language model.

    Args:
        path: HTML file to write, in an existing folder.
        model: `dlunits.models.RecurrentLanguageModel`.
        data: `dlunits.tasks.text.train.EncodedCorpus`.
        history: Dict of metric name to its values, one for each epoch.
        scores: Result of `dlunits.tasks.text.train.evaluate_text_model`.
        samples: Dict of heading to generated text.
        command: Command line of the run.
        seconds: Duration of the training in seconds.

    Returns:
        `pathlib.Path` of the report.

    Raises:
        OSError: If the file cannot be written.
    """
    token_type = data.vocabulary.token_type
    curves = figures.training_curves(
        {"loss": history["nats"], "val_loss": history["val_nats"]}
    )
    epochs = [
        {
            "epoch": number + 1,
            "nats": round(history["val_nats"][number], 4),
            "bits": round(history["val_bits_per_character"][number], 4),
            "perplexity": round(history["val_perplexity"][number], 3),
            "training nats": round(history["nats"][number], 4),
        }
        for number in range(len(history["val_nats"]))
    ]
    return write_report(
        path,
        title=f"{token_type.capitalize()}-level language model",
        summary={
            f"Nats per {token_type}": f"{scores['nats']:.4f}",
            f"Bits per {token_type}": f"{scores['bits_per_character']:.4f}",
            "Perplexity": f"{scores['perplexity']:.3f}",
            f"Nats per {token_type}, windows of 256": (
                f"{scores['window_nats']:.4f}"
            ),
            f"Nats per {token_type}, 5-gram model": f"{data.n_gram_nats:.4f}",
            "Training tokens": len(data.train),
            "Validation tokens": len(data.validation),
            "Unknown validation tokens, not evaluated": data.num_unknown,
            "Vocabulary size": data.vocabulary.size,
            "Parameters": model.count_params(),
        },
        sections=[
            Section(
                "Training",
                "Cross-entropy of the next token, in nats; a nat is 1 / ln 2 "
                "= 1.44 bits, and perplexity is exp(nats). The scores above "
                "are those of the whole validation text, with states carried "
                "from its beginning to its end. With windows of 256 the "
                "states are reset every 256 tokens. The baseline is a 5-gram "
                "model, which counts how often each token follows the last "
                "four.",
                figures=[
                    (curves, f"Nats per {token_type}: training and validation.")
                ],
            ),
            Section("Validation scores by epoch", table=epochs),
            *(Section(title, text) for title, text in samples.items()),
        ],
        command=command,
        dataset=data.source,
        seconds=seconds,
    )
