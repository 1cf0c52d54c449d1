"""Floats of 16 bits: how they are asked for, and where a CPU has units for them."""

from contextlib import AbstractContextManager, nullcontext

import torch

from stylenet.errors import unknown

PRECISIONS = ("32-true", "bf16-mixed")
"""As Lightning names them."""


def check_precision(name: str) -> None:
    """Raise an InputError for a precision that there is not."""
    if name not in PRECISIONS:
        raise unknown("precision", name, PRECISIONS)


def autocast(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Return the context in which a device computes with a precision.

    `bf16-mixed` multiplies in bfloat16, which has the range of float32 and a mantissa of 8 bits; sums that need more
    stay in float32. `32-true` changes nothing.

    Args:
        precision: One of `PRECISIONS`.
        device: Where it is computed.
    """
    return nullcontext() if precision == "32-true" else torch.autocast(device.type, torch.bfloat16)


def has_16_bit_units() -> bool:
    """Tell whether this CPU multiplies bfloat16 numbers by itself: then they take a half to a quarter of the time.

    AVX-512's instructions do it, of AMD's Zen 4 and Intel's Sapphire Rapids on; so has every CPU with AMX.
    """
    return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)())
