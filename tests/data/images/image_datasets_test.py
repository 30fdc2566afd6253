"""Image data sets: three disjoint splits and their sources."""

import dataclasses
import io
import json
import os
import socket
import struct
import subprocess
import sys
import types

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dlunits.data.images.image_datasets import (
    TEST_FRACTION,
    load,
    stratified_sample,
    stratified_split,
    to_mnist_format,
)

# How often each digit occurs, as published with MNIST.
TRAIN_COUNTS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
TEST_COUNTS = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@pytest.fixture(scope="module")
def mnist(shared_data):
    return load("mnist", data_dir=shared_data / "tfds")


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """No prepared data, and a closed port as the proxy."""
    for name, value in offline_environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def offline_environment(folder):
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = f"http://127.0.0.1:{server.getsockname()[1]}"
    return {
        "HOME": str(folder),
        "TFDS_DATA_DIR": str(folder),
        **dict.fromkeys(
            ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), closed
        ),
    }


def parts(digits):
    return digits.train, digits.validation, digits.test


def records_np(path):
    """(PNG, label) of each record, read from the bytes without tf.data."""
    from tensorflow.train import Example

    content, start = path.read_bytes(), 0
    while start < len(content):
        (length,) = struct.unpack_from("<Q", content, start)
        data = content[start + 12 : start + 12 + length]
        feature = Example.FromString(data).features.feature
        yield (
            feature["image"].bytes_list.value[0],
            feature["label"].int64_list.value[0],
        )
        start += 12 + length + 4  # length, checksum, data, checksum


def png_np(png):
    return np.asarray(Image.open(io.BytesIO(png)))[..., None]


def test_mnist_is_complete_with_the_documented_shapes(mnist):
    for (images, labels), n in zip(
        parts(mnist), (55_000, 5_000, 10_000), strict=True
    ):
        assert images.shape == (n, 28, 28, 1)
        assert images.dtype == "uint8"
        assert labels.shape == (n,)
        assert labels.dtype == "int32"
    assert mnist.class_names == tuple("0123456789")
    train = np.bincount(mnist.train[1]) + np.bincount(mnist.validation[1])
    assert train.tolist() == TRAIN_COUNTS
    assert np.bincount(mnist.test[1]).tolist() == TEST_COUNTS


def test_the_test_split_keeps_its_published_order(mnist, shared_data):
    (path,) = (shared_data / "tfds/mnist/3.0.1").glob("*test.tfrecord*")
    pngs, labels = zip(*records_np(path), strict=True)

    np.testing.assert_array_equal(mnist.test[1], labels)
    for i in range(0, 10_000, 50):
        np.testing.assert_array_equal(mnist.test[0][i], png_np(pngs[i]))


def test_train_and_validation_partition_the_training_split(mnist, shared_data):
    (path,) = (shared_data / "tfds/mnist/3.0.1").glob("*train.tfrecord*")
    pngs, labels = zip(*records_np(path), strict=True)
    order = np.arange(60_000)
    (train, _), (validation, _) = stratified_split(
        order, np.array(labels), 1 / 12, [0, 1], mnist.class_names
    )

    np.testing.assert_array_equal(
        np.sort(np.concatenate([train, validation])), order
    )
    for indices, (images, _) in (
        (train, mnist.train),
        (
            validation,
            mnist.validation,
        ),
    ):
        for row in range(0, len(indices), 100):
            np.testing.assert_array_equal(
                images[row], png_np(pngs[indices[row]])
            )


def test_a_twelfth_of_each_class_is_for_validation(mnist):
    given_up = np.bincount(mnist.validation[1])
    assert given_up.sum() == 60_000 / 12
    # Rounding a share, and the sum of shares, moves it by less than one.
    assert np.all(abs(given_up - np.array(TRAIN_COUNTS) / 12) < 1)


def test_the_source_contains_the_folder(mnist, shared_data):
    folder = shared_data / "tfds/mnist/3.0.1"
    assert mnist.source == f"MNIST, prepared by TFDS in {folder}."


def test_auto_uses_a_prepared_mnist(offline, shared_data, mnist):
    digits = load(data_dir=shared_data / "tfds")

    assert digits.name == "mnist"
    assert digits.source.startswith(mnist.source[:-1])
    assert digits.source.endswith("(automatic choice: it was found there).")
    np.testing.assert_array_equal(digits.train[1], mnist.train[1])


def test_fashion_mnist_has_as_many_of_each_class(shared_data):
    digits = load("fashion_mnist", data_dir=shared_data / "tfds")

    # Published: 6,000 and 1,000 of each of the ten classes.
    assert np.bincount(digits.test[1]).tolist() == [1000] * 10
    assert np.bincount(digits.validation[1]).tolist() == [500] * 10
    assert np.bincount(digits.train[1]).tolist() == [5500] * 10
    assert digits.class_names[::9] == ("T-shirt/top", "Ankle boot")


