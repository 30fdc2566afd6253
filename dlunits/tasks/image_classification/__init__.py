"""Classification of color images with AlexNet."""

__all__ = ["figures", "report", "serve", "sources", "train"]
