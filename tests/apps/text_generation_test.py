"""The text app: training, resumed runs, generation, scores and errors."""

import csv
import functools
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from apps.text_generation import run

FLAGS = (
    "--units=24",
    "--num_layers=1",
    "--batch_size=8",
    "--bptt_steps=20",
    "--epochs=4",
    "--dropout=0.1",
    "--learning_rate=0.01",
)
RUN = "runs/text_book_lstm_4_epochs_seed_0"
MODELS = "saved_models/text_book"

# 8,400 characters in which every word is one of a few.
BOOK = "\r\n".join(
    f"the {animal} sees the {other}."
    for animal in ("cat", "dog", "owl", "fox", "hen", "pig", "cow")
    for other in ("cat", "dog", "owl", "fox", "hen", "pig", "cow")
    for _ in range(7)
)


@pytest.fixture(scope="module")
def app(run_app):
    return functools.partial(run_app, "text_generation.py")


def with_book(folder):
    (folder / "book.txt").write_bytes(BOOK.encode())
    return folder


@pytest.fixture(scope="module")
def trained(app, tmp_path_factory):
    folder = with_book(tmp_path_factory.mktemp("trained"))
    process = app(folder, "--train=book.txt", *FLAGS)
    assert process.returncode == 0, process.stderr
    return folder, process


def test_the_output_ends_with_report_model_and_command(trained):
    folder, process = trained
    *_, nats, report, model, use = process.stdout.strip().splitlines()
    assert float(nats.removeprefix("Nats per character: ")) < 1.0
    assert report.split() == ["Report:", f"{RUN}/report.html"]
    assert model.split() == ["SavedModel:", f"{MODELS}/1"]
    assert f"--generate --model={MODELS}/1" in use
    assert (folder / MODELS / "1/saved_model.pb").is_file()


