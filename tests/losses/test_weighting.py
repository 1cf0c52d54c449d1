"""Weighting against gradients known by hand, in NumPy: groups are `w |x - c|^2 / 2`, whose gradient is `w (x - c)`."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from stylenet.errors import InputError
from stylenet.losses.weighting import TOLERANCE, Balanced, Schedule, strength_shares

rng = np.random.default_rng(0)
x = rng.random((2, 3, 4, 5))
photographs, painting = rng.random((2, 3, 4, 5)), rng.random((1, 3, 4, 5)) + 0.5
STYLE = np.array([7.0, 0.2])  # another weight for each image


def make_groups(pixels):
    """Return images that want a gradient, and groups content and style of them."""
    images = torch.tensor(pixels, requires_grad=True)
    content = (images - torch.tensor(photographs)[: len(pixels)]).square().flatten(1).sum(1) / 2
    style = (images - torch.tensor(painting)).square().flatten(1).sum(1) / 2
    return images, {"content": content, "style": torch.tensor(STYLE)[: len(pixels)] * style}


def values_and_norms(pixels):
    """Return values and gradient norms of content and style, (2, B) each, in NumPy."""
    far = np.stack([np.linalg.norm((pixels - there).reshape(2, -1), axis=1) for there in (photographs, painting)])
    weights = np.stack([np.ones(2), STYLE])
    return weights * far**2 / 2, weights * far


def call(weighting, pixels, progress=0.0):
    images, groups = make_groups(pixels)
    multipliers = weighting(groups, images, progress)
    return np.stack([multipliers["content"].numpy(), multipliers["style"].numpy()])


def balanced(measures, shares, momentum):
    """Return the multipliers after balancing at values and norms, a pair for each time: the docstring in NumPy."""
    logs = np.stack([np.log(norms) - np.log(values) for values, norms in measures])
    age = np.arange(len(logs))[::-1]
    mean = np.tensordot(momentum**age / (momentum**age).sum(), logs, 1)
    ratios = np.array(shares)[:, None] / np.exp(mean)
    norms = measures[-1][1]
    return ratios * norms.sum(0) / (ratios * norms).sum(0)


@pytest.fixture
def tuned(monkeypatch):
    """Set how often and how slowly it balances."""

    def to(every=1, momentum=0.5):
        monkeypatch.setattr("stylenet.losses.weighting.EVERY", every)
        monkeypatch.setattr("stylenet.losses.weighting.MOMENTUM", momentum)

    return to


def test_the_sum_of_the_norms_is_that_of_fixed_weights():
    norms = values_and_norms(x)[1]
    pulls = call(Balanced({"content": 1, "style": 4}), x) * norms
    assert_allclose(pulls.sum(0), norms.sum(0), rtol=1e-10)


def test_the_norms_are_in_the_ratio_of_shares_times_values():
    values, norms = values_and_norms(x)
    pulls = call(Balanced({"content": 1, "style": 4}), x) * norms
    assert_allclose(pulls[1] / pulls[0], 4 * values[1] / values[0], rtol=1e-10)


def test_momentum_is_an_unbiased_exponential_mean_of_logarithms(monkeypatch, tuned):
    monkeypatch.setattr("stylenet.losses.weighting.TOLERANCE", 0.0)
    tuned(momentum=0.7)
    weighting, measures = Balanced({"content": 3, "style": 2}), []
    for step in range(4):
        pixels = x + 0.3 * step
        measures.append(values_and_norms(pixels))
        assert_allclose(call(weighting, pixels), balanced(measures, [3, 2], 0.7), rtol=1e-10)


def test_an_image_rests_where_the_content_loss_is_strength_times_the_style_loss(tuned):
    """On the way from photograph to painting the losses are a^2 and w (1 - a)^2 times half their distance squared."""
    tuned()
    for strength in (0.3, 1, 5):
        weighting, pixels = Balanced(strength_shares(strength)), x.copy()
        for _ in range(200):
            content, style = call(weighting, pixels)
            pulls = content, style * STYLE  # the minimum of the multiplied sum is the mean of the two
            pulls = [pull[:, None, None, None] for pull in pulls]
            pixels = (pulls[0] * photographs + pulls[1] * painting) / (pulls[0] + pulls[1])
        values, _ = values_and_norms(pixels)
        assert_allclose(values[0] / values[1], [strength, strength], rtol=10 * TOLERANCE)


def test_a_batch_gives_what_its_images_give(tuned):
    tuned()
    both, alone = Balanced(strength_shares(2)), Balanced(strength_shares(2))
    for step in range(3):
        together = call(both, x + 0.2 * step)
        assert_allclose(together[:, :1], call(alone, x[:1] + 0.2 * step), rtol=1e-12)


def test_shares_are_weights_until_a_group_has_a_gradient(tuned):
    tuned(momentum=0.8)
    weighting = Balanced({"content": 1, "style": 4})
    start = np.stack([photographs[0], x[1]])  # the first image is its own photograph
    multipliers = call(weighting, start)
    assert multipliers[:, 0] == pytest.approx([1 / 4, 1])
    assert_allclose(multipliers[:, 1], balanced([values_and_norms(x)], [1, 4], 0)[:, 1], rtol=1e-10)
    later = call(weighting, x)[:, 0]
    (_, style), (_, norm) = np.array(values_and_norms(start))[..., 0]
    before = np.log(norm) - np.log(style)
    content, style = (np.log(norms) - np.log(values) for values, norms in np.array(values_and_norms(x))[..., 0].T)
    assert later[1] / later[0] == pytest.approx(4 * np.exp(content - (0.8 * before + style) / 1.8))


def test_no_gradient_anywhere_and_no_number_leave_all_as_it_was(tuned):
    tuned()
    weighting = Balanced({"content": 1, "style": 4})
    before = call(weighting, x)
    for pixels in (np.full_like(x, np.nan), np.full_like(x, np.inf)):
        assert np.array_equal(call(weighting, pixels), before)
        assert not weighting.changed
    images = torch.tensor(x, requires_grad=True)
    flat = {"content": 0 * images.flatten(1).sum(1), "style": torch.zeros(2, dtype=torch.float64)}
    assert np.array_equal(torch.stack(list(weighting(flat, images, 0.0).values())).numpy(), before)


def test_groups_without_share_keep_one_and_are_not_measured():
    images, groups = make_groups(x)
    multipliers = Balanced(strength_shares(3))(groups | {"tv": torch.ones(2)}, images, 0.0)
    assert multipliers["tv"].tolist() == [1, 1]
    assert all(not value.requires_grad for value in multipliers.values())


def test_gradients_are_taken_only_at_every_kth_call(monkeypatch, tuned):
    tuned(every=4)
    weighting, passes, counts = Balanced(strength_shares(3)), [], []
    grad = torch.autograd.grad
    monkeypatch.setattr(torch.autograd, "grad", lambda *given, **named: passes.append(1) or grad(*given, **named))
    seen = []
    for step in range(9):
        seen.append(call(weighting, x + 0.1 * step))
        counts.append(len(passes))
    assert counts == [2, 2, 2, 2, 4, 4, 4, 4, 6]
    assert np.array_equal(seen[0], seen[3])
    assert not np.array_equal(seen[3], seen[4])


def test_the_loss_can_be_minimized_after_it_was_measured():
    images, groups = make_groups(x)
    multipliers = Balanced(strength_shares(3))(groups, images, 0.0)
    sum(multipliers[group] * value for group, value in groups.items()).sum().backward()
    content, style = (multipliers[group].numpy()[:, None, None, None] for group in ("content", "style"))
    expected = content * (x - photographs) + style * STYLE[:, None, None, None] * (x - painting)
    assert_allclose(images.grad, expected, rtol=1e-10)


def test_it_says_when_the_objective_changed(tuned):
    tuned(every=2)
    weighting = Balanced(strength_shares(3))
    changed = []
    for pixels in (x, x, x, x, x + 1, x + 1):
        call(weighting, pixels)
        changed.append(weighting.changed)
    assert changed == [False, False, False, False, True, False]


def test_a_change_too_small_to_matter_is_not_made(tuned):
    tuned()
    weighting = Balanced(strength_shares(3))
    before = call(weighting, x)
    assert np.array_equal(call(weighting, x * (1 + TOLERANCE / 100)), before)
    assert not weighting.changed


def test_a_schedule_moves_the_shares():
    for progress, share in ((0.0, 1.0), (0.5, 4.0), (1.0, 16.0)):
        weighting = Balanced({"content": 1, "style": Schedule(1, 16)})
        values, norms = values_and_norms(x)
        pulls = call(weighting, x, progress) * norms
        assert_allclose(pulls[1] / pulls[0], share * values[1] / values[0], rtol=1e-10)


def test_a_schedule_is_geometric_and_stays_at_its_ends():
    found = [Schedule(1, 9)(progress) for progress in (-1, 0, 0.25, 0.5, 1, 2)]
    assert found == pytest.approx([1, 1, 3**0.5, 3, 9, 9])


def test_shares_of_a_strength():
    assert strength_shares(3) == {"content": 0.25, "style": 0.75}
    for strength in (0, -1, float("inf"), float("nan")):
        with pytest.raises(InputError, match="style_strength is .*: give more than 0"):
            strength_shares(strength)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Balanced({}), "no shares to balance"),
        (lambda: Balanced({"style": 0}), "the share of style is 0: give more than 0"),
        (lambda: Schedule(0, 2), "the start of a schedule is 0: give more than 0"),
        (lambda: call(Balanced({"content": 1, "stile": 1}), x), "unknown group of terms 'stile': did you mean 'style'"),
    ],
)
def test_bad_values_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
