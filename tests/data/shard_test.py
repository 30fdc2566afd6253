"""Parts of batches that several processes train on."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from dlunits.data.batches import training_batches
from dlunits.data.images.augmentation import RandomAffine, pad_to_32x32
from dlunits.data.images.corruption import (
    denoising_batches,
    gaussian_noise,
    masking_noise,
    salt_and_pepper_noise,
)
from dlunits.data.images.crop_augmentation import RandomCrop
from dlunits.data.images.handwriting_augmentation import RandomHandwriting
from dlunits.data.shard import Shard
from dlunits.data.text.text_streams import (
    evaluation_segments,
    training_segments,
)
from dlunits.tasks.digits.train_sequence_classifier import augment_rows

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 28, 28, 1), "uint8")
LABELS = np.arange(40)
STEPS = {"seed": 3, "first_step": 4, "last_step": 9}
HANDWRITING = RandomHandwriting()


def images(prepare, **options):
    return functools.partial(
        training_batches,
        IMAGES,
        LABELS,
        batch_size=12,
        prepare=prepare,
        **STEPS,
        **options,
    )


def noisy(corrupt):
    return functools.partial(
        denoising_batches,
        IMAGES,
        corrupt,
        batch_size=12,
        prepare=lambda batch: tf.cast(batch, tf.float32) / 255,
        **STEPS,
    )


TOKENS = np.arange(500)
DATA = {
    "affine": images(RandomAffine()),
    "rows": images(augment_rows()),
    "crops": images(RandomCrop(20, 24, color_shift=np.eye(3))),
    "without random numbers": images(lambda batch, _: pad_to_32x32(batch)),
    # Its outliers are made of several images of the batch.
    "handwriting": images(
        HANDWRITING,
        relabel=functools.partial(HANDWRITING.label_outliers, label=10),
    ),
    "gaussian": noisy(gaussian_noise(0.5)),
    "masking": noisy(masking_noise(0.3)),
    "salt and pepper": noisy(salt_and_pepper_noise(0.3)),
    "text": functools.partial(
        training_segments,
        TOKENS,
        num_streams=12,
        segment_length=5,
        first_step=4,
        last_step=9,
    ),
    "validation text": functools.partial(
        evaluation_segments, TOKENS, num_streams=12, segment_length=5
    ),
}


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("count", [2, 3])
def test_the_parts_make_up_the_batch_of_one_process(name, count):
    whole = list(DATA[name]())
    parts = [list(DATA[name](shard=Shard(k, count))) for k in range(count)]
    assert len(whole) == len(parts[0]) > 1
    for step, expected in enumerate(whole):
        for number, array in enumerate(expected):
            found = [part[step][number] for part in parts]
            assert {len(rows) for rows in found} == {12 // count}
            # Cosines of 6 and of 12 numbers differ in the last bit.
            np.testing.assert_allclose(np.concatenate(found), array, atol=2e-5)


def test_batches_are_divided_among_devices_of_all_processes():
    shard = Shard(1, count=2, num_devices=3)
    assert shard.rows(12) == (6, 12)
    with pytest.raises(
        ValueError, match=r"multiple .*: 16 for 6 devices; choose 12 or 18"
    ):
        shard.rows(16)
    with pytest.raises(ValueError, match="5 for 6 devices; choose 6 or 6"):
        shard.rows(5)


def test_a_batch_that_cannot_be_divided_is_refused():
    for name in ("affine", "masking", "text", "validation text"):
        with pytest.raises(ValueError, match="12 for 5 devices"):
            DATA[name](shard=Shard(0, count=5))
