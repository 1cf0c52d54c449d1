"""Every loss: its gradient against finite differences, batches against single images, 16 bits against 64."""

import pytest
import torch
from torch.testing import assert_close

from stylenet.losses.content import NORMALIZATIONS, content_loss, pixel_loss
from stylenet.losses.smoothness import laplacian_loss, total_variation_loss
from stylenet.losses.style import STATISTICS


def draw(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=torch.float64)


IMAGES, OTHERS, PAINTING = draw(4, 2, 4, 5) - 0.2, draw(4, 2, 5, 4).mT, draw(1, 2, 5, 6)
MASKS, PAINTING_MASK = draw(4, 1, 4, 5), draw(1, 1, 5, 6)
UNMASKED = {
    "content": lambda x, y, n, m: content_loss(x, y, n),
    "tv": lambda x, y, n, m: total_variation_loss(x, y.new_tensor(0.3) if n == "relative" else None),
    "laplacian": lambda x, y, n, m: laplacian_loss(x, y, (1,), n),
    "pixel": lambda x, y, n, m: pixel_loss(x, y, n),
}


def style(name, masked):
    """Return the loss by a statistic as a function of image, photograph, normalization and mask."""
    statistic = STATISTICS[name]

    def loss(images, _, normalization, mask):
        target = statistic.target(PAINTING.to(images), PAINTING_MASK if masked else None)
        return statistic.loss(images, target, normalization, mask if masked else None)

    return loss


LOSSES = UNMASKED | {
    f"masked {name}" if masked else name: style(name, masked) for name in STATISTICS for masked in (0, 1)
}

every_loss = pytest.mark.parametrize("name", LOSSES)
every_normalization = pytest.mark.parametrize("normalization", NORMALIZATIONS)


@every_loss
@every_normalization
def test_gradients_agree_with_finite_differences(name, normalization):
    images, others, masks = IMAGES[:2].clone().requires_grad_(), OTHERS[:2], MASKS[:2]
    assert torch.autograd.gradcheck(lambda x: LOSSES[name](x, others, normalization, masks), images)


@every_loss
@every_normalization
def test_a_batch_of_four_gives_what_four_single_images_give(name, normalization):
    batch = LOSSES[name](IMAGES, OTHERS, normalization, MASKS)
    single = [LOSSES[name](IMAGES[i, None], OTHERS[i, None], normalization, MASKS[i, None]) for i in range(4)]
    assert batch.shape == (4,)
    assert batch.unique().numel() == 4
    assert_close(batch, torch.cat(single), rtol=1e-12, atol=0)


@every_loss
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_and_autocast_give_float32(name, dtype):
    images, others = IMAGES.to(dtype), OTHERS.to(dtype)
    exact = LOSSES[name](images.double(), others.double(), "relative", MASKS)
    with torch.autocast("cpu", dtype):
        loss = LOSSES[name](images, others, "relative", MASKS.float())
    assert exact.dtype == torch.float64
    assert loss.dtype == torch.float32
    assert_close(loss.double(), exact, rtol=0.02, atol=1e-3)  # the painting too is rounded to 16 bits
