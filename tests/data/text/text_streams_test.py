"""Segments of streams compared with slices of the text."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlunits.data.text.text_streams import (
    evaluation_segments,
    segments_per_epoch,
    training_segments,
)


def test_streams_are_continuous_and_the_target_is_the_next_token():
    tokens = np.arange(103)
    segments = segments_per_epoch(len(tokens), 4, 6)
    assert segments == 4  # 102 // 4 // 6
    batches = list(
        training_segments(
            tokens,
            num_streams=4,
            segment_length=6,
            first_step=0,
            last_step=2 * segments,
        )
    )
    for x, y in batches:
        np.testing.assert_array_equal(x + 1, y)
    for k in range(segments - 1):
        ends, begins = batches[k][1][:, -1], batches[k + 1][0][:, 0]
        np.testing.assert_array_equal(ends, begins)
    for first, again in zip(batches[:4], batches[4:], strict=True):
        np.testing.assert_array_equal(first[0], again[0])
    # Streams begin at 0, 25, 51 and 76 of 102 tokens with a next token.
    np.testing.assert_array_equal(batches[0][0][:, 0], [0, 25, 51, 76])


def test_a_batch_depends_only_on_its_step():
    options = {"num_streams": 3, "segment_length": 5, "last_step": 9}
    tokens = np.random.default_rng(0).integers(0, 9, 100)
    whole = list(training_segments(tokens, first_step=0, **options))
    resumed = list(training_segments(tokens, first_step=6, **options))
    for one, other in zip(whole[6:], resumed, strict=True):
        np.testing.assert_array_equal(one, other)


@settings(deadline=None, max_examples=25)
@given(
    num_tokens=st.integers(2, 60),
    num_streams=st.integers(1, 5),
    segment_length=st.integers(1, 9),
)
def test_an_evaluation_predicts_every_token_once(
    num_tokens, num_streams, segment_length
):
    tokens = np.arange(num_tokens)
    if num_tokens < num_streams + 1:
        with pytest.raises(ValueError, match="are required to predict"):
            evaluation_segments(tokens, num_streams=num_streams)
        return
    predicted = []
    for x, y, weights in evaluation_segments(
        tokens, num_streams=num_streams, segment_length=segment_length
    ):
        inside = weights.numpy() == 1
        np.testing.assert_array_equal(x[inside] + 1, y[inside])
        predicted += y[inside].numpy().tolist()
    assert sorted(predicted) == list(range(1, num_tokens))


def test_a_text_too_short_for_one_segment_is_refused():
    with pytest.raises(ValueError, match=r"At least 13 tokens .* Received: 12"):
        segments_per_epoch(12, num_streams=3, segment_length=4)
