"""States and gradient norms on two devices of `MirroredStrategy`."""

import os
import subprocess
import sys
import textwrap

from dlunits.training.distribution.replicas import replica_context


def test_one_device_has_no_context():
    assert replica_context() is None


def test_two_devices_carry_states_and_clip_as_one_does(project, tmp_path):
    script = textwrap.dedent(
        """
        import keras
        import numpy as np
        import tensorflow as tf

        from dlunits.data.text.text_streams import training_segments
        from dlunits.models import RecurrentLanguageModel
        from dlunits.training import ClippedAdam, GradientNorm, TruncatedBPTT

        [cpu] = tf.config.list_physical_devices("CPU")
        logical = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(cpu, logical)
        tokens = np.random.default_rng(0).integers(0, 5, 201)

        def trained(strategy):
            keras.utils.set_random_seed(0)
            with strategy.scope():
                model = TruncatedBPTT(
                    RecurrentLanguageModel(5, "lstm", units=4), 4, 3
                )
                model.compile(
                    # Nearly every gradient is clipped.
                    ClippedAdam(0.01, global_clipnorm=0.05),
                    keras.losses.SparseCategoricalCrossentropy(True),
                )
                segments = training_segments(
                    tokens,
                    num_streams=4,
                    segment_length=5,
                    first_step=0,
                    last_step=8,
                )
                logs = model.fit(
                    segments, verbose=0, callbacks=[GradientNorm()]
                ).history
            return model.get_weights(), logs

        weights, logs = trained(tf.distribute.get_strategy())
        devices = ["cpu:0", "cpu:1"]
        others, other_logs = trained(tf.distribute.MirroredStrategy(devices))
        assert logs["clipped_fraction"][0] > 0.5, logs
        for name, values in logs.items():
            np.testing.assert_allclose(other_logs[name], values, rtol=1e-4)
        for found, expected in zip(others, weights, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)
        print("the same")
        """
    )
    path = tmp_path / "two_devices.py"
    path.write_text(script)
    run = subprocess.run(
        [sys.executable, path],
        capture_output=True,
        text=True,
        timeout=600,
        env={
            **os.environ,
            "KERAS_BACKEND": "tensorflow",
            "PYTHONPATH": str(project),
        },
    )
    assert run.stdout.endswith("the same\n"), run.stderr[-2000:]
