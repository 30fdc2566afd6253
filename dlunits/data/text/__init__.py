"""Text: corpora, vocabularies, token streams."""

__all__ = ["corpora", "encoded_text", "text_streams", "vocabulary"]
