"""A run that can be stopped and resumed: checkpoints, history, logs."""
