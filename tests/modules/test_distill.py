"""A student learns what its teacher sees."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import torch
from safetensors.torch import load_file
from support import DEBUG
from torch.testing import assert_close

from stylenet.cli.commands import _train
from stylenet.cli.exits import guarded
from stylenet.errors import InputError
from stylenet.features.extractor import FeatureExtractor
from stylenet.features.vgg_small import VGGSmall
from stylenet.images import save_image
from stylenet.modules.distill import Cosine, DistillModule, read_student
from stylenet.modules.disturb import disturb, random_crop
from stylenet.modules.lessons import LESSONS
from stylenet.modules.muon import Muon
from stylenet.modules.visited import Visited
from stylenet.networks.checkpoint import describe, save_network
from stylenet.networks.johnson import JohnsonNet

DISTILL = DEBUG.replace("debug.yaml", "debug_distill.yaml")
RUN = Path("outputs/debug/distill/version_0")
Train = Callable[..., int]


@pytest.fixture
def module(bare_environment: None) -> DistillModule:
    torch.manual_seed(0)
    return DistillModule("vgg19_16x", "random", painting_size=48)


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bare_environment: None) -> Train:
    """Run the command line in tmp_path with configs/debug_distill.yaml and return its exit code."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["train.py", "model=distill", DISTILL, *arguments])
        return guarded(_train)

    return run


def photographs(count: int = 2, size: int = 32) -> torch.Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("teacher", LESSONS)
def test_every_lesson_fits_its_teacher_and_the_student(teacher: str):
    lesson = LESSONS[teacher]
    maps = VGGSmall(list(lesson.lifts))(photographs())
    targets = FeatureExtractor(teacher, lesson.layers, "random")(photographs())
    for own, its in {**lesson.pairs, **lesson.hints}.items():
        assert maps[own].shape == targets[its].shape
    assert lesson.content in maps
    assert lesson.teachers_content in targets


def test_the_teacher_is_in_no_state_dict_and_moves_along(module: DistillModule):
    assert {name.split(".")[0] for name in module.state_dict()} == {"network"}
    assert len(list(module.parameters())) == len(list(module.network.parameters()))
    module.to(torch.float64)
    assert {parameter.dtype for parameter in module.teacher.parameters()} == {torch.float64}


def test_a_step_gives_gradients_to_every_weight_of_the_student_and_to_no_other(module: DistillModule):
    module.trial(photographs()).backward()
    assert all(parameter.grad is not None for parameter in module.network.parameters())
    assert all(parameter.grad is None for parameter in module.teacher.parameters())


def test_the_student_learns(module: DistillModule):
    optimizer = Muon(module.network.parameters())
    losses = []
    for step in range(30):
        loss = module._total(module._lesson_of(photographs(), step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])


def test_errors_are_those_of_numpy():
    lesson, generator = LESSONS["vgg16"], torch.Generator().manual_seed(0)
    shapes = {"lift1_2": 3, "lift2_2": 4, "lift3_3": 5, "lift4_1": 2, "lift4_3": 3}
    before = {name: torch.randn(2, c, 4, 5, generator=generator) for name, c in shapes.items()}
    targets = {its: torch.randn(2, shapes[own], 4, 5, generator=generator).relu() for own, its in lesson.pairs.items()}
    maps = {own: z.relu() for own, z in before.items()} | {own.replace("lift", "embed"): z for own, z in before.items()}
    errors = lesson.errors(maps, targets)
    features, grams = [], []
    for own, its in lesson.pairs.items():
        for z, t in zip(before[own].double().numpy(), targets[its].double().numpy(), strict=True):
            short = np.where(t > 0, z - t, np.maximum(z, 0))
            features.append((short**2).sum() / (t**2).sum())
            flat, wanted = np.maximum(z, 0).reshape(len(z), -1), t.reshape(len(t), -1)
            difference = flat @ flat.T - wanted @ wanted.T
            grams.append((difference**2).sum() / ((wanted @ wanted.T) ** 2).sum())
    assert errors["feature_error"].item() == pytest.approx(np.mean(features), rel=1e-5)
    assert errors["gram_error"].item() == pytest.approx(np.mean(grams), rel=1e-5)


