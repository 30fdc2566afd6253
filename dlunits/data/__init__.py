"""Raw data to arrays and tf.data pipelines. Loads TensorFlow."""
