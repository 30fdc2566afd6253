"""The report of a language model."""

from dlunits.reporting import figures
from dlunits.reporting.html_report import Section, write_report


def write_text_report(
    path, *, model, data, history, scores, samples, command, seconds
):
    """Writes what a language model learnt of a text, and what it writes.

    Args:
        path: HTML file to write, in a folder that exists.
        model: `dlunits.models.RecurrentLanguageModel`.
        data: `dlunits.tasks.text.train.EncodedCorpus`.
        history: Dict of metric name to its values, one an epoch.
        scores: Dict of `dlunits.tasks.text.train.evaluate_text_model`.
        samples: Dict of a heading to a text that the model wrote.
        command: Text, the command that made the run.
        seconds: Number, how long training took.

    Returns:
        `pathlib.Path` of the report.

    Raises:
        OSError: If the file cannot be written.
    """
    level = data.vocabulary.level
    nats = {name: history[name] for name in ("nats", "val_nats")}
    curves = figures.training_curves(
        {"loss": nats["nats"], "val_loss": nats["val_nats"]}
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
        title=f"A model of {level}s",
        summary={
            f"Nats a {level}": f"{scores['nats']:.4f}",
            f"Bits a {level}": f"{scores['bits_per_character']:.4f}",
            "Perplexity": f"{scores['perplexity']:.3f}",
            "Nats in windows of 256": f"{scores['window_nats']:.4f}",
            "Nats of a 5-gram model": f"{data.floor:.4f}",
            "Tokens trained on": len(data.train),
            "Tokens judged by": len(data.validation),
            "Tokens left out, since they are not in the training text": (
                data.unknown
            ),
            "Vocabulary": data.vocabulary.size,
            "Parameters": model.count_params(),
        },
        sections=[
            Section(
                "Learning",
                "Cross-entropy of the next token, in nats. The figures above "
                "read the whole validation text once, with the state carried "
                "from its beginning to its end; in windows of 256 tokens each "
                "window begins from nothing. What counting the last four "
                "tokens gives is the 5-gram model's.",
                figures=[(curves, "Nats a token, training and validation.")],
            ),
            Section("Epochs, on the validation text", table=epochs),
            *(Section(title, text) for title, text in samples.items()),
        ],
        command=command,
        dataset=data.source,
        seconds=seconds,
    )
