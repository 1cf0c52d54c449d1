"""16-bit floats are asked for by Lightning's names."""

import pytest
import torch

from stylenet.errors import InputError
from stylenet.precision import autocast, check_precision

PLACE = torch.device("cpu")


def product() -> torch.Tensor:
    """Return a product of matrices, in the floats of the context it is computed in."""
    return torch.rand(4, 4) @ torch.rand(4, 4)


def test_products_are_in_the_floats_asked_for():
    with autocast("bf16-mixed", PLACE):
        assert product().dtype == torch.bfloat16
    with autocast("32-true", PLACE):
        assert product().dtype == torch.float32


def test_32_bits_leave_the_context_of_the_caller():
    with torch.autocast("cpu", torch.bfloat16), autocast("32-true", PLACE):
        assert product().dtype == torch.bfloat16


def test_a_mistyped_name_is_refused():
    with pytest.raises(InputError, match=r"unknown precision 'bf16': did you mean 'bf16-mixed'\?"):
        check_precision("bf16")