def test_every_epoch_has_nats_bits_and_perplexity(trained):
    folder, process = trained
    with (folder / RUN / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    for row in rows:
        nats = float(row["val_nats"])
        bits = float(row["val_bits_per_character"])
        assert bits == pytest.approx(nats / np.log(2), rel=1e-4)
        assert float(row["val_perplexity"]) == pytest.approx(
            np.exp(nats), rel=1e-4
        )
    baseline = re.search(r"5-gram model: ([\d.]+) nats", process.stdout)[1]
    html = (folder / RUN / "report.html").read_text()
    assert f">{baseline}<" in html
    assert "Sample at temperature 0.5" in html


def epochs_in(folder):
    history = folder / RUN / "history.csv"
    return len(history.read_text().splitlines()) - 1 if history.exists() else 0


def test_a_killed_run_resumes_to_the_same_weights(
    project, offline, app, trained, checkpoint, tmp_path
):
    whole, _ = trained
    with_book(tmp_path)
    command = [sys.executable, project / "apps/text_generation.py"]
    killed = subprocess.Popen(
        [*command, "--train=book.txt", *FLAGS],
        cwd=tmp_path,
        env=offline,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    started = time.monotonic()
    while epochs_in(tmp_path) < 1:
        assert killed.poll() is None, "The run ended before it was killed."
        assert time.monotonic() - started < 200
        time.sleep(0.005)
    killed.kill()
    assert killed.wait() == -signal.SIGKILL
    assert epochs_in(tmp_path) < 4
    resumed = app(tmp_path, "--train=book.txt", *FLAGS)
    assert resumed.returncode == 0, resumed.stderr
    text, arrays = checkpoint(tmp_path / RUN)
    expected_text, expected = checkpoint(whole / RUN)
    assert text == expected_text
    for name, array in expected.items():
        np.testing.assert_array_equal(arrays[name], array, err_msg=name)


GENERATE = {
    "generate": True,
    "prompt": "",
    "interactive": False,
    "score": None,
    "encoding": None,
    "length": 500,
    "stop": "",
    "num_samples": 1,
    "unknown": "keep",
    "temperature": 0.8,
    "top_k": 0,
    "top_p": 1.0,
    "seed": 0,
}


SCORE = GENERATE | {"generate": False}


def tiny_training(text, **changed):
    """Arguments of `run` for a small model."""
    training = {
        "train": text,
        "model": None,
        "data_dir": None,
        "token_type": "character",
        "vocabulary_size": None,
        "workdir": "runs/text_{dataset}_{cell}_{epochs}_epochs_seed_{seed}",
        "export_dir": "models",
        "batch_size": 8,
        "cell": "gru",
        "units": 8,
        "num_layers": 1,
        "dropout": 0.0,
        "bptt_steps": 40,
        "epochs": 1,
        "learning_rate": 0.01,
        "clipnorm": 1.0,
        "patience": 5,
    }
    return GENERATE | {"generate": False} | training | changed


def test_prompts_are_continued_and_files_are_scored(app, trained, capsys):
    folder, _ = trained
    use = functools.partial(app, folder, f"--model={MODELS}/1")
    text = use(
        "--generate", "--prompt=the cat ", "--length=40", "--seed=3"
    ).stdout
    assert text.startswith("the cat ")
    assert len(text) == len("the cat ") + 40 + 1
    capsys.readouterr()
    options = {"prompt": "the cat ", "length": 40, "seed": 3}
    run(model=folder / MODELS / "1", **GENERATE | options)
    assert capsys.readouterr().out == text
    samples = use(
        "--generate",
        "--prompt=the é",
        "--num_samples=2",
        "--stop=.",
        "--length=60",
        "--temperature=0.3",
    )
    assert "1 token(s) of the prompt are not in the vocab" in samples.stderr
    texts = samples.stdout.splitlines()
    assert len(texts) == 2
    assert all(line.startswith("the é") and "." not in line for line in texts)


def test_a_file_is_scored(app, trained):
    folder, _ = trained
    process = app(folder, f"--model={MODELS}/1", "--score=book.txt")
    bits, characters, unknown = process.stdout.splitlines()
    assert 0 < float(bits.removeprefix("Bits per character: ")) < 1.5
    assert characters.split() == ["Characters:", f"{len(BOOK) - 342}"]
    assert unknown.startswith("Unknown characters: 0, each scored with the pr")


def test_unknown_characters_make_a_text_less_probable(trained, capsys):
    folder, _ = trained
    bits = {}
    for name, text in {
        "same": BOOK,
        "other": "床前明月光疑是地上霜" * 9,
    }.items():
        path = folder / f"{name}.txt"
        path.write_text(text, "utf-8-sig")
        run(model=folder / MODELS / "1", **SCORE | {"score": str(path)})
        score, characters, unknown = capsys.readouterr().out.splitlines()
        bits[name] = float(score.split()[-1])
    assert characters.split()[-1] == "90"
    assert unknown.startswith("Unknown characters: 90,")
    assert bits["other"] > 2 * bits["same"]


def test_encodings_and_pipes_are_scored_alike(app, trained):
    folder, _ = trained
    use = functools.partial(app, folder, f"--model={MODELS}/1")
    expected = use("--score=book.txt").stdout
    assert use("--score=/dev/stdin", stdin=BOOK).stdout == expected
    (folder / "coded.txt").write_bytes(BOOK.encode("utf-16-be"))
    coded = use("--score=coded.txt", "--encoding=utf-16-be")
    assert coded.stdout == expected


@pytest.mark.parametrize("prompt", ["", "\ufeff"])
def test_a_text_is_generated_from_its_beginning(trained, prompt, capsys):
    folder, _ = trained
    options = {"length": 30, "prompt": prompt}
    run(model=folder / MODELS / "1", **GENERATE | options)
    output = capsys.readouterr()
    assert len(output.out) == 31
    assert output.err == ""


def test_line_ends_and_empty_lines_of_a_pipe_are_not_part_of_prompts(
    app, trained
):
    folder, _ = trained
    use = functools.partial(
        app, folder, f"--model={MODELS}/1", "--generate", "--interactive"
    )
    process = use("--length=9", stdin="\ufeffthe dog\r\n\r\nthe cat\n")
    assert process.returncode == 0, process.stderr
    assert "\r" not in process.stdout
    assert "vocabulary" not in process.stderr
    assert process.stdout.count("Prompt: ") == 4
    assert process.stdout.startswith("Prompt: the dog")


def test_a_diverged_run_is_a_one_line_error(tmp_path, monkeypatch):
    monkeypatch.chdir(with_book(tmp_path))
    with pytest.raises(ValueError, match="Reduce the learning rate") as error:
        run(**tiny_training("book.txt", learning_rate=1e5, clipnorm=1e9))
    assert len(str(error.value)) < 200
    assert not list(tmp_path.rglob("saved_model.pb"))


def test_prompts_are_read_from_the_terminal(app, trained):
    folder, _ = trained
    process = app(
        folder,
        f"--model={MODELS}/1",
        "--generate",
        "--interactive",
        "--num_samples=2",
        "--stop=.",
        stdin="the dog\n",
    )
    first, second, end = process.stdout.splitlines()
    assert first.startswith("Prompt: the dog")
    assert second.startswith("the dog")
    assert end == "Prompt: "


@pytest.mark.parametrize(
    ("content", "flags", "message"),
    [
        (b"", (), "book.txt is empty"),
        (b"x", ("--generate",), "Expected only one of --train, --generate"),
        (b"x", ("--model=none",), "--model has no effect with --train: it bel"),
        (b"x", ("--top_k=3",), "it belongs to --generate"),
        (b"x", ("--temperature=-1",), "not a non-negative number"),
        (b"x", ("--top_p=0",), "is not a number in the range"),
        (b"x", ("--length=0",), "is not an integer in the range"),
    ],
)
def test_invalid_flags_are_one_line_and_status_1(
    app, content, flags, message, tmp_path
):
    (tmp_path / "book.txt").write_bytes(content)
    process = app(tmp_path, "--train=book.txt", *flags)
    assert process.returncode == 1
    assert message in process.stderr
    assert "Traceback" not in process.stderr
    assert not (tmp_path / "saved_models").exists() or not list(
        (tmp_path / "saved_models").rglob("*.pb")
    )


def test_a_text_that_is_too_short_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "book.txt").write_bytes(b"too short " * 9)
    with pytest.raises(ValueError, match="At least 8,193 tokens are") as error:
        run(**tiny_training("book.txt", batch_size=64, bptt_steps=128))
    assert "\n" not in str(error.value)
    assert not list(tmp_path.rglob("*.pb"))


def test_a_network_that_does_not_fit_in_the_memory_is_refused(
    tmp_path, monkeypatch
):
    """Before anything of it is allocated."""
    monkeypatch.chdir(with_book(tmp_path))
    with pytest.raises(ValueError, match=r"The network is too large: .* GiB"):
        run(**tiny_training("book.txt", units=10_000, num_layers=100))
    assert not list(tmp_path.rglob("*.pb"))


def test_a_prompt_with_unknown_tokens_can_be_refused(trained):
    folder, _ = trained
    options = {"prompt": "€", "unknown": "refuse"}
    with pytest.raises(ValueError, match="not in the vocabulary"):
        run(model=folder / MODELS / "1", **GENERATE | options)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ("--generate", "--score=x"),
            "Expected only one of --generate, --score",
        ),
        (("--generate",), "--generate needs --model=FOLDER"),
        (("--score=x",), "--score needs --model=FOLDER"),
        (
            ("--generate", "--model=x", "--encoding=cp1252"),
            "--encoding has no effect without --interactive",
        ),
        (("--interactive",), "it belongs to --generate"),
        (
            ("--generate", "--model=x", "--epochs=3"),
            "--epochs has no effect with --generate: it belongs to --train",
        ),
        (
            ("--score=x", "--model=x", "--seed=3"),
            "--seed has no effect with --score: it belongs to --train and "
            "--generate",
        ),
        (
            ("--generate", "--model=x", "--interactive", "--prompt=x"),
            "--prompt has no effect with --interactive",
        ),
    ],
)
def test_flags_of_another_mode_are_refused(app, flags, message, tmp_path):
    process = app(tmp_path, *flags)
    assert process.returncode == 1
    assert message in process.stderr
    assert "Traceback" not in process.stderr
