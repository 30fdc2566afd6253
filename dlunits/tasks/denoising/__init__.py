"""Image denoising."""

__all__ = ["denoise_files", "report", "serve", "train"]
