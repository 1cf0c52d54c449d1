"""The TensorBoard log of a training."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from lightning.pytorch.loggers import TensorBoardLogger


class ForgivingTensorBoardLogger(TensorBoardLogger):
    """Lightning's logger, with its arguments; a full disk costs it lines of the log, and not the training."""

    _told = False

    @contextmanager
    def _forgiving(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:
            cause = error if isinstance(error, OSError) else error.__cause__  # Lightning wraps what a figure leads to
            if not isinstance(cause, OSError):
                raise
            if not self._told:
                print(f"warning: cannot write the log in {self.log_dir}: {cause.strerror or cause}", file=sys.stderr)
            self._told = True

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log figures by their names."""
        with self._forgiving():
            super().log_metrics(metrics, step)

    def save(self) -> None:
        """Write what is still to be written."""
        with self._forgiving():
            super().save()

    def finalize(self, status: str) -> None:
        """Write what is still to be written, and end."""
        with self._forgiving():
            super().finalize(status)
