"""Vanishing and exploding gradients in recurrent layers."""

__all__ = ["report", "runs", "train", "window_vs_rnn"]
