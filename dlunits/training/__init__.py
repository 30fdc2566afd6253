"""Training machinery: run directory, checkpoints, schedules, truncated BPTT."""

from dlunits.training.gradient_norm import ClippedAdam, GradientNorm
from dlunits.training.pretraining import fine_tune, pretrain_layerwise
from dlunits.training.run_directory import (
    RunDirectory,
    check_writable,
    format_path,
)
from dlunits.training.run_lock import lock_run
from dlunits.training.truncated_bptt import TruncatedBPTT
from dlunits.training.warmup_cosine import warmup_cosine

__all__ = [
    "ClippedAdam",
    "GradientNorm",
    "RunDirectory",
    "TruncatedBPTT",
    "check_writable",
    "fine_tune",
    "format_path",
    "lock_run",
    "pretrain_layerwise",
    "warmup_cosine",
]
