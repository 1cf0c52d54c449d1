"""Train and run feed-forward neural stylizers with PyTorch Lightning."""

__version__ = "0.2.0"
