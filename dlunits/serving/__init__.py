"""Export, loading and answers of SavedModels. Loads TensorFlow."""

__all__ = [
    "class_scores",
    "export",
    "image_requests",
    "load",
    "model_card",
    "request_examples",
    "server",
    "warmup",
]