def test_a_perfect_student_has_no_error():
    lesson = LESSONS["vgg19_16x"]
    targets = FeatureExtractor("vgg19_16x", lesson.layers, "random")(photographs())
    maps = {own: targets[its] for own, its in lesson.pairs.items()}
    maps |= {own: targets[its] / 8 for own, its in lesson.hints.items()}
    maps |= {own.replace("relu", "conv").replace("lift", "embed"): values for own, values in maps.items()}
    assert max(lesson.errors(maps, targets).values()) == 0


def test_a_unit_that_is_off_where_the_teachers_is_on_has_a_slope():
    lesson = LESSONS["vgg16"]
    before = {own.replace("lift", "embed"): torch.full((1, 1, 2, 2), -1.0, requires_grad=True) for own in lesson.pairs}
    maps = before | {own: before[own.replace("lift", "embed")].relu() for own in lesson.pairs}
    targets = {its: torch.ones(1, 1, 2, 2) for its in lesson.pairs.values()}
    lesson.errors(maps, targets)["feature_error"].backward()
    assert all((values.grad < 0).all() for values in before.values())


@pytest.mark.parametrize("seed", range(24))
def test_disturbed_images_keep_their_shape_and_follow_from_the_generator(seed: int):
    photograph, painting = photographs(2, 24).split(1)
    one, other = (disturb(photograph, painting, torch.Generator().manual_seed(seed)) for _ in range(2))
    assert torch.equal(one, other)
    assert one.shape == photograph.shape
    assert one.isfinite().all()
    assert one.abs().max() < 4


@pytest.mark.parametrize(("height", "width", "size"), [(40, 60, 16), (20, 30, 32), (16, 16, 16)])
def test_crops_of_paintings_have_the_size_asked_for(height: int, width: int, size: int):
    painting = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))
    crop = random_crop(painting, size, torch.Generator().manual_seed(3))
    assert crop.shape == (1, 3, size, size)
    assert 0 <= crop.min() <= crop.max() <= 1


def test_visited_images_go_down_the_students_loss(module: DistillModule):
    network, visited = module.network.eval(), Visited(2, length=40)
    assert visited.due(7) == [0, 1]
    with torch.no_grad():
        content, style = network(photographs()), network(photographs().flip(3).square())
    pairs = list(module.lesson.pairs)
    targets = {name: style[name] for name in pairs}, torch.ones(2)
    visited.start([0, 1], torch.rand(2, 3, 32, 32), {"relu3_1": content["relu3_1"]}, *targets)

    def gram_error() -> float:
        flat, wanted = (maps["lift1_1"].detach().flatten(2) for maps in (network(visited.images), style))
        difference = flat @ flat.mT - wanted @ wanted.mT
        return float(difference.square().sum() / (wanted @ wanted.mT).square().sum())

    before = gram_error()
    for _ in range(20):
        images = visited.images.requires_grad_()
        visited.move(images, network(images))
    assert gram_error() < 0.7 * before
    assert all(parameter.grad is None for parameter in network.parameters())
    assert visited.due(0) == [0]
    assert visited.due(20) == [1]
    assert visited.due(21) == []


def test_a_run_leaves_a_student_of_16_bits_that_is_read_as_a_backbone(train: Train):
    assert train() == 0
    student = load_file(RUN / "student.safetensors")
    full = torch.load(RUN / "last.ckpt", weights_only=True)
    assert {tensor.dtype for tensor in student.values()} == {torch.float16}
    assert {name.removeprefix("network.") for name in full["state_dict"]} == set(student)
    metadata = read_student(RUN / "student.safetensors")
    assert (metadata["class"], metadata["steps"]) == ("VGGSmall", 4)
    assert metadata["teacher"] == {"backbone": "vgg19_16x", "weights": "random", "substitute": True}
    network = VGGSmall(**metadata["arguments"])
    network.load_state_dict({name: tensor.float() for name, tensor in student.items()})
    features = FeatureExtractor("vgg_small", ("relu3_1", "lift4_1"), str(RUN / "student.safetensors"))(photographs())
    with torch.no_grad():
        for layer, maps in features.items():
            assert_close(maps, network(photographs())[layer])


