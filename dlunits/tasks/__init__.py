"""One package per task, from raw data to a report and a served model."""

__all__ = [
    "anomaly",
    "autoencoders",
    "denoising",
    "digits",
    "forecasting",
    "gan",
    "gradient_flow",
    "lab",
    "text",
]
