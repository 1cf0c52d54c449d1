"""`train.py` in this process: what it writes, what rules on a resume, what it refuses."""

import contextlib
import io
import shutil
from collections.abc import Callable
from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file
from support import DEBUG, strip, train_here

from stylenet.cli import train_folder
from stylenet.networks.checkpoint import load_network

RUN = Path("outputs/debug/starry_night/version_0")
Train = Callable[..., int]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with a finished run of configs/debug.yaml, of two steps, and what it said on standard error."""
    folder, said = tmp_path_factory.mktemp("finished"), io.StringIO()
    with pytest.MonkeyPatch.context() as monkeypatch, contextlib.redirect_stderr(said):
        strip(monkeypatch, folder)
        assert train_here(monkeypatch, folder, DEBUG, "style=starry_night", "trainer.max_steps=2") == 0
    return folder, said.getvalue()


@pytest.fixture
def train(train: Train, monkeypatch: pytest.MonkeyPatch) -> Train:
    """Run the command line in tmp_path with configs/debug.yaml and return its exit code; no step is timed."""
    monkeypatch.setattr("stylenet.cli.run_card.step_time", lambda *_: 1.0)
    return lambda *arguments: train(DEBUG, *arguments)


@pytest.fixture
def again(finished: tuple[Path, str], train: Train) -> Train:
    """As `train`, where a run of two steps is finished."""
    shutil.copytree(finished[0] / "outputs", "outputs")
    return train


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    return torch.load(checkpoint, weights_only=True)["state_dict"]


def assert_same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_run_writes_config_events_checkpoints_and_grids(finished: tuple[Path, str]):
    names = {path.name for path in files_below(finished[0] / RUN)}
    assert {"config.yaml", "last.ckpt", "stylizer.safetensors", "step_000002.png"} <= names
    assert any(name.startswith("events.out.tfevents") for name in names)


def test_the_run_card_comes_first_and_owns_up_to_substitutes(finished: tuple[Path, str]):
    card = " ".join(finished[1].split())
    assert card.startswith("style starry_night")
    for words in (
        "loss network vgg16, bundled weights",
        "substitute for COCO 2014",
        "2 steps of 2 images",
        "expected time",
    ):
        assert words in card


def test_checkpoints_hold_the_network_alone_and_rebuild_it(finished: tuple[Path, str]):
    run = finished[0] / RUN
    state = weights(run / "last.ckpt")
    assert state
    assert all(name.startswith("network.") for name in state)
    slim, metadata = load_network(run / "stylizer.safetensors")
    full, _ = load_network(run / "last.ckpt")
    photograph = torch.rand(1, 3, 37, 50)
    assert torch.equal(slim(photograph), full(photograph))
    assert metadata["style"] == "starry_night"
    assert metadata["loss_network"] == {"backbone": "vgg16", "weights": "bundled"}
    assert metadata["photographs"] == {"source": "synthetic", "images": None, "substitute": True}
    assert metadata["steps"] == 2
    assert {name.removeprefix("network.") for name in state} == set(load_file(run / "stylizer.safetensors"))


def test_tensorboard_gets_raw_and_weighted_terms_a_layer_and_the_photographs_own_figures(finished: tuple[Path, str]):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(finished[0] / RUN))
    events.Reload()
    tags = set(events.Tags()["scalars"])
    wanted = {"raw/style/relu1_2", "weighted/style/relu1_2", "raw/content/relu2_2", "raw/tv", "train/loss"}
    wanted |= {"lr-Adam/convolutions", "lr-Adam/norms"}
    wanted |= {"val/ssim", "val/gram_difference", "val/ssim_photograph", "val/gram_difference_photograph"}
    assert wanted <= tags
    assert events.Tags()["images"] == ["val/grid"]
    raw, weighted = (events.Scalars(f"{kind}/style/relu1_2")[-1].value for kind in ("raw", "weighted"))
    assert weighted == pytest.approx(raw * 5 / 4, rel=1e-5)  # the style's weight, shared by its four layers
    assert events.Scalars("val/ssim_photograph")[-1].value == pytest.approx(1, abs=1e-5)


def test_a_resumed_run_equals_the_uninterrupted_one_bit_for_bit(train: Train, photographs: Path):
    own = ["style=starry_night", "data.source=folder", f"data.root={photographs}", "model.lr_decay=0.1"]
    own += ["trainer.accumulate_grad_batches=2", "data.num_workers=1"]  # test_processes does without
    save = "trainer.logger.init_args.save_dir="
    assert train(*own, "trainer.max_steps=4", f"{save}straight") == 0  # eight batches, of which an epoch has five
    assert train(*own, "trainer.max_steps=2", f"{save}cut") == 0
    last = Path("cut/starry_night/version_0/last.ckpt")
    assert train(*own, "trainer.max_steps=4", f"{save}cut", f"--ckpt_path={last}") == 0
    assert_same(weights(last), weights(Path("straight/starry_night/version_0/last.ckpt")))
    assert sorted(path.name for path in last.parent.glob("*.ckpt")) == ["before_last.ckpt", "last.ckpt"]
    assert not Path("cut/starry_night/version_1").exists()


def test_last_is_the_newest_checkpoint_and_begins_where_there_is_none(train: Train):
    def saved() -> dict[str, int]:
        files = sorted(RUN.parent.glob("version_*/last.ckpt"))
        return {path.parent.name: torch.load(path, weights_only=True)["global_step"] for path in files}

    assert train("style=starry_night", "trainer.max_steps=1", "--ckpt_path=last") == 0
    assert train("style=starry_night", "trainer.max_steps=1") == 0
    assert train("style=starry_night", "trainer.max_steps=2", "--ckpt_path=last") == 0
    assert saved() == {"version_0": 1, "version_1": 2}


def test_two_runs_that_begin_together_get_folders_of_their_own(train: Train, monkeypatch: pytest.MonkeyPatch):
    real = train_folder.run_folder

    def overtaken(trainer: pl.Trainer) -> Path:
        """Have another run take the folder between the count and the making."""
        folder = real(trainer)
        if folder.name == "version_0":
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    monkeypatch.setattr(train_folder, "run_folder", overtaken)
    assert train("style=starry_night", "trainer.max_steps=1") == 0
    assert not any(RUN.iterdir())
    assert (RUN.with_name("version_1") / "last.ckpt").is_file()


def test_a_loss_that_is_not_finite_is_one_line_and_leaves_the_checkpoint_before(train: Train, capsys):
    assert train("style=starry_night", "trainer.max_steps=4", "checkpoint.every_n_train_steps=1", "model.lr=1e30") == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ")
    assert "is not a finite number at step" in error
    assert "give a lower model.lr" in error


def test_on_resume_the_command_line_rules_and_the_style_stays(again: Train):
    assert again("style=great_wave", "model.lr=0.5", f"--ckpt_path={RUN / 'last.ckpt'}", "trainer.max_steps=3") == 0
    config = yaml.safe_load(Path("outputs/debug/great_wave/version_0/config.yaml").read_text())
    assert config["style"] == "great_wave"
    assert config["model"]["init_args"]["lr"] == 0.5
    slim, metadata = load_network("outputs/debug/great_wave/version_0/stylizer.safetensors")
    assert (metadata["style"], metadata["steps"]) == ("great_wave", 3)


def read_all(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in files_below(folder)}


def last_line(capsys: pytest.CaptureFixture) -> str:
    return capsys.readouterr().err.splitlines()[-1]


def test_a_resume_in_another_style_writes_into_a_new_folder(again: Train):
    shutil.copytree("outputs/debug/starry_night", "outputs/debug/great_wave")
    before = read_all(Path("outputs"))
    assert again("style=great_wave", f"--ckpt_path={RUN / 'last.ckpt'}", "trainer.max_steps=3") == 0
    assert before == {path: path.read_bytes() for path in before}
    assert Path("outputs/debug/great_wave/version_1/last.ckpt").is_file()


def test_a_resume_goes_on_in_its_own_folder_or_in_a_new_one_but_never_in_anothers(again: Train):
    at_home = "trainer.logger.init_args.save_dir=checkpoints"
    home, away = Path("checkpoints/starry_night/version_0"), Path("away/starry_night/version_0")
    shutil.move(RUN, home)
    shutil.copytree(home, away)
    before = read_all(home)
    assert again("style=starry_night", at_home, f"--ckpt_path={away / 'last.ckpt'}", "trainer.max_steps=3") == 0
    assert read_all(home) == before
    assert torch.load(away / "last.ckpt", weights_only=True)["global_step"] == 3
    before |= read_all(away)
    assert again("style=starry_night", f"--ckpt_path={away / 'last.ckpt'}", "trainer.max_steps=4") == 0
    assert read_all(home) | read_all(away) == before
    assert torch.load(RUN / "last.ckpt", weights_only=True)["global_step"] == 4


def test_the_config_of_a_resumed_run_repeats_it_into_a_new_folder(again: Train):
    assert again("style=starry_night", f"--ckpt_path={RUN / 'last.ckpt'}", "trainer.max_steps=3") == 0
    before = read_all(RUN)
    assert again(f"--config={RUN / 'config.yaml'}") == 0
    assert read_all(RUN) == before
    assert torch.load(RUN.with_name("version_1") / "last.ckpt", weights_only=True)["global_step"] == 3


REFUSED_RESUMES = {
    "another shape": (["model.width=4"], "holds a network of another shape: {'width': 8"),
    "another optimizer": (["model.optimizer=muon"], "give model.optimizer=adam"),
    "slim": ([f"--ckpt_path={RUN / 'stylizer.safetensors'}"], "last.ckpt"),
}


def test_a_refused_resume_is_one_line_and_leaves_the_run_as_it_was(again: Train, capsys: pytest.CaptureFixture):
    before = read_all(RUN.parent)
    for arguments, words in REFUSED_RESUMES.values():
        resume = ["style=starry_night", "trainer.max_steps=3", f"--ckpt_path={RUN / 'last.ckpt'}"]
        capsys.readouterr()
        assert again(*resume, *arguments) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("error: ")
        assert words in line
        assert read_all(RUN.parent) == before


def test_a_resume_with_nothing_to_do_says_so_and_leaves_the_run_as_it_was(again: Train, capsys: pytest.CaptureFixture):
    before = read_all(RUN.parent)
    assert again("style=starry_night", f"--ckpt_path={RUN / 'last.ckpt'}", "trainer.max_steps=2") == 0
    assert "trainer.max_steps is 2; give a larger one" in last_line(capsys)
    assert read_all(RUN.parent) == before


def test_a_run_refused_after_its_card_leaves_no_folder(train: Train, capsys: pytest.CaptureFixture, tmp_path: Path):
    before = files_below(tmp_path)
    assert train("style=starry_night", "model.pixel_weight=1") == 2
    assert "need data.pseudo_labels=FOLDER" in last_line(capsys)
    assert files_below(tmp_path) == before
    assert not list(tmp_path.rglob("version_*"))


def test_without_a_logger_each_run_has_a_folder_of_its_own(train: Train):
    for off in ([], ["trainer.enable_checkpointing=false", "trainer.enable_progress_bar=false"]):
        assert train("style=starry_night", "trainer.logger=false", "trainer.max_steps=1", *off) == 0
    found = sorted(Path("checkpoints/starry_night").glob("*/stylizer.safetensors"))
    assert [path.parent.name for path in found] == ["version_0", "version_1"]


def test_a_home_folder_is_found_by_its_short_name(again: Train, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("HOME", str(tmp_path))
    own = ["style=starry_night", f"model.init_from=~/{RUN / 'stylizer.safetensors'}", "trainer.max_steps=3"]
    assert again(*own, f"--ckpt_path=~/{RUN / 'last.ckpt'}") == 0
    assert torch.load(RUN / "last.ckpt", weights_only=True)["global_step"] == 3


def test_validating_random_weights_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, tmp_path: Path, bare_environment: None
):
    assert train_here(monkeypatch, tmp_path, "validate", "style=starry_night", DEBUG) == 2
    assert "--ckpt_path=RUN/last.ckpt or model.init_from=FILE" in last_line(capsys)


def test_validating_a_checkpoint_leaves_its_run_as_it_was(
    again: Train, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    before = {path: path.read_bytes() for path in files_below(RUN) if path.suffix in (".yaml", ".ckpt", ".safetensors")}
    given = ["validate", "style=starry_night", DEBUG, f"--ckpt_path={RUN / 'last.ckpt'}"]
    assert train_here(monkeypatch, tmp_path, *given) == 0
    assert before == {path: path.read_bytes() for path in before}


def test_init_from_takes_the_weights_and_nothing_else(again: Train):
    frozen = [
        "style=great_wave",
        "model.lr=0",
        "model.norm_lr=0",
        "trainer.max_steps=1",
        f"model.init_from={RUN / 'stylizer.safetensors'}",
    ]
    assert again(*frozen) == 0
    old = load_file(RUN / "stylizer.safetensors")
    assert_same(load_file("outputs/debug/great_wave/version_0/stylizer.safetensors"), old)
    _, metadata = load_network("outputs/debug/great_wave/version_0/stylizer.safetensors")
    assert metadata["steps"] == 1


def test_init_from_a_network_of_another_shape_is_refused(again: Train, capsys: pytest.CaptureFixture):
    assert again("style=great_wave", "model.width=4", f"model.init_from={RUN / 'last.ckpt'}") == 2
    assert "holds another network: give its options" in capsys.readouterr().err.splitlines()[-1]


def test_a_printed_config_makes_the_same_run(train: Train, capsys: pytest.CaptureFixture):
    with pytest.raises(SystemExit) as exit_info:
        train("style=starry_night", "model.lr=0.25", "trainer.max_steps=1", "--print_config")
    assert exit_info.value.code in (0, None)
    Path("mine.yaml").write_text(capsys.readouterr().out)
    assert train("--config=mine.yaml") == 0
    config = yaml.safe_load((RUN / "config.yaml").read_text())
    assert (config["style"], config["model"]["init_args"]["lr"]) == ("starry_night", 0.25)


def test_later_configs_beat_earlier_ones_and_options_beat_both(train: Train):
    Path("one.yaml").write_text("trainer: {max_steps: 1}\nmodel: {init_args: {lr: 0.5, width: 4}}")
    Path("two.yaml").write_text("model: {init_args: {lr: 0.25}}")
    assert train("style=starry_night", "--config=one.yaml", "--config=two.yaml", "model.norm=batch") == 0
    given = yaml.safe_load((RUN / "config.yaml").read_text())["model"]["init_args"]
    assert (given["lr"], given["width"], given["norm"]) == (0.25, 4, "batch")


def test_a_style_may_be_the_path_of_an_image(train: Train, photographs: Path):
    assert train(f"style={photographs / '03.png'}", "trainer.max_steps=1") == 0
    assert load_network("outputs/debug/03/version_0/stylizer.safetensors")[1]["style"] == "03"


def test_a_skipped_photograph_is_counted(train: Train, photographs: Path, capsys: pytest.CaptureFixture):
    (photographs / "02.png").write_bytes(b"no image")
    with pytest.warns(UserWarning, match="02.png"):
        assert (
            train(
                "style=starry_night",
                "data.source=folder",
                f"data.root={photographs}",
                "trainer.max_steps=6",
                "trainer.val_check_interval=9",
            )
            == 0
        )
    assert "1 images could not be read and were skipped" in capsys.readouterr().err


ABSENT = f"trainer.accelerator={'mps' if torch.cuda.is_available() else 'cuda'}"
BAD = {
    "no style": ([], "no style given"),
    "unknown style": (["style=stary_night"], "did you mean 'starry_night'"),
    "missing style image": (["style=nowhere/x.jpg"], "no style image at nowhere/x.jpg"),
    "unknown key": (["style=starry_night", "modle.lr=1"], "unknown option modle.lr"),
    "unknown model option": (["style=starry_night", "model.lrr=1"], "did you mean model.lr"),
    "hyphens": (["style=starry_night", "--style-weight", "5"], "unknown option style_weight: did you mean model."),
    "unknown trainer option": (["style=starry_night", "trainer.max_step=1"], "did you mean trainer.max_steps"),
    "unknown data option": (["style=starry_night", "data.sise=1"], "did you mean data.size"),
    "unknown layer": (["style=starry_night", "model.style_layers=[relu9_9]"], "unknown layer of vgg16 'relu9_9'"),
    "unknown backbone": (["style=starry_night", "model.backbone=vgg61"], "unknown backbone 'vgg61'"),
    "unknown normalization": (["style=starry_night", "model.normalization=jonson"], "did you mean 'johnson'"),
    "missing weights": (["style=starry_night", "model.weights=none.pth"], "none.pth"),
    "missing folder": (["style=starry_night", "data.source=folder", "data.root=nowhere"], "no such folder: nowhere"),
    "missing coco": (["style=starry_night", "data.source=coco", "data.root=nowhere"], "train2014.zip"),
    "empty folder": (["style=starry_night", "data.source=folder", "data.root=empty"], "no images in empty"),
    "missing config": (["style=starry_night", "--config=none.yaml"], "none.yaml; --config takes a YAML file"),
    "a folder as style": (["style=empty"], "empty is a folder: give one of its images"),
    "an image that is not there": (["style=none.jpg"], "no style image at none.jpg: give the path of an image"),
    "a group": (["style=starry_night", "data=photos"], "data=photos: give data.OPTION=VALUE for each of its options"),
    "no value": (["--style"], "--style has no value: give --style=VALUE"),
    "broken config": (["style=starry_night", "--config=broken.yaml"], "config"),
    "wrong type": (["style=starry_night", "trainer.max_steps=many"], "trainer.max_steps=many: give a whole number"),
    "negative rate": (["style=starry_night", "model.lr=-1"], "model.lr is -1.0: give at least 0"),
    "null": (["style=starry_night", "model.lr=null"], "model.lr is null: give a value, or leave it out"),
    "null of the loss": (["style=starry_night", "model.style_weight=null"], "model.style_weight is null: give a value"),
    "no width": (["style=starry_night", "model.width=0"], "model.width is 0: give at least 1"),
    "no interval": (["style=starry_night", "checkpoint.every_n_train_steps=0"], "give at least 1"),
    "shards": (["style=starry_night", "trainer.strategy=fsdp"], "trainer.strategy=fsdp is not supported: these"),
    "DeepSpeed": (["style=starry_night", "trainer.strategy=deepspeed_stage_2"], "fit on any device, use ddp"),
    "spawned": (["style=starry_night", "trainer.strategy=ddp_spawn"], "strategy=ddp_spawn is not supported"),
    "no such device": (["style=starry_night", ABSENT], "Leave trainer.accelerator out"),
    "no strategy": (["style=starry_night", "trainer.strategy=dpp"], "trainer.strategy=dpp is not supported"),
    "wrong type of the model": (["style=starry_night", "model.lr=abc"], "error: model.lr=abc: give a number"),
    "one model of many styles": (["model=johnson", "style=[a,b]"], "give model=multistyle"),
    "paintings beside a style": (["style=starry_night", "data.paintings=auto"], "data.paintings is for model=adain"),
    "wrong choice": (["style=starry_night", "trainer.precision=8"], "trainer.precision=8: give 64, 32, 16, "),
    "two styles": (["style=starry_night", "style=great_wave"], "style=[starry_night,great_wave]"),
    "another model's option": (["model=adain", "model.style_size=48"], "model=adain has no option style_size"),
    "another model's recipe": (["model=adain", "recipe=minutes"], "model=adain takes no recipe=minutes"),
    "missing checkpoint": (["style=starry_night", "--ckpt_path=none.ckpt"], "no such file: none.ckpt"),
    "tiny style": (["style=tiny.png"], "3x3"),
    "broken style": (["style=text.jpg"], "text.jpg"),
    "an accelerator's package": (["style=starry_night", "trainer.accelerator=tpu"], "torch_xla"),
    "no accelerator": (["style=starry_night", "trainer.accelerator=mps"], "MPSAccelerator"),
}


SLURM = {f"SLURM_{name}": "0" for name in ("PROCID", "LOCALID", "NODEID")} | {
    "SLURM_JOB_ID": "77", "SLURM_JOB_NAME": "train", "SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "4",
}  # fmt: skip
OTHER_PROCESSES = {
    "more tasks": (SLURM | {"SLURM_NTASKS_PER_NODE": "4"}, 1, "is 1, but srun started 4 processes: give"),
    "fewer tasks": (SLURM | {"SLURM_NTASKS_PER_NODE": "4"}, 8, "is 8, but srun started 4 processes: give"),
    "tasks without nodes": (SLURM, 4, "HINT: Use `--ntasks-per-node=4` instead"),
    "torchrun": ({"TORCHELASTIC_RUN_ID": "1", "WORLD_SIZE": "2"}, 1, "is 1, but torchrun started 2 processes: give"),
}


@pytest.mark.parametrize(("variables", "devices", "words"), OTHER_PROCESSES.values(), ids=OTHER_PROCESSES)
def test_other_processes_than_devices_are_refused(
    train: Train, monkeypatch: pytest.MonkeyPatch, capsys, variables: dict[str, str], devices: int, words: str
):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert train("style=starry_night", f"trainer.devices={devices}") == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert words in said
    assert not Path("outputs").exists()


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_exit_code_2_and_writes_nothing(
    train: Train, tmp_path: Path, refused: Callable[..., None], case: str
):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.jpg").write_text("no image")
    (tmp_path / "broken.yaml").write_text("a: [")
    Image.new("RGB", (3, 3)).save(tmp_path / "tiny.png")
    arguments, words = BAD[case]
    refused(lambda: train(*arguments), words)


def test_a_style_for_a_model_of_any_style_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, tmp_path: Path, bare_environment: None
):
    assert train_here(monkeypatch, tmp_path, "model=adain", "style=great_wave") == 2
    assert last_line(capsys) == "error: model=adain takes no style: leave out style=great_wave"


def test_a_malicious_checkpoint_is_refused_and_not_run(train: Train, capsys: pytest.CaptureFixture):
    class Malice:
        def __reduce__(self):
            return Path.touch, (Path("ran"),)

    torch.save({"state_dict": Malice()}, "bad.ckpt")
    assert train("style=starry_night", "--ckpt_path=bad.ckpt") == 2
    assert "cannot be read safely" in capsys.readouterr().err
    assert not Path("ran").exists()
