"""The patch loss against a search patch by patch in NumPy."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from stylenet.errors import InputError
from stylenet.losses import patches
from stylenet.losses.content import NORMALIZATIONS
from stylenet.losses.patches import painting_patches, patch_loss

rng = np.random.default_rng(0)
features, painting = rng.normal(size=(2, 4, 5, 7)) + 0.2, rng.normal(size=(1, 4, 6, 8))
mask, painting_mask = rng.random((2, 1, 5, 7)), rng.random((1, 1, 6, 8))


def cut(maps):
    """Return all patches of maps (C, H, W), row by row."""
    height, width = maps.shape[1:]
    return [maps[:, y : y + 3, x : x + 3].ravel() for y in range(height - 2) for x in range(width - 2)]


def search(maps, models):
    """Return the mean squared difference of each patch of `maps` to the model of the highest correlation."""
    distances = []
    for patch in cut(maps):
        correlations = [patch @ model / np.linalg.norm(patch) / np.linalg.norm(model) for model in models]
        distances.append(((patch - models[int(np.argmax(correlations))]) ** 2).mean())
    return np.array(distances)


def test_patches_of_the_painting_are_cut_row_by_row():
    assert_allclose(painting_patches(torch.tensor(painting))[0].T, cut(painting[0]))


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_loss_agrees_with_a_search_patch_by_patch(normalization):
    models = cut(painting[0])
    unit = (np.array(models) ** 2).mean() if normalization == "relative" else 1
    expected = [search(maps, models).mean() / unit for maps in features]
    target = painting_patches(torch.tensor(painting))
    assert_allclose(patch_loss(torch.tensor(features), target, normalization), expected, rtol=1e-10)
    in_float32 = patch_loss(torch.tensor(features).float(), target.float(), normalization)
    assert_allclose(in_float32, expected, rtol=1e-5)


@pytest.mark.parametrize("weights", [mask, mask[:1]], ids=["each", "shared"])
def test_masks_weight_patches_and_choose_models_by_their_centers(weights):
    chosen = painting_mask[0, 0, 1:-1, 1:-1].ravel() > 0.5
    models = [model for model, kept in zip(cut(painting[0]), chosen, strict=True) if kept]
    shared = np.broadcast_to(weights, (2, 1, 5, 7))[:, 0, 1:-1, 1:-1].reshape(2, -1)
    expected = [np.average(search(maps, models), weights=w) for maps, w in zip(features, shared, strict=True)]
    target = painting_patches(torch.tensor(painting), torch.tensor(painting_mask))
    assert_allclose(patch_loss(torch.tensor(features), target, "johnson", torch.tensor(weights)), expected, rtol=1e-10)


def test_matches_do_not_depend_on_brightness():
    maps = torch.tensor(painting)
    target = painting_patches(maps)
    assert_allclose(patch_loss(3 * maps, target), [4], rtol=1e-12)  # |3 s - s|^2 / |s|^2


def test_a_shifted_painting_costs_nothing():
    target = painting_patches(torch.tensor(painting))
    assert patch_loss(torch.tensor(painting[..., 1:, 2:]), target) == 0


@pytest.mark.parametrize("chunk", [1, 7, 13])
def test_the_size_of_a_chunk_does_not_matter(chunk, monkeypatch):
    target = painting_patches(torch.tensor(painting))
    whole = patch_loss(torch.tensor(features), target)
    monkeypatch.setattr(patches, "CHUNK", chunk)
    assert_allclose(patch_loss(torch.tensor(features), target), whole, rtol=1e-12)


@pytest.mark.parametrize("limit", [5, 11, 23])
def test_of_a_large_painting_patches_at_even_distances_are_kept(limit, monkeypatch):
    monkeypatch.setattr(patches, "MAX_PATCHES", limit)
    kept = painting_patches(torch.tensor(painting))[0].T.numpy()
    places = [int(np.flatnonzero((np.array(cut(painting[0])) == patch).all(1))[0]) for patch in kept]
    steps = np.diff(places)
    assert len(kept) == limit
    assert (places[0], places[-1]) == (0, 4 * 6 - 1)
    assert steps.min() >= 1
    assert steps.max() - steps.min() <= 1


def test_similarities_are_never_held_for_more_than_a_chunk(monkeypatch):
    sizes = []
    argmax = torch.Tensor.argmax
    monkeypatch.setattr(torch.Tensor, "argmax", lambda self, dim: sizes.append(self.numel()) or argmax(self, dim))
    target = painting_patches(torch.rand(1, 2, 72, 72))
    patch_loss(torch.rand(1, 2, 90, 50), target)
    assert target.shape == (1, 18, 4096)
    assert len(sizes) > 4
    assert max(sizes) <= 1024 * 4096


@pytest.mark.parametrize("size", [(2, 8), (8, 2)])
def test_maps_smaller_than_a_patch_are_refused(size):
    small = torch.rand(1, 4, *size)
    with pytest.raises(InputError, match=f"{size[1]}x{size[0]} has no patches of 3x3: take larger images"):
        painting_patches(small)
    with pytest.raises(InputError, match="has no patches"):
        patch_loss(small, painting_patches(torch.rand(1, 4, 4, 4)))