def test_auto_falls_back_to_the_embedded_digits_within_seconds(tmp_path):
    """In a new process without prepared data and network."""
    program = (
        "import json, sys, time\n"
        "start = time.monotonic()\n"
        "from dlunits.data.images.image_datasets import load\n"
        "digits = load()\n"
        "print(json.dumps([digits.name, digits.source, len(digits.test[1]),\n"
        "    time.monotonic() - start,\n"
        "    'tensorflow_datasets' in sys.modules]))\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", program],
        env={"PATH": os.environ["PATH"], **offline_environment(tmp_path)},
        cwd=os.path.curdir,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    name, source, num_test, seconds, tfds_loaded = json.loads(process.stdout)
    assert name == "digits"
    assert source == (
        "scikit-learn's 1,797 handwritten digits of 8x8, resized to 28x28, "
        f"because MNIST is not prepared in {tmp_path}, "
        f"{tmp_path}/tensorflow_datasets, and storage.googleapis.com could "
        "not be reached (ProxyError)."
    )
    assert num_test == 300
    # Most of it imports Keras and scikit-learn; TFDS would wait for 204. The
    # bound leaves room for a machine that is busy.
    assert seconds < 40
    assert not tfds_loaded
    assert "Traceback" not in process.stderr


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_a_named_dataset_is_never_replaced(offline, name):
    with pytest.raises(
        OSError, match=r"is not prepared in .* could not be"
    ) as e:
        load(name)
    assert "use the data set 'digits'" in str(e.value)
    assert "\n" not in str(e.value)


def test_auto_does_not_hide_a_damaged_mnist(offline):
    (offline / "mnist/3.0.1").mkdir(parents=True)
    with pytest.raises(OSError, match=r"mnist/3\.0\.1 cannot be read"):
        load()


def test_splits_of_the_embedded_digits_are_disjoint():
    from sklearn.datasets import load_digits

    digits = load("digits")
    images, labels = load_digits(return_X_y=True)
    images = to_mnist_format(images.reshape(-1, 8, 8))

    together = np.concatenate([part[0] for part in parts(digits)])
    assert sorted(map(bytes, together)) == sorted(map(bytes, images))
    assert digits.name == "digits"
    assert sum(np.bincount(part[1]) for part in parts(digits)).tolist() == (
        np.bincount(labels).tolist()
    )
    for _, part in parts(digits):
        share = np.bincount(part) / np.bincount(labels)
        np.testing.assert_allclose(share, len(part) / 1797, atol=2 / 170)


def test_the_splits_depend_on_the_seed():
    one, again, other = load("digits"), load("digits"), load("digits", seed=1)

    for part in ("train", "validation", "test"):
        labels = getattr(one, part)[1]
        np.testing.assert_array_equal(
            getattr(again, part)[0], getattr(one, part)[0]
        )
        np.testing.assert_array_equal(getattr(again, part)[1], labels)
        assert np.any(getattr(other, part)[0] != getattr(one, part)[0])


def test_embedded_digits_have_the_foreground_of_mnist(mnist):
    embedded, published = load("digits").train[0], mnist.test[0]

    def ink(images):
        return np.array([images.mean() / 255, (images > 127).mean()])

    # Mean ink, and the share of pixels that are more than half ink.
    np.testing.assert_allclose(ink(embedded), ink(published), atol=0.01)
    grid = np.arange(28) + 0.5
    for axes in (1, 3), (2, 3):
        profile = embedded.sum(axes, dtype="float64")
        centers = profile @ grid / profile.sum(axis=1)
        # Whole pixels: half a pixel off, as MNIST is.
        assert abs(centers - 14).max() <= 0.51


def test_a_blank_digit_stays_blank():
    assert not to_mnist_format(np.zeros((1, 8, 8))).any()


@given(
    labels=st.lists(st.integers(0, 3), min_size=1, max_size=80),
    fraction=st.floats(0.01, 0.99),
    seed=st.integers(0, 5),
)
def test_stratified_splits_are_partitions(labels, fraction, seed):
    labels = np.array(labels)
    counts = np.bincount(labels, minlength=4)
    order = np.arange(len(labels))
    try:
        (kept, kept_labels), (held, held_labels) = stratified_split(
            order, labels, fraction, seed, "abcd"
        )
    except ValueError:
        # A class of one image cannot be split, nor one of which less than one
        # image would be kept.
        assert np.any((counts < 2) | (counts * (1 - fraction) < 1))
        return
    assert sorted([*kept, *held]) == list(order)
    assert list(kept) == sorted(kept)
    assert list(held) == sorted(held)
    np.testing.assert_array_equal(labels[kept], kept_labels)
    np.testing.assert_array_equal(labels[held], held_labels)
    shares = np.bincount(held_labels, minlength=4)
    assert np.all(shares >= 1)
    assert np.all(np.bincount(kept_labels, minlength=4) >= 1)
    assert np.all(abs(shares - np.maximum(counts * fraction, 1)) <= 1)


