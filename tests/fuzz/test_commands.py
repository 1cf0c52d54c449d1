"""Command lines and configurations of anything: success, or one line on standard error and exit code 1 or 2."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import VALUES, damaged, replaced
from support import DEBUG, ROOT, picture

from stylenet.cli import evaluate, export, gatys, infer, pseudo_label, study
from stylenet.cli.exits import guarded
from stylenet.cli.train import _train
from stylenet.images import save_image
from stylenet.networks.checkpoint import describe, save_network
from stylenet.networks.johnson import JohnsonNet

Run = Callable[[list[str]], int]
TINY = ["--steps=1", "--size=32", "--weights=bundled", "--device=cpu"]
"""Quick even if another option stands before them: none takes what begins with two hyphens for its value."""
OWN_NETWORK = ["--methods=net.safetensors", "--runtime=false"]
COMMANDS: dict[str, tuple[Run, list[str]]] = {
    "infer": (infer.run, ["ckpt=net.safetensors", "input=photo.png", "output=out.png", "size=16", "device=cpu"]),
    "gatys": (gatys.run, ["content=photo.png", "style=style.png", "output=out.png", *TINY]),
    "pseudo-label": (pseudo_label.run, ["content=photos", "style=style.png", "output=out", "method=gatys", *TINY]),
    "evaluate": (evaluate.run, ["photographs=nowhere", "styles=style.png", "output=out", *OWN_NETWORK, "--size=32"]),
    "export": (export.run, ["ckpt=net.safetensors", "format=nowhere", "output=out.pt2"]),
    "study": (study.run, ["study.yaml", "output=there"]),
}
STUDY = (
    (ROOT / "configs/studies/iterations.yaml")
    .read_bytes()
    .replace(b"astronaut, coffee", b"nowhere.png")
    .replace(b"size: 256, steps: 300", b"size: 32, steps: 1")
    .replace(b"[content, noise]", b"[content]")
)
"""A study that ends at once: there is no such photograph; and soon with another one."""
NAMES = (
    "ckpt input output style alpha size tile mask steps device weights init loss.tv_weight style_weight seed config x"
)
TEXTS = ["", "nan", "-1", "0", "1", "2.5", "abc", "true", "[1,2]", "[1,", "{a: 1}", "null", "../x", "é", "1e400", "64"]
TEXTS += [
    "photo.png",
    "net.safetensors",
    "cpu",
    "a,b",
    "=",
    "\0",
    "x" * 5000,
    "1" * 5000,
    "photos",
    "%(x)s",
    "${x}",
    "~",
]
TOKENS = st.builds(
    lambda name, sign, text: sign.format(name, text),
    st.sampled_from(NAMES.split()),
    st.sampled_from(["{}={}", "--{}={}", "--{}", "{1}", "-{}", "--{}.{}=1", "----{}={}"]),
    st.one_of(st.sampled_from(TEXTS), st.text(max_size=6)),
).filter(lambda token: token not in ("-", "--h", "-h"))


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bare_environment: None) -> None:
    """A working folder with a tiny network, a photograph, a folder of photographs and a painting."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    network = JohnsonNet(width=1, blocks=1)
    save_network(network, "net.safetensors", describe(network))
    Path("study.yaml").write_bytes(STUDY)
    for seed, name in enumerate(("photo", "style", "photos/one")):
        save_image(picture(seed, 20, 24), f"{name}.png")


def ends_well(run: Callable[[], int], capsys: pytest.CaptureFixture) -> None:
    capsys.readouterr()
    code = guarded(run)
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert code in (0, 1, 2)
    assert len(errors) == (code == 2)


@pytest.mark.parametrize("name", COMMANDS)
def test_command_lines(name: str, capsys: pytest.CaptureFixture):
    run, arguments = COMMANDS[name]

    @given(
        st.lists(TOKENS, max_size=3),
        st.sets(st.sampled_from(arguments[:3]), max_size=2),
        st.randoms(use_true_random=False),
    )
    def check(more: list[str], less: set[str], order) -> None:
        given = [argument for argument in arguments if argument not in less]
        for token in more:
            given.insert(order.randint(0, len(given)), token)
        ends_well(lambda: run(given), capsys)

    check()


CONFIGURATION = {"ckpt": "net.safetensors", "input": "photo.png", "output": "out.png", "size": 16, "device": "cpu"}


def test_configurations_of_anything(capsys: pytest.CaptureFixture):
    @given(replaced(CONFIGURATION))
    def check(content: object) -> None:
        Path("own.yaml").write_text(yaml.safe_dump(content, allow_unicode=True))
        ends_well(lambda: infer.run(["--config=own.yaml"]), capsys)

    check()


def test_damaged_configurations(capsys: pytest.CaptureFixture):
    @given(damaged(yaml.safe_dump(CONFIGURATION).encode()))
    def check(raw: bytes) -> None:
        Path("own.yaml").write_bytes(raw)
        ends_well(lambda: infer.run(["--config=own.yaml"]), capsys)

    check()


def test_damaged_studies(capsys: pytest.CaptureFixture):
    @given(damaged(STUDY))
    def check(raw: bytes) -> None:
        Path("own.yaml").write_bytes(raw)
        ends_well(lambda: study.run(["own.yaml", "--output=there"]), capsys)

    check()


def test_studies_of_anything(capsys: pytest.CaptureFixture):
    @given(replaced(yaml.safe_load(STUDY)))
    def check(content: object) -> None:
        Path("own.yaml").write_text(yaml.safe_dump(content, allow_unicode=True))
        ends_well(lambda: study.run(["own.yaml", "--output=there"]), capsys)

    check()


def parse(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run train.py up to where it prints its configuration."""
    monkeypatch.setattr(sys, "argv", ["train.py", "style=style.png", DEBUG, *arguments, "--print_config"])
    try:
        return _train()
    except SystemExit as error:
        if error.code:
            raise
        return 0


def test_trainings(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    @settings(max_examples=settings().max_examples // 4)
    @given(st.lists(TOKENS, max_size=3), replaced({"model": {"init_args": {"width": 4}}, "data": {"size": 32}}, VALUES))
    def check(more: list[str], content: object) -> None:
        Path("own.yaml").write_text(yaml.safe_dump(content, allow_unicode=True))
        ends_well(lambda: parse(monkeypatch, "--config=own.yaml", *more), capsys)

    check()
