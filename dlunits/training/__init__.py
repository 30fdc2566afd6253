"""A run that can be stopped and resumed: checkpoints, history, logs."""

from dlunits.training.gradient_norm import ClippedAdam as ClippedAdam
from dlunits.training.gradient_norm import GradientNorm as GradientNorm
from dlunits.training.pretraining import fine_tune as fine_tune
from dlunits.training.pretraining import (
    pretrain_layerwise as pretrain_layerwise,
)
from dlunits.training.truncated_bptt import TruncatedBPTT as TruncatedBPTT
from dlunits.training.warmup_cosine import warmup_cosine as warmup_cosine
from dlunits.training.working_directory import (
    WorkingDirectory as WorkingDirectory,
)
from dlunits.training.working_directory import check_writable as check_writable
from dlunits.training.working_directory import fill_in as fill_in