def image_folder(folder, counts):
    """Folder with one class per gray value."""
    for gray, count in enumerate(counts):
        (folder / f"class {gray}").mkdir(parents=True)
        for i in range(count):
            image = Image.new("L", (28, 28), 10 * gray)
            image.putpixel((0, i), 255)
            image.save(folder / f"class {gray}" / f"{i}.png")
    return folder


def test_a_folder_of_images_is_loaded_with_three_splits(tmp_path):
    folder = image_folder(tmp_path / "shapes", [12, 24])

    digits = load(folder)

    assert digits.name == "shapes"
    assert digits.class_names == ("class 0", "class 1")
    assert digits.source == (
        f"36 images of 2 classes in {folder}, as gray 28x28."
    )
    # 12 and 24: a sixth to the test, then a twelfth of 10 and 20 (1 and 2,
    # rounded so that they sum to 30 / 12 = 2.5, which rounds to 2).
    assert np.bincount(digits.test[1]).tolist() == [12 / 6, 24 / 6]
    assert np.bincount(digits.validation[1]).tolist() == [1, 1]
    assert TEST_FRACTION == 1 / 6
    for images, labels in parts(digits):
        np.testing.assert_array_equal(images[:, 27, 27, 0], 10 * labels)
    together = np.concatenate([part[0] for part in parts(digits)])
    assert len(set(map(bytes, together))) == 36


def test_a_path_may_be_a_string_relative_to_home(offline):
    image_folder(offline / "shapes", [3, 3])

    assert [len(labels) for _, labels in parts(load("~/shapes"))] == [2, 2, 2]


def test_a_class_with_too_few_images_is_refused(tmp_path):
    folder = image_folder(tmp_path, [12, 2])

    with pytest.raises(
        ValueError,
        match=r"training, validation and test\. .* 1 of class 'class 1'",
    ):
        load(folder)


def test_an_unknown_name_is_refused_with_a_list_of_names(tmp_path):
    (tmp_path / "file").write_text("")
    for dataset in ("mnits", "", str(tmp_path / "file")):
        with pytest.raises(
            ValueError,
            match="auto, mnist, fashion_mnist, digits, or the path of a folder"
            f".*Received: dataset='{dataset}'",
        ):
            load(dataset)


def test_a_missing_data_dir_is_refused(tmp_path):
    for dataset in ("auto", "mnist"):
        with pytest.raises(FileNotFoundError, match=r"Received: \S*/nowhere"):
            load(dataset, data_dir=tmp_path / "nowhere")


@pytest.mark.parametrize("fraction", [0, 1, -0.1, float("nan")])
def test_validation_fractions_out_of_range_are_refused(fraction):
    with pytest.raises(ValueError, match=r"validation_fraction=(0|1|-0|nan)"):
        load("digits", validation_fraction=fraction)


def test_a_negative_seed_is_refused():
    with pytest.raises(ValueError, match="seed=-1"):
        load("digits", seed=-1)


def test_the_fingerprint_changes_with_any_pixel_label_or_split():
    digits = load("digits")
    assert digits.fingerprint == load("digits").fingerprint
    assert digits.fingerprint != load("digits", seed=1).fingerprint

    images, labels = digits.train
    brighter, renamed = images.copy(), labels.copy()
    brighter[0, 0, 0, 0] += 1
    renamed[0] += 1
    for train in [(brighter, labels), (images, renamed)]:
        other = dataclasses.replace(digits, train=train)
        assert other.fingerprint != digits.fingerprint


def test_only_digits_like_mnist_count_as_handwriting(tmp_path):
    assert load("digits").handwriting
    for name in ("digits", "other"):
        for image in range(6):
            path = tmp_path / name / f"class {image % 2}" / f"{image}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (28, 28), image).save(path)
        assert not load(str(tmp_path / name)).handwriting


@pytest.fixture(scope="module")
def embedded():
    return load("digits")


def test_a_stratified_sample_has_the_requested_size_and_all_classes(embedded):
    images, labels = stratified_sample(embedded, 100, seed=0)
    assert len(images) == len(labels) == 100
    assert set(np.bincount(labels)) <= {9, 10, 11}  # a tenth of each
    assert images.dtype == np.float32
    assert 0 <= images.min() < images.max() == 1
    train = {image.tobytes() for image in embedded.train[0]}
    for image in np.round(255 * images).astype("uint8"):
        assert image.tobytes() in train


def test_a_stratified_sample_depends_on_the_seed(embedded):
    one, same, other = (
        stratified_sample(embedded, 50, seed)[0] for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("number", [20, 60, 109])
def test_a_rare_class_is_sampled_completely(number):
    labels = np.repeat([0, 1, 2], [50, 55, 5])
    images = np.arange(110, dtype="uint8").reshape(-1, 1, 1, 1)
    few = types.SimpleNamespace(train=(images, labels))

    _, drawn = stratified_sample(few, number, seed=0)

    # Shares of 5 / 11, a half and 1 / 22, one image up or down.
    expected = number * np.array([50, 55, 5]) / 110
    assert len(drawn) == number
    assert (abs(np.bincount(drawn, minlength=3) - expected) <= 1).all()
    assert 2 in drawn
