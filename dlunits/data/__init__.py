"""Raw data to arrays and `tf.data` pipelines. Loads TensorFlow."""

__all__ = ["batches", "images", "series", "tables", "text", "tfds_store"]
