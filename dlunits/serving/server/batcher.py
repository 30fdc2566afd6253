"""Dynamic batching: requests are joined into calls of models in threads."""

import asyncio
import concurrent.futures
import dataclasses
import itertools
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from dlunits.serving.server.errors import (
    OverloadedError,
    RequestError,
    TimedOutError,
)
from dlunits.serving.server.model_version import ModelVersion
from dlunits.typing import Array


@dataclasses.dataclass(eq=False)
class Call:
    """One request that waits for a thread, or is being processed in one."""

    arrays: Mapping[str, Array]
    rows: int
    future: asyncio.Future
    queued_at: float


class Batcher:
    """Calls models in threads and batches requests (dynamic batching).

    Threads keep the event loop free. While all threads are busy, requests wait.
    Waiting requests to the same signature of the same version, with examples of
    the same shape, are joined into one call of at most `max_batch` examples if
    the model card lists the signature under `batched`. With a `batch_wait`, a
    request waits that long for others even if a thread is free.

    Args:
        threads: Number of threads.
        max_batch: Largest number of examples that are joined. A single request
            may have more.
        batch_wait: Seconds that the first request of a batch waits for others.
        max_concurrency: Number of requests that may wait or run. A request that
            has timed out counts until its thread is done.
        timeout: Seconds after which a request ends with an error.

    Attributes:
        num_calls: Number of calls of models so far.
        num_joined: Number of requests that were answered by these calls.
    """

    def __init__(
        self,
        *,
        threads: int,
        max_batch: int,
        batch_wait: float,
        max_concurrency: int,
        timeout: float,
    ) -> None:
        self.max_batch = max_batch
        self.batch_wait = batch_wait
        self.max_concurrency = max_concurrency
        self.timeout = timeout
        self.num_requests = 0
        self.num_calls = 0
        self.num_joined = 0
        self._executor = concurrent.futures.ThreadPoolExecutor(
            threads, thread_name_prefix="predict"
        )
        # Without batching, one additional call waits in the queue of the
        # executor, so that its threads do not wait for the event loop.
        self._free_slots = threads + (max_batch == 1)
        self._waiting: dict[Hashable, list[Call]] = {}
        self._groups: dict[Hashable, tuple[ModelVersion, str]] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def predict(
        self,
        version: ModelVersion,
        signature_name: str,
        arrays: Mapping[str, Array],
    ) -> dict[str, Array]:
        """Calls a signature.

        Args:
            version: Version of a model.
            signature_name: Name of the signature.
            arrays: Inputs by name.

        Returns:
            Dict from the name of an output to its array.

        Raises:
            OverloadedError: If too many requests wait or run.
            TimedOutError: If the answer takes too long.
            RequestError: If the call of the model raises an error.
        """
        if self.num_requests >= self.max_concurrency:
            raise OverloadedError(
                f"The server processes at most {self.max_concurrency} requests "
                "at a time: try again later"
            )
        loop = asyncio.get_running_loop()
        rows = num_examples(version, signature_name, arrays)
        call = Call(arrays, rows or 1, loop.create_future(), loop.time())
        key: Hashable = call
        if rows:
            shapes = tuple(
                (name, array.shape[1:], array.dtype.str)
                for name, array in sorted(arrays.items())
            )
            key = (version, signature_name, shapes)
        self.num_requests += 1
        version.acquire()
        self._groups[key] = version, signature_name
        self._waiting.setdefault(key, []).append(call)
        self._dispatch()
        timer = loop.call_later(self.timeout, self._give_up, call)
        try:
            return await call.future
        finally:
            timer.cancel()
            calls = self._waiting.get(key, [])
            if call in calls:  # no thread has it
                calls.remove(call)
                self._forget_if_empty(key)
                self._release(version)

    def close(self) -> None:
        """Stops the threads."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _give_up(self, call: Call) -> None:
        """Ends a request that takes too long with an error."""
        if not call.future.done():
            call.future.set_exception(
                TimedOutError(f"No answer within {self.timeout:g} seconds")
            )

    def _dispatch(self) -> None:
        """Starts calls while a thread is free."""
        loop = asyncio.get_running_loop()
        for key in list(self._waiting):
            if not self._free_slots:
                return
            calls = self._waiting[key]
            due = calls[0].queued_at + self.batch_wait
            total = sum(call.rows for call in calls)
            if key is calls[0] or total >= self.max_batch or due <= loop.time():
                self._start(key)
            elif self._timer is None or self._timer.when() > due:
                if self._timer:
                    self._timer.cancel()
                self._timer = loop.call_at(due, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._dispatch()

    def _start(self, key: Hashable) -> None:
        """Submits the first calls of a group to a thread."""
        calls, rows = self._waiting[key], 0
        batch: list[Call] = []
        while calls and (not batch or rows + calls[0].rows <= self.max_batch):
            rows += calls[0].rows
            batch.append(calls.pop(0))
        version, signature_name = self._groups[key]
        self._forget_if_empty(key)
        self._free_slots -= 1
        self.num_calls += 1
        self.num_joined += len(batch)
        loop = asyncio.get_running_loop()

        def call_on_done(done: concurrent.futures.Future) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._on_done, version, batch, done)

        self._executor.submit(
            call_together,
            version,
            signature_name,
            [call.arrays for call in batch],
        ).add_done_callback(call_on_done)

    def _on_done(
        self,
        version: ModelVersion,
        batch: list[Call],
        done: concurrent.futures.Future,
    ) -> None:
        """Returns results to their requests, and starts waiting calls."""
        self._free_slots += 1
        if done.cancelled():
            stopping = RequestError("The server is shutting down")
            results: list[Any] = [stopping] * len(batch)
        elif error := done.exception():
            results = [error] * len(batch)
        else:
            results = done.result()
        for call, result in zip(batch, results, strict=True):
            self._release(version)
            if call.future.done():  # timed out
                continue
            if isinstance(result, BaseException):
                call.future.set_exception(result)
            else:
                call.future.set_result(result)
        self._dispatch()

    def _forget_if_empty(self, key: Hashable) -> None:
        if not self._waiting[key]:
            del self._waiting[key], self._groups[key]

    def _release(self, version: ModelVersion) -> None:
        self.num_requests -= 1
        version.release()


def num_examples(
    version: ModelVersion, signature_name: str, arrays: Mapping[str, Array]
) -> int:
    """Number of examples of a request that may be joined with others, else 0.

    The first axis of all inputs must be that of the examples. Inputs of unknown
    rank are images, see `dlunits.serving.image_requests`: they have this axis
    if they have three axes or more.
    """
    if signature_name not in version.batched:
        return 0
    lengths = set()
    for name, spec in version.inputs(signature_name).items():
        shape, array = spec.shape, arrays[name]
        if shape.rank is None:
            has_batch_axis = array.ndim >= 3
        else:
            has_batch_axis = bool(shape.rank) and shape[0] is None
        lengths.add(len(array) if has_batch_axis else 0)
    return lengths.pop() if len(lengths) == 1 else 0


def call_together(
    version: ModelVersion,
    signature_name: str,
    requests: list[Mapping[str, Array]],
) -> list[dict[str, Array] | RequestError]:
    """Processes several requests with one call of the model.

    If the call fails, or does not return one output for each example, each
    request is processed by a separate call.

    Args:
        version: Version of a model.
        signature_name: Name of the signature.
        requests: Inputs by name of each request.

    Returns:
        List with the outputs by name, or the error, of each request.
    """
    if len(requests) > 1:
        joined = {
            name: np.concatenate([arrays[name] for arrays in requests])
            for name in requests[0]
        }
        lengths = [len(next(iter(arrays.values()))) for arrays in requests]
        bounds = np.cumsum([0, *lengths])
        try:
            outputs = version.call(signature_name, joined)
        except RequestError:
            outputs = {}
        if outputs and all(
            array.ndim and len(array) == bounds[-1]
            for array in outputs.values()
        ):
            return [
                {name: array[start:end] for name, array in outputs.items()}
                for start, end in itertools.pairwise(bounds)
            ]
    results: list[dict[str, Array] | RequestError] = []
    for arrays in requests:
        try:
            results.append(version.call(signature_name, arrays))
        except RequestError as error:
            results.append(error)
    return results
