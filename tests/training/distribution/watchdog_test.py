"""The timer that ends a process without progress."""

import time

import keras
import numpy as np

from dlunits.training.distribution import Watchdog
from tests.training.distribution.shared_run import SlowSteps


def fit(seconds_per_step, watchdog):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.ones((6, 1))
    model.fit(x, x, batch_size=1, verbose=0)  # compiles
    model.fit(
        x,
        x,
        batch_size=1,
        verbose=0,
        callbacks=[watchdog, SlowSteps(seconds_per_step)],
    )


def test_the_total_time_of_steps_in_time_is_not_limited():
    messages = []
    fit(0.3, Watchdog(1.5, messages.append))  # 6 steps of 0.3 s
    time.sleep(1.6)  # it has ended with the training
    assert messages == []


def test_a_step_that_does_not_end_is_reported_once_and_in_time():
    messages, started = [], time.monotonic()
    watchdog = Watchdog(
        0.5, lambda message: messages.append((message, time.monotonic()))
    )
    watchdog.on_train_begin()
    watchdog.on_train_batch_end(0)
    time.sleep(1.2)
    [(message, when)] = messages
    assert 0.5 <= when - started < 0.9
    assert message.startswith("no step ended for 0.5 s: a process of the job")
