"""Text generation."""

__all__ = [
    "generate",
    "graph_tokenizer",
    "report",
    "serve",
    "token_sampling",
    "train",
]
