"""Endpoints of an exported generator, also in a process without dlunits."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest

from dlunits.data.images import image_datasets
from dlunits.models import convolutional_gan
from dlunits.tasks.gan.generate import load_generator
from dlunits.tasks.gan.serve import export_gan


@pytest.fixture(scope="module", params=[None, 10], ids=["plain", "classes"])
def exported(request, tmp_path_factory):
    model = convolutional_gan(
        (8, 8, 1), 3, num_classes=request.param, filters=(4, 2)
    )
    version = export_gan(
        model,
        tmp_path_factory.mktemp("models") / "gan",
        data=image_datasets.load("digits"),
        metrics={"frechet": 1.0},
        command="test",
    )
    return model, version


def test_the_same_seed_gives_the_same_images(exported):
    _, version = exported
    generate = load_generator(version)
    first = generate(5, 3)
    assert first.shape == (5, 8, 8, 1)
    np.testing.assert_array_equal(first, generate(5, 3))
    assert not np.array_equal(first, generate(5, 4))


def test_the_first_images_do_not_depend_on_the_count(exported):
    _, version = exported
    generate = load_generator(version)
    many = generate(150, 7)  # three batches
    assert len(many) == 150
    np.testing.assert_allclose(many[:70], generate(70, 7), atol=1e-6)
    assert len(np.unique(many.reshape(150, -1).round(5), axis=0)) > 140


def test_the_label_selects_the_class(exported):
    model, version = exported
    if model.num_classes is None:
        pytest.skip("It has no classes.")
    generate = load_generator(version)
    in_turn, threes = generate(13, 1), generate(13, 1, 3)
    np.testing.assert_allclose(in_turn[[3]], threes[[3]], atol=1e-6)
    assert not np.allclose(in_turn[4], threes[4], atol=1e-6)


@pytest.mark.parametrize("count", [0, -1, 10_001])
def test_counts_out_of_range_are_refused(exported, count):
    with pytest.raises(ValueError, match="is out of range"):
        load_generator(exported[1])(count, 0)


def test_a_process_without_dlunits_generates_the_same(exported, tmp_path):
    _, version = exported
    script = textwrap.dedent(
        f"""
        import sys, numpy, tensorflow as tf
        loaded = tf.saved_model.load({str(version)!r})
        request = {{"count": tf.constant(4), "seed": tf.constant(9, tf.int64)}}
        if {exported[0].num_classes is not None}:
            request["label"] = tf.constant(-1)
        images = loaded.signatures["generate"](**request)["images"]
        assert "dlunits" not in sys.modules
        numpy.save({str(tmp_path / "images.npy")!r}, images.numpy())
        """
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=300)
    found = np.load(tmp_path / "images.npy")
    np.testing.assert_array_equal(found, load_generator(version)(4, 9))
