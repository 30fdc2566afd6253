"""SavedModel export, model cards and warm-up requests. Loads TensorFlow."""

__all__ = ["export", "image_requests", "model_card", "warmup"]
