import torch
from torch import nn

from stylenet.web.cached_network import CachedNetwork


class Counting(nn.Module):
    """Adds a shift to images, and counts how often."""

    calls = 0

    def forward(self, images, shift=None, strength=1.0):
        self.calls += 1
        return images + (0 if shift is None else shift) * strength


def test_same_question_is_computed_once():
    network = Counting()
    cached, images, shift = CachedNetwork(network), torch.rand(1, 3, 4, 4), torch.rand(1, 3, 1, 1)
    for _ in range(3):
        assert torch.equal(cached(images.clone(), shift=shift.clone()), images + shift)
    assert network.calls == 1


def test_other_images_and_options_are_computed():
    cached, images, shift = CachedNetwork(Counting()), torch.rand(1, 3, 4, 4), torch.rand(1, 3, 1, 1)
    assert torch.equal(cached(images), images)
    assert torch.equal(cached(images, shift=shift), images + shift)
    assert torch.equal(cached(images, shift=2 * shift), images + 2 * shift)
    assert torch.equal(cached(images, shift=shift, strength=0.5), images + shift * 0.5)
    assert torch.equal(cached(images[..., :2], shift=shift), images[..., :2] + shift)


def test_who_writes_to_a_result_changes_no_later_one():
    cached, images = CachedNetwork(Counting()), torch.rand(1, 3, 4, 4)
    cached(images).zero_()
    assert torch.equal(cached(images), images)
