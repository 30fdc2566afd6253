"""Trained models out to SavedModels that servers load. Loads TensorFlow."""
