"""Batching of requests, limits and threads."""

import asyncio
import threading

import numpy as np
import pytest
import tensorflow as tf

from dlunits.serving.server.batcher import Batcher
from dlunits.serving.server.errors import (
    InvalidRequestError,
    OverloadedError,
    TimedOutError,
)


class Version:
    """Version whose calls are recorded, and wait until `go` is set."""

    def __init__(self, batched=("double",), spec=(None, 1), per_row=True):
        self.batched = set(batched)
        self.spec = tf.TensorSpec(spec)
        self.per_row = per_row
        self.calls = []
        self.held = 0
        self.go = threading.Event()

    def inputs(self, signature_name):
        return {"x": self.spec}

    def acquire(self):
        self.held += 1

    def release(self):
        self.held -= 1

    def call(self, signature_name, arrays):
        assert self.go.wait(20)
        x = arrays["x"]
        self.calls.append(len(x))
        if (x < 0).any():
            raise InvalidRequestError("negative")
        return {"y": 2 * x if self.per_row else x.sum()[None]}


def batcher(**options):
    defaults = {
        "threads": 1,
        "max_batch": 8,
        "batch_wait": 0.0,
        "max_concurrency": 100,
        "timeout": 20.0,
    }
    return Batcher(**{**defaults, **options})


def answers(batcher, version, values, before_go=lambda: None):
    """Outputs, or errors, of one request for each list of values."""

    async def ask():
        tasks = [
            asyncio.create_task(
                batcher.predict(
                    version, "double", {"x": np.array(v, float)[:, None]}
                )
            )
            for v in values
        ]
        await asyncio.sleep(0.05)
        before_go()
        version.go.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        batcher.close()
        return found

    found = asyncio.run(ask())
    assert version.held == 0
    assert batcher.num_requests == 0
    return [
        item if isinstance(item, Exception) else item["y"].ravel().tolist()
        for item in found
    ]


def test_requests_that_wait_for_a_thread_are_joined():
    version, server = Version(), batcher()
    values = [[1], [2], [3, 4], [5], [6], [7], [8], [9, 10]]
    found = answers(server, version, values)
    assert found == [[2 * x for x in row] for row in values]
    # The first one has the thread; then at most 8 examples at a time.
    assert version.calls == [1, 7, 2]
    assert (server.num_calls, server.num_joined) == (3, 8)


def test_a_request_waits_for_others_for_the_batch_wait():
    version, server = Version(), batcher(batch_wait=0.2, threads=2)
    version.go.set()
    assert answers(server, version, [[1], [2], [3]]) == [[2], [4], [6]]
    assert version.calls == [3]


def test_a_full_batch_does_not_wait():
    version = Version()
    server = batcher(batch_wait=15.0, max_batch=2, timeout=5.0)
    version.go.set()
    assert answers(server, version, [[1], [2]]) == [[2], [4]]


def test_a_large_request_is_answered_alone():
    version, server = Version(), batcher(max_batch=2)
    found = answers(server, version, [[1], [2, 3, 4], [5]])
    assert found == [[2], [4, 6, 8], [10]]
    assert version.calls == [1, 3, 1]


@pytest.mark.parametrize(
    "version",
    [
        Version(batched=()),
        Version(spec=()),
        Version(spec=(1, 1)),
        Version(spec=None),
    ],
    ids=["not in the card", "scalar", "no batch axis", "one image"],
)
def test_others_are_not_joined(version):
    assert answers(batcher(), version, [[1], [2], [3]]) == [[2], [4], [6]]
    assert version.calls == [1, 1, 1]


def test_shapes_that_differ_are_not_joined():
    version, server = Version(spec=None), batcher()

    async def ask():
        tasks = [
            asyncio.create_task(
                server.predict(version, "double", {"x": np.ones((1, *shape))})
            )
            for shape in ((2, 2), (2, 2), (3, 3), (2, 2))
        ]
        await asyncio.sleep(0.05)
        version.go.set()
        return [output["y"].shape for output in await asyncio.gather(*tasks)]

    shapes = asyncio.run(ask())
    assert shapes == [(1, 2, 2), (1, 2, 2), (1, 3, 3), (1, 2, 2)]
    assert sorted(version.calls) == [1, 1, 2]


def test_an_error_is_that_of_its_request_only():
    version = Version()
    found = answers(batcher(), version, [[1], [2], [-3], [4]])
    assert found[:2] + found[3:] == [[2], [4], [8]]
    assert isinstance(found[2], InvalidRequestError)


def test_outputs_that_are_not_of_the_examples_are_not_split():
    version = Version(per_row=False)
    found = answers(batcher(), version, [[1], [2], [3, 4]])
    assert found == [[1], [2], [7]]


def test_more_requests_than_the_limit_are_refused_at_once():
    version, server = Version(), batcher(max_concurrency=3)
    found = answers(server, version, [[1], [2], [3], [4], [5]])
    assert found[:3] == [[2], [4], [6]]
    for error in found[3:]:
        assert isinstance(error, OverloadedError)
        assert error.status == 503


def test_requests_end_in_time_and_count_until_their_thread_is_done():
    version, server = Version(), batcher(timeout=0.1, max_concurrency=2)

    async def ask():
        async def predict():
            await server.predict(version, "double", {"x": np.ones((1, 1))})

        found = await asyncio.gather(
            predict(), predict(), return_exceptions=True
        )
        assert [type(error) for error in found] == [TimedOutError] * 2
        # The first is in a thread, the second was still waiting.
        assert (server.num_requests, version.held) == (1, 1)
        version.go.set()
        while server.num_requests:
            await asyncio.sleep(0.01)
        await predict()

    asyncio.run(asyncio.wait_for(ask(), 20))
    assert version.calls == [1, 1]
    assert version.held == 0


def test_the_event_loop_is_free_while_a_model_computes():
    version, server = Version(), batcher()
    beats = []

    async def ask():
        task = asyncio.create_task(
            server.predict(version, "double", {"x": np.ones((1, 1))})
        )
        for _ in range(5):
            await asyncio.sleep(0.01)
            beats.append(task.done())
        version.go.set()
        await task

    asyncio.run(asyncio.wait_for(ask(), 20))
    assert beats == [False] * 5
