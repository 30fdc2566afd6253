"""Learns a text, goes on from prompts, and scores texts.

Paper: Graves, 2013, "Generating sequences with recurrent neural networks",
https://arxiv.org/abs/1308.0850

Usage:
    python apps/text_generation.py --train=my_book.txt
    python apps/text_generation.py --train=tiny_shakespeare --epochs=10
    python apps/text_generation.py --generate --model=saved_models/NAME/1 \
        --prompt="To be" --length=500 --temperature=0.8
    python apps/text_generation.py --score=FILE --model=saved_models/NAME/1

Without a flag it learns tiny Shakespeare, or Python's own documentation.
Stopped at any moment, the same command goes on after its last whole epoch.
"""

import shlex
import sys

from absl import flags

import _main

COMMAND = _main.command_line(__file__)

WRITING = (
    "length",
    "stop",
    "num_samples",
    "unknown",
    "temperature",
    "top_k",
    "top_p",
)


def define_flags():
    _main.define_common_flags(
        data_dir=None,
        batch_size=64,
        epochs=20,
        learning_rate=4e-3,
        patience=5,
        seed=0,
        workdir="runs/text_{dataset}_{cell}_seed_{seed}",
        export_dir="saved_models/text_{dataset}",
        max_seed=2**31 - 1,
    )
    flags.DEFINE_string(
        "train", "auto", "Text file, tiny_shakespeare, or auto."
    )
    flags.DEFINE_enum(
        "level", "character", ["character", "byte", "word"], "What a token is."
    )
    flags.DEFINE_integer(
        "vocabulary", None, "Most tokens to know; None for all.", lower_bound=2
    )
    flags.DEFINE_enum("cell", "lstm", ["rnn", "lstm", "gru"], "Kind of layer.")
    flags.DEFINE_integer("units", 512, "Units a layer.", lower_bound=1)
    flags.DEFINE_integer("num_layers", 1, "Recurrent layers.", lower_bound=1)
    flags.DEFINE_float("dropout", 0.5, "Behind every layer.", 0, 0.99)
    flags.DEFINE_integer(
        "steps", 128, "Tokens between two cuts of the gradient.", lower_bound=1
    )
    flags.DEFINE_float("clipnorm", 1.0, "Largest norm of the gradient.", 0)
    flags.DEFINE_string("model", None, "SavedModel to generate or score with.")
    flags.DEFINE_bool("generate", False, "Go on from --prompt.")
    flags.DEFINE_string("prompt", "", "How the text begins.")
    flags.DEFINE_integer("length", 500, "Tokens to add.", 1, 10**7)
    flags.DEFINE_float("temperature", 0.8, "0: the most probable token.", 0)
    flags.DEFINE_integer("top_k", 0, "Draw from so many; 0: all.", 0)
    flags.DEFINE_float("top_p", 1.0, "Draw from this share.", 1e-6, 1)
    flags.DEFINE_string("stop", "", "Text before which to stop.")
    flags.DEFINE_integer("num_samples", 1, "How many texts.", 1, 1000)
    flags.DEFINE_bool("interactive", False, "Ask for prompts.")
    flags.DEFINE_enum(
        "unknown",
        "keep",
        ["keep", "refuse"],
        "Prompts with what the model never saw: read it as unknown, or end.",
    )
    flags.DEFINE_string("score", None, "File to give bits per character of.")


def train_and_report(
    train,
    data_dir,
    level,
    vocabulary,
    workdir,
    export_dir,
    batch_size,
    **recipe,
):
    """From a text to a report and a SavedModel, named at the end."""
    from dlunits.data.text.corpora import load_corpus
    from dlunits.tasks.text.train import (
        encode_corpus,
        evaluate_text_model,
        train_text_model,
    )
    from dlunits.training import RunDirectory, check_writable, format_path

    corpus = load_corpus(train, data_dir=data_dir, as_bytes=level == "byte")
    print(corpus.source, flush=True)
    recipe = {**recipe, "num_streams": batch_size}
    names = {"dataset": corpus.name, "level": level, **recipe}
    export_dir, workdir = (
        format_path(export_dir, names),
        format_path(workdir, names),
    )
    for folder in (export_dir, workdir):
        check_writable(folder)
    data = encode_corpus(corpus, workdir, level, vocabulary)
    run_of = {"data": data.fingerprint, "level": level, **recipe}
    run_directory = RunDirectory(workdir, run_of)
    print(f"A 5-gram model: {data.floor:.4f} nats a {level}", flush=True)
    model, history = train_text_model(data, run_directory, **recipe)
    scores = evaluate_text_model(model, data.validation)

    from dlunits.tasks.text.generate import TextGenerator
    from dlunits.tasks.text.report import write_text_report
    from dlunits.tasks.text.serve import export_text_model

    version = export_text_model(
        model,
        export_dir,
        vocabulary=data.vocabulary,
        data=data.source,
        metrics={k: round(v, 4) for k, v in scores.items()},
        command=COMMAND,
    )
    samples = TextGenerator(version).samples(seed=recipe["seed"])
    report = write_text_report(
        run_directory.path / "report.html",
        model=model,
        data=data,
        history=history,
        scores=scores,
        samples=samples,
        command=COMMAND,
        seconds=run_directory.seconds,
    )
    print(f"Nats a {level}: {scores['nats']:.4f}")
    print(f"Report:      {report}", f"SavedModel:  {version}", sep="\n")
    use = shlex.join(["--generate", f"--model={version}", "--prompt=TEXT"])
    print(f"Use it:      {_main.program('text_generation')} {use}")


def write_on(served, prompt, length, stop, num_samples, unknown, **choice):
    """Prints texts as they are made."""
    from dlunits.tasks.text.generate import until

    [strange] = served.unknown([prompt])
    if strange:
        what = f"the prompt has {strange} tokens that the model never saw"
        if unknown == "refuse":
            raise ValueError(f"{what} (--unknown=keep reads them as unknown)")
        print(f"text_generation.py: {what}", file=sys.stderr)
    seed = choice.pop("seed")
    for number in range(num_samples):
        print(prompt, end="")
        texts = served.stream(prompt, length, seed=seed + number, **choice)
        for text in until(texts, stop):
            print(text, end="", flush=True)
        print()


def use_model(model, generate, prompt, interactive, score, **options):
    from dlunits.tasks.text.generate import TextGenerator, read_chunks

    served = TextGenerator(model)
    if score:
        found = served.score_chunks(read_chunks(score, served.card["level"]))
        print(f"Bits per character: {found['bits_per_character']:.4f}")
        print(f"Characters: {found['characters']}, unknown: {found['unknown']}")
    if generate:
        write_on(served, prompt, **options)
    while interactive:
        try:
            write_on(served, input("Prompt: "), **options)
        except EOFError:
            return


def run(model, generate, prompt, interactive, score, **values):
    options = {name: values.pop(name) for name in WRITING}
    if not model:
        if generate or interactive or score:
            raise ValueError("Expected --model=FOLDER, a model that was saved")
        return train_and_report(**values)
    if not (generate or interactive or score):
        raise ValueError(
            "Expected --generate, --interactive or --score=FILE with --model"
        )
    return use_model(
        model,
        generate,
        prompt,
        interactive,
        score,
        **options,
        seed=values["seed"],
    )


if __name__ == "__main__":
    _main.run_app(define_flags, run, resumes=True, onednn=True)
