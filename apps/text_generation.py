r"""Trains a language model on a text, generates text with it, or scores text.

Paper: Graves, 2013, "Generating sequences with recurrent neural networks",
https://arxiv.org/abs/1308.0850

Usage:
    python apps/text_generation.py --train=my_book.txt
    python apps/text_generation.py --train=tiny_shakespeare --epochs=10
    python apps/text_generation.py --generate --model=saved_models/NAME/1 \
        --prompt="To be" --length=500 --temperature=0.8
    python apps/text_generation.py --score=FILE --model=saved_models/NAME/1
    python apps/text_generation.py --train=old.txt --encoding=cp1252

--train is the default: without flags the app trains on tiny Shakespeare, or on
Python's own documentation. A stopped run resumes from its last epoch with the
same command.
"""

import io
import shlex
import sys
import tempfile

from absl import flags

import _main

COMMAND = _main.command_line(__file__)

SAMPLING_FLAGS = (
    *("length", "stop", "num_samples", "unknown"),
    *("temperature", "top_k", "top_p"),
)

MODES = {
    "train": {
        *("train", "data_dir", "encoding", "token_type", "vocabulary_size"),
        *("cell", "units", "num_layers", "dropout", "bptt_steps", "clipnorm"),
        *("batch_size", "epochs", "learning_rate", "patience", "seed"),
        *("workdir", "export_dir"),
        *_main.DISTRIBUTION_FLAGS,
    },
    "generate": {
        *("generate", "model", "prompt", "interactive", "encoding", "seed"),
        *SAMPLING_FLAGS,
    },
    "score": {"score", "model", "encoding"},
}


def define_flags():
    flags.DEFINE_string(
        "train",
        "auto",
        "Text to train on: a text file, /dev/stdin, tiny_shakespeare, or auto: "
        "tiny Shakespeare if it is prepared or can be downloaded, else "
        "Python's own documentation.",
    )
    flags.DEFINE_bool(
        "generate", False, "Continue --prompt with the language model --model."
    )
    flags.DEFINE_string(
        "score",
        None,
        "File, or /dev/stdin, whose bits per character under the language "
        "model --model are computed. Every unknown token is scored with the "
        "cross-entropy of the token that represents unknown tokens.",
    )
    flags.DEFINE_string(
        "encoding",
        None,
        "Encoding of the file of --train or --score, or of prompts that "
        "--interactive reads from a pipe, such as cp1252 or utf-16. Default: "
        "that of the byte-order mark, else UTF-8.",
    )
    flags.DEFINE_enum(
        "token_type",
        "character",
        ["character", "byte", "word"],
        "Unit of text that the model predicts. byte works for any file.",
    )
    flags.DEFINE_integer(
        "vocabulary_size",
        None,
        "Maximum number of different tokens; rarer ones become the unknown "
        "token. Default: all tokens of the training text.",
        lower_bound=2,
    )
    flags.DEFINE_enum("cell", "lstm", ["rnn", "lstm", "gru"], "Recurrent cell.")
    flags.DEFINE_integer(
        "bptt_steps",
        128,
        "Truncated backpropagation through time: number of tokens through "
        "which the gradient is propagated back.",
        lower_bound=1,
    )
    flags.DEFINE_string(
        "prompt",
        "",
        "Text to continue. Default: empty, which starts a new text.",
    )
    flags.DEFINE_bool(
        "interactive",
        False,
        "With --generate: read prompts from the terminal or a pipe, one per "
        "line.",
    )
    flags.DEFINE_integer(
        "length", 500, "Number of tokens to add to a prompt.", 1, 10**7
    )
    flags.DEFINE_float(
        "temperature",
        0.8,
        "Sampling temperature; 0 selects the most probable token.",
        0,
    )
    flags.DEFINE_integer(
        "top_k",
        0,
        "Top-k sampling: number of most probable tokens to sample from; 0 for "
        "all.",
        0,
    )
    flags.DEFINE_float(
        "top_p",
        1.0,
        "Top-p (nucleus) sampling: sample from the fewest most probable "
        "tokens whose probabilities sum to this value, in (0, 1].",
        1e-6,
        1,
    )
    flags.DEFINE_string(
        "stop", "", "Text at which generation stops; it is not printed."
    )
    flags.DEFINE_integer(
        "num_samples",
        1,
        "Number of texts to generate; text i has the seed --seed + i.",
        1,
        1000,
    )
    flags.DEFINE_enum(
        "unknown",
        "keep",
        ["keep", "refuse"],
        "Tokens of a prompt that are not in the vocabulary. keep: they become "
        "the unknown token; refuse: they are an error.",
    )
    _main.define_distribution_flags()
    _main.define_common_flags(
        data_dir=None,
        model=None,
        units=512,
        num_layers=1,
        dropout=0.5,
        clipnorm=1.0,
        epochs=20,
        batch_size=64,
        learning_rate=4e-3,
        patience=5,
        seed=0,
        max_seed=2**31 - 1,
        workdir="runs/text_{dataset}_{cell}_{epochs}_epochs_seed_{seed}",
        export_dir="saved_models/text_{dataset}",
    )


