"""SavedModel export, model cards and warm-up requests. Loads TensorFlow."""

__all__ = ["export", "image_requests", "load", "model_card", "warmup"]