def test_a_resumed_run_goes_on_where_it_was(train: Train):
    assert train("trainer.max_steps=2") == 0
    assert train(f"--ckpt_path={RUN / 'last.ckpt'}", "trainer.max_steps=3") == 0
    assert torch.load(RUN / "last.ckpt", weights_only=True)["global_step"] == 3
    assert not Path("outputs/debug/distill/version_1").exists()


def test_the_run_card_names_the_teacher(train: Train, capsys: pytest.CaptureFixture):
    assert train("teacher=vgg19") == 0
    card = " ".join(capsys.readouterr().err.split())
    assert card.startswith("teacher vgg19, random weights, a substitute for VGG16")
    assert "paintings 5 (the styles that have a name)" in card


def test_validation_logs_errors_and_the_rank_correlation_of_scipy(module: DistillModule, monkeypatch):
    logged: dict[str, float] = {}
    monkeypatch.setattr(module, "log_dict", lambda values, **_: logged.update(values))
    monkeypatch.setattr(module, "log", lambda name, value, **_: logged.update({name: value}))
    module.on_validation_epoch_start()
    with torch.no_grad():
        for batch in range(2):
            module.validation_step(photographs(3), batch)
        module.on_validation_epoch_end()
    own, its = (torch.cat(losses) for losses in zip(*module._seen, strict=True))
    assert len(own) == 2 * 3 * 6  # batches, paintings, images
    assert logged["val/style_rank"] == pytest.approx(scipy.stats.spearmanr(own, its).statistic, abs=1e-4)
    assert {"val/feature_error", "val/gram_error", "val/hint_error"} < set(logged)


def test_a_folder_of_paintings_takes_the_place_of_the_styles(tmp_path: Path, bare_environment: None):
    save_image(torch.rand(1, 3, 40, 50), tmp_path / "one.png")
    assert len(DistillModule("vgg19", "random", paintings=str(tmp_path)).paintings) == 1


BAD = {
    "unknown teacher": (["teacher=vgg61"], "unknown teacher 'vgg61'"),
    "missing weights": (["model.weights=none.pth"], "none.pth"),
    "teacher's weights": (["teacher=vgg19_16x", "model.weights=imagenet"], "no vgg19_16x.safetensors"),
    "unknown option": (["model.techer=vgg16"], "did you mean model.teacher"),
    "no visited": (["model.visited=0"], "visited is 0: give at least 1"),
    "missing paintings": (["model.paintings=nowhere"], "no such folder: nowhere"),
    "missing checkpoint": (["--ckpt_path=none.ckpt"], "no such file: none.ckpt"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_exit_code_2(train: Train, capsys: pytest.CaptureFixture, case: str):
    arguments, words = BAD[case]
    assert train(*arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert words in line


def test_a_stylizer_is_no_student(tmp_path: Path):
    network = JohnsonNet(width=2)
    save_network(network, tmp_path / "stylizer.safetensors", describe(network))
    with pytest.raises(InputError, match="holds no student"):
        read_student(tmp_path / "stylizer.safetensors")


def test_the_rate_grows_then_falls_to_nearly_nothing():
    factor = Cosine(1000)
    assert factor(0) == pytest.approx(1 / 200, rel=0.01)
    assert factor(600) == pytest.approx(0.005 + 0.995 * (1 + np.cos(0.6 * np.pi)) / 2)
    assert factor(1000) == factor(5000) == pytest.approx(0.005)
