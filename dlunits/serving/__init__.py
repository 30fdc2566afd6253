"""Export, loading and serving of SavedModels. Its modules load TensorFlow."""

__all__ = [
    "class_scores",
    "export",
    "formats",
    "image_requests",
    "load",
    "model_card",
    "request_examples",
    "server",
    "warmup",
]