def check_flags(given):
    """Checks for flags that cannot be combined."""
    program = _main.choose_mode(given, MODES)
    if program != "train" and "model" not in given:
        raise ValueError(
            f"--{program} needs --model=FOLDER, a SavedModel of this app"
        )
    _main.refuse_with(
        given, "interactive", ["prompt"], "prompts are read from the terminal"
    )
    if program == "generate":
        _main.refuse_without(given, ["interactive"], ["encoding"])


def train_and_report(
    train,
    data_dir,
    encoding,
    token_type,
    vocabulary_size,
    workdir,
    export_dir,
    batch_size,
    **recipe,
):
    """Trains on a text; writes a report and a SavedModel."""
    from dlunits.data.text.corpora import load_corpus
    from dlunits.paths import expand_user
    from dlunits.tasks.text.train import (
        encode_corpus,
        evaluate_text_model,
        train_text_model,
    )
    from dlunits.training import (
        RunDirectory,
        check_writable,
        format_path,
        lock_run,
    )
    from dlunits.training.distribution import current

    corpus = load_corpus(
        train,
        data_dir=data_dir,
        as_bytes=token_type == "byte",
        encoding=encoding,
    )
    print(corpus.source, flush=True)
    recipe = {**recipe, "num_streams": batch_size}
    names = {"dataset": corpus.name, "token_type": token_type, **recipe}
    export_dir = format_path(export_dir, names)
    workdir = format_path(workdir, names)
    for folder in (export_dir, workdir):
        check_writable(folder)
    job = current()
    if job.is_first:
        lock = lock_run(expand_user(workdir))
        data = encode_corpus(corpus, workdir, token_type, vocabulary_size)
    else:
        # Deleted files stay readable as long as they are mapped to memory.
        with tempfile.TemporaryDirectory() as folder:
            data = encode_corpus(corpus, folder, token_type, vocabulary_size)
    identity = {"data": data.fingerprint, "token_type": token_type, **recipe}
    run_directory = RunDirectory(workdir, identity)
    if job.is_first:
        del lock  # the run directory holds it
    print(
        f"5-gram model: {data.n_gram_nats:.4f} nats per {token_type}",
        flush=True,
    )
    model, history = job.train(
        lambda: train_text_model(data, run_directory, **recipe)
    )
    scores = evaluate_text_model(model, data.validation)
    metrics = {**scores, "n_gram_nats": data.n_gram_nats}

    from dlunits.tasks.text.generate import TextGenerator
    from dlunits.tasks.text.report import write_text_report
    from dlunits.tasks.text.serve import export_text_model

    version = export_text_model(
        model,
        export_dir,
        vocabulary=data.vocabulary,
        data=data.source,
        metrics={k: round(v, 4) for k, v in metrics.items()},
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
    print(f"Nats per {token_type}: {scores['nats']:.4f}")
    print(f"Report:      {report}", f"SavedModel:  {version}", sep="\n")
    use = shlex.join(["--generate", f"--model={version}", "--prompt=TEXT"])
    print(f"Use it:      {_main.program('text_generation')} {use}")


def print_samples(
    generator, prompt, length, stop, num_samples, unknown, seed, **sampling
):
    """Prints texts token by token."""
    from dlunits.tasks.text.generate import until_stop

    [count] = generator.count_unknown_tokens([prompt])
    if count:
        message = f"{count} token(s) of the prompt are not in the vocabulary"
        if unknown == "refuse":
            raise ValueError(f"{message}. Use --unknown=keep to keep them")
        print(f"text_generation.py: {message}", file=sys.stderr)
    for number in range(num_samples):
        print(generator.normalize(prompt), end="")
        texts = generator.stream(prompt, length, seed=seed + number, **sampling)
        for text in until_stop(texts, stop):
            print(text, end="", flush=True)
        print()


def generate_text(model, prompt, interactive, encoding, **options):
    """Continues a prompt, or prompts from the terminal until end of file."""
    from dlunits.tasks.text.generate import TextGenerator

    generator = TextGenerator(model)
    if not interactive:
        return print_samples(generator, prompt, **options)
    if not sys.stdin.isatty():
        # Every kind of line end ends a prompt; a byte-order mark is removed.
        sys.stdin = io.TextIOWrapper(
            sys.stdin.buffer, encoding or "utf-8-sig", newline=None
        )
    while True:
        try:
            print_samples(generator, input("Prompt: "), **options)
        except EOFError:
            return None


def score_text(model, path, encoding):
    """Prints the bits per character of a file."""
    from dlunits.tasks.text.generate import TextGenerator, read_chunks

    generator = TextGenerator(model)
    token_type = generator.card["token_type"]
    scores = generator.score(read_chunks(path, token_type, encoding))
    print(f"Bits per character: {scores['bits_per_character']:.4f}")
    print(f"Characters:         {scores['num_characters']}")
    print(
        f"Unknown {token_type}s:".ljust(20) + f"{scores['num_unknown']}, each "
        "scored with the probability of the unknown token"
    )


def run(generate, score, model, prompt, interactive, encoding, **values):
    """Trains, generates or scores."""
    options = {name: values.pop(name) for name in SAMPLING_FLAGS}
    if score:
        return score_text(model, score, encoding)
    if generate:
        options["seed"] = values["seed"]
        return generate_text(model, prompt, interactive, encoding, **options)
    return train_and_report(encoding=encoding, **values)


if __name__ == "__main__":
    _main.run_app(
        define_flags, run, check_flags=check_flags, resumes=True, onednn=True
    )
