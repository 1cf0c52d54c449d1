"""Gatys' method: where it starts, what it minimizes, what it leaves alone, and how it ends."""

import copy

import pytest
import torch
from torch.testing import assert_close

from stylenet.errors import InputError
from stylenet.features.extractor import FeatureExtractor
from stylenet.gatys.optimize import optimize
from stylenet.losses.options import LossOptions
from stylenet.losses.perceptual import PerceptualLoss
from stylenet.losses.terms import Style
from stylenet.losses.weighting import Balanced, strength_shares

LAYERS = ["relu1_1", "relu2_1"]


@pytest.fixture(scope="module")
def extractor():
    return FeatureExtractor("vgg16", LAYERS, "random")


@pytest.fixture(scope="module")
def pictures():
    """Return four smooth photographs and a painting."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(5, 3, 6, 8, generator=generator)
    images = torch.nn.functional.interpolate(coarse, (32, 40), mode="bicubic").clamp(0, 1)
    return images[:4], images[4:]


@pytest.fixture
def run(extractor, pictures):
    """Optimize one photograph for a few steps."""

    def run(content=None, style=None, options=None, **arguments):
        choice = LossOptions(**{"style_layers": LAYERS, "content_layers": ["relu2_1"]} | (options or {}))
        loss = PerceptualLoss(extractor, pictures[1], choice)
        photographs = pictures[0][:1] if content is None else content
        return optimize(photographs, pictures[1] if style is None else style, loss, **{"steps": 12} | arguments)

    return run


def at_end(result):
    return result.history[-1].total


@pytest.mark.parametrize(
    ("optimizer", "init"),
    [("lbfgs", "content"), ("lbfgs", "noise"), ("lbfgs", "style"), ("adam", "content"), ("adamw", "noise")],
)
def test_the_loss_falls_from_any_start_by_any_optimizer(run, optimizer, init):
    result = run(optimizer=optimizer, init=init, steps=25)
    assert len(result.history) == 25
    assert at_end(result) < 0.8 * result.history[0].total
    assert result.image.shape == (1, 3, 32, 40)
    assert result.image.min() >= 0
    assert result.image.max() <= 1
    assert result.diverged is None


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_16_bit_floats_lead_as_low(run, optimizer):
    exact, half = (run(optimizer=optimizer, steps=25, precision=name) for name in ("32-true", "bf16-mixed"))
    assert half.image.dtype == torch.float32
    assert not torch.equal(half.image, exact.image)
    judged = run(init=half.image, steps=1)  # in 32 bits; the first evaluation is of what it starts from
    assert at_end(judged) < 0.4 * exact.history[0].total
    assert at_end(judged).item() == pytest.approx(at_end(exact).item(), rel=0.2)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_batch_gives_what_single_runs_give(optimizer, extractor, pictures):
    photographs, painting = (images[:2].double() for images in pictures)  # rounding would grow from step to step
    options = LossOptions(style_layers=LAYERS, content_layers=["relu2_1"])
    loss = PerceptualLoss(copy.deepcopy(extractor).double(), painting, options)
    batch, *singles = (
        optimize(images, painting, loss, optimizer=optimizer, init="noise", steps=6, pyramid=2)
        for images in (photographs, *photographs.split(1))
    )
    assert_close(batch.image, torch.cat([single.image for single in singles]), rtol=0, atol=1e-5)
    assert_close(at_end(batch), torch.cat([at_end(single) for single in singles]), rtol=1e-5, atol=0)


def test_the_start_is_what_was_asked_for(run, pictures):
    photograph, painting = pictures[0][:1], pictures[1]
    given = photograph.flip(-1)
    for init, expected in (("content", photograph), ("style", painting), (given, given)):
        seen = []
        run(init=init, steps=1, callback=lambda progress, seen=seen: seen.append(progress.image()))
        assert_close(seen[0], expected)
    noise = [run(init="noise", steps=1, seed=seed).image for seed in (0, 0, 1)]
    assert torch.equal(noise[0], noise[1])
    assert not torch.equal(noise[0], noise[2])
    assert noise[0].std() > 0.2


def test_history_has_every_raw_and_weighted_term(run):
    result = run(options={"style_weight": 3.0, "tv_weight": 0.5})
    record = result.history[4]
    assert set(record.raw) == {"content/relu2_1", "style/relu1_1", "style/relu2_1", "tv"}
    assert record.weighted["style"] == pytest.approx(1.5 * (record.raw["style/relu1_1"] + record.raw["style/relu2_1"]))
    assert record.total == pytest.approx(sum(record.weighted.values()))
    assert (record.step, record.size) == (5, (32, 40))
    assert [record.step for record in result.history] == list(range(1, 13))


def test_content_is_reconstructed_from_noise(run, pictures):
    result = run(init="noise", steps=60, options={"style_weight": 0.0, "tv_weight": 0.0})
    assert set(result.history[0].raw) == {"content/relu2_1"}
    assert at_end(result) < 0.01 * result.history[0].total
    assert (result.image - pictures[0][:1]).abs().mean() < 0.1


def test_style_is_reconstructed_from_noise(run):
    result = run(init="noise", steps=40, options={"content_weight": 0.0, "tv_weight": 0.0})
    assert set(result.history[0].raw) == {"style/relu1_1", "style/relu2_1"}
    assert at_end(result) < 0.01 * result.history[0].total


def test_outside_of_only_the_photograph_stays_as_it_is(run, pictures):
    only = torch.zeros(1, 1, 32, 40)
    only[..., :20] = 1
    for init in ("content", "noise"):
        result = run(only=only, init=init, pyramid=2)
        change = (result.image - pictures[0][:1]).abs()
        assert change[..., 20:].max() == 0
        assert change[..., :20].mean() > 0.01


def test_each_style_goes_where_its_mask_is(run, pictures):
    """One painting is red, the other blue; the photograph is gray."""
    generator = torch.Generator().manual_seed(1)
    texture = 0.5 + 0.5 * torch.rand(1, 1, 32, 40, generator=generator)
    red, blue = (texture * torch.tensor(color).view(1, 3, 1, 1) for color in ((1.0, 0.1, 0.1), (0.1, 0.1, 1.0)))
    masks = torch.zeros(1, 2, 32, 40)
    masks[:, 0, :, :20], masks[:, 1, :, 20:] = 1, 1
    gray = torch.full((1, 3, 32, 40), 0.5)
    options = {"style_weight": 100.0, "tv_weight": 0.0}
    image = run(gray, [Style(red), Style(blue)], options, masks=masks, steps=40).image
    left, right = image[..., 2:18].mean((0, 2, 3)), image[..., 22:38].mean((0, 2, 3))
    assert left[0] > left[2] + 0.2
    assert right[2] > right[0] + 0.2


def test_luminance_alone_may_change(run, pictures):
    photograph = pictures[0][:1]
    image = run(preserve_color="luminance").image
    to_chroma = torch.tensor([[0.595716, -0.274453, -0.321263], [0.211456, -0.522591, 0.311135]])  # IQ of YIQ
    chroma = [torch.einsum("ij,bjhw->bihw", to_chroma, each) for each in (image, photograph)]
    assert_close(chroma[0], chroma[1], rtol=0, atol=1e-5)
    assert (image - photograph).abs().mean() > 0.003


def test_coral_brings_the_colors_nearer_to_the_photographs(run, pictures):
    options = {"style_weight": 100.0}
    mean = pictures[0][:1].mean((2, 3))
    kept, lost = (run(preserve_color=way, options=options, steps=30).image.mean((2, 3)) for way in ("coral", None))
    assert (kept - mean).abs().mean() < 0.5 * (lost - mean).abs().mean()


def test_the_pyramid_goes_from_coarse_to_fine(run):
    result = run(pyramid=2, steps=6)
    assert [record.size for record in result.history] == [(16, 20)] * 3 + [(32, 40)] * 6
    assert result.image.shape == (1, 3, 32, 40)
    plain = run(steps=6)
    assert result.history[3].total < plain.history[0].total  # the warm start is ahead


def test_a_true_answer_of_the_callback_ends_the_run(run):
    seen = []

    def stop(progress):
        seen.append((progress.record.step, progress.steps))
        return progress.record.step == 3

    result = run(callback=stop)
    assert seen == [(1, 12), (2, 12), (3, 12)]
    assert len(result.history) == 3


def test_frames_of_every_size_are_at_full_size(run):
    shapes = set()
    run(pyramid=2, steps=2, callback=lambda progress: shapes.add(tuple(progress.image().shape)))
    assert shapes == {(1, 3, 32, 40)}


def test_a_plateau_ends_a_run_that_has_patience(run, pictures):
    options = {"style_weight": 0.0, "tv_weight": 0.0}
    assert len(run(options=options, steps=50, patience=5).history) == 6  # the photograph's own content: nothing to gain
    assert len(run(options=options, init="noise", steps=20, patience=5).history) == 20


@pytest.fixture
def calls(monkeypatch):
    """Return the evaluations of a loss that is no number from the sixth on; clear them to begin anew."""
    calls = []
    original = PerceptualLoss.per_item

    def breaks_down(self, images, targets):
        calls.append(None)
        terms = original(self, images, targets)
        return {name: term * (float("nan") if len(calls) > 5 else 1) for name, term in terms.items()}

    monkeypatch.setattr(PerceptualLoss, "per_item", breaks_down)
    return calls


def test_a_loss_that_is_not_a_number_leaves_the_last_good_image(run, calls):
    for optimizer, change in (("adam", "give an lr below 0.02"), ("lbfgs", "style_weight")):
        calls.clear()
        result = run(optimizer=optimizer, steps=100)
        assert change in result.diverged
        assert "after step 5" in result.diverged
        assert result.image.isfinite().all()
        assert len(result.history) == 15


def test_the_combined_term_acts_after_its_share_of_the_steps(run):
    result = run(options={"combined_weight": 0.5}, steps=20, combined_after=0.5)
    assert ["combined" in record.weighted for record in result.history] == [False] * 10 + [True] * 10
    assert result.history[10].weighted["combined"] < 1e-6
    assert result.history[15].weighted["combined"] > 0


def test_pseudo_labels_pull(run, pictures):
    options = {"style_weight": 0.0, "content_weight": 0.0, "tv_weight": 0.0, "pixel_weight": 1.0}
    result = run(options=options, labels=pictures[0][1:2], steps=20)
    assert_close(result.image, pictures[0][1:2], rtol=0, atol=0.02)


def test_gradients_may_be_off_around_a_run(run):
    with torch.no_grad():
        result = run()
    assert at_end(result) < result.history[0].total
    assert not result.image.requires_grad


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"optimizer": "adma"}, "unknown optimizer 'adma': did you mean 'adam'"),
        ({"init": "photo"}, "unknown init 'photo'"),
        ({"optimizer": "adam", "schedule": "cosin"}, "unknown schedule 'cosin': did you mean 'cosine'"),
        ({"lr": 0.1}, "lbfgs searches for its own step length"),
        ({"optimizer": "adam", "lr": -1.0}, "lr is -1.0: give more than 0"),
        ({"steps": 0}, "steps is 0: give at least 1"),
        ({"pyramid": 0}, "pyramid is 0: give at least 1"),
        ({"patience": 0}, "patience is 0: give at least 1"),
        ({"combined_after": 1.0}, "combined_after is 1.0"),
        ({"preserve_color": "hue"}, "unknown way to preserve color 'hue'"),
        ({"only": torch.ones(1, 1, 8, 8)}, "only has 8x8 pixels, the photograph 40x32"),
        ({"masks": torch.ones(1, 2, 32, 40)}, "2 masks for 1 styles"),
        ({"only": torch.ones(1, 3, 32, 40)}, r"only has the shape \(1, 3, 32, 40\): give \(1, 1, height, width\)"),
        ({"labels": torch.ones(1, 3, 8, 8)}, "labels has 8x8 pixels, the photograph 40x32"),
        ({"init": torch.ones(3, 3, 32, 40)}, r"init has the shape \(3, 3, 32, 40\): give \(1, 3, height, width\)"),
        ({"content": torch.ones(1, 4, 32, 40)}, r"content has .*: give \(B, 3, height, width\)"),
        ({"content": torch.ones(1, 1, 32, 40)}, r"content has the shape \(1, 1, 32, 40\)"),
        ({"content": torch.ones(3, 32, 40)}, r"content has the shape \(3, 32, 40\)"),
        ({"style": []}, "there is no style: give at least one painting"),
        ({"style": torch.ones(2, 3, 32, 40)}, r"a style has .*: give \(1, 3, height, width\)"),
    ],
)
def test_what_cannot_be_used_is_refused(run, arguments, message):
    with pytest.raises(InputError, match=message):
        run(**arguments)


def test_colors_are_kept_one_photograph_at_a_time(run, pictures):
    with pytest.raises(InputError, match="one photograph at a time, not 4"):
        run(pictures[0], preserve_color="coral")


def test_balanced_weights_rest_where_content_is_strength_times_style(run, monkeypatch):
    monkeypatch.setattr("stylenet.losses.weighting.EVERY", 5)
    balance = Balanced(strength_shares(3.0))
    options = {"style_weight": 1.0, "tv_weight": 0.0}
    for steps in (60, 60):  # a weighting serves again: a run leaves it as it was
        last = run(options=options, weighting=balance, steps=steps).history[-1]
        style = (last.raw["style/relu1_1"] + last.raw["style/relu2_1"]) / 2
        assert last.raw["content/relu2_1"] == pytest.approx(3 * style, rel=0.35)


class Tenfold:
    """Ten times the weights from the eleventh call on."""

    def __init__(self):
        self.calls, self.changed = 0, False

    def __call__(self, groups, images, progress):
        self.calls += 1
        self.changed = self.calls == 11
        return {group: torch.full_like(value, 10.0 if self.calls > 10 else 1.0) for group, value in groups.items()}


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam", "adamw"])
def test_the_image_is_the_best_one_under_the_weights_at_the_end(run, extractor, pictures, optimizer):
    photograph = pictures[0][:1, ..., :32]  # of whole cells: nothing is mirrored on
    result = run(photograph, optimizer=optimizer, init="noise", steps=14, weighting=Tenfold())
    options = LossOptions(style_layers=LAYERS, content_layers=["relu2_1"])
    loss = PerceptualLoss(extractor, pictures[1], options)
    found = 10 * loss.total(loss.per_item(result.image, loss.targets(photograph)))
    assert_close(found, torch.stack([record.total for record in result.history[10:]]).min(0).values, rtol=1e-3, atol=0)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_patience_begins_anew_where_the_weights_change(run, optimizer):
    result = run(optimizer=optimizer, steps=16, patience=8, weighting=Tenfold(), init="noise")
    assert len(result.history) == 16


def test_the_snapshot_of_the_combined_term_is_another_loss_to_adam_too(run):
    """The term is 0 at its snapshot and only adds to the loss: what was best before would stay so."""
    options = {"combined_weight": 50.0, "content_weight": 0.0}
    seen = []
    result = run(options=options, optimizer="adam", steps=8, callback=lambda progress: seen.append(progress.image()))
    assert result.history[1].total > result.history[0].total
    assert not torch.equal(seen[0], seen[1])  # the snapshot is taken after the first step


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_loss_that_never_is_a_number_has_diverged_however_few_the_steps(run, pictures, optimizer, monkeypatch):
    original = PerceptualLoss.weighted

    def spoiled(self, terms):
        return {name: term * torch.nan for name, term in original(self, terms).items()}

    monkeypatch.setattr(PerceptualLoss, "weighted", spoiled)
    result = run(optimizer=optimizer, steps=3)
    assert result.diverged == "the loss is not a number from the first step on: give a style_weight nearer to 1"
    assert_close(result.image, pictures[0][:1])


def test_a_run_that_ends_amid_failures_has_diverged(run, calls):
    assert "after step 5, whose image is kept: give an lr below 0.02" in run(optimizer="adam", steps=8).diverged
    calls.clear()
    assert run(optimizer="adam", steps=5).diverged is None


def test_the_last_rows_are_seen_whatever_the_size(pictures):
    """Pools drop what is left of 38 rows over multiples of 4; those rows would stay as noisy as they began."""
    photograph = torch.nn.functional.interpolate(pictures[0][:1], (38, 38), mode="bilinear")
    options = LossOptions(content_layers=["relu3_1"], style_layers=LAYERS, style_weight=0.0, tv_weight=0.0)
    loss = PerceptualLoss(FeatureExtractor("vgg16", ["relu3_1"], "random"), pictures[1], options)
    seen = []
    result = optimize(photograph, pictures[1], loss, init="noise", steps=3, callback=lambda p: seen.append(p.image()))
    change = (result.image - seen[0]).abs()
    assert result.image.shape == (1, 3, 38, 38)
    assert change[..., -2:, :].mean() > 0.3 * change.mean()
    assert change[..., -2:].mean() > 0.3 * change.mean()
