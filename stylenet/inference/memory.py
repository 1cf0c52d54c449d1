"""Where memory runs out: one line instead of a traceback."""

from collections.abc import Callable

import torch
from torch import Tensor

from stylenet.errors import InputError


def fitted(compute: Callable[[], Tensor], device: torch.device, what: str, mend: str) -> Tensor:
    """Return what `compute` returns.

    Args:
        compute: Something that may need more memory than there is.
        device: Where.
        what: Subject and verb of the error: `9x7 pixels do`.
        mend: What helps.

    Raises:
        InputError: Memory ran out.
    """
    try:
        return compute()
    except (RuntimeError, MemoryError) as error:
        if not _is_out_of_memory(error):
            raise
    if device.type == "cuda":
        torch.cuda.empty_cache()
    raise InputError(f"{what} not fit into the memory of {device}: {mend}")


def _is_out_of_memory(error: Exception) -> bool:
    """Tell whether an error means that memory ran out; only CUDA has a class for it."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    message = str(error).lower()
    return any(sign in message for sign in ("out of memory", "not enough memory", "can't allocate memory"))
