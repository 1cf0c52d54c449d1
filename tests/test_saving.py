import os
from pathlib import Path

import pytest
import torch
from tiny_training import TinyModule, train

from stylenet import saving
from stylenet.errors import Failed, InputError
from stylenet.saving import BEFORE, LAST, CheckpointFile, LastCheckpoint, check_saved, newest_whole


def step(path: Path) -> int:
    return torch.load(path, weights_only=True)["global_step"]


def test_the_last_checkpoint_and_the_one_before_are_kept(tmp_path):
    train(tmp_path, [LastCheckpoint(2)], plugins=[CheckpointFile()])
    assert (step(tmp_path / LAST), step(tmp_path / BEFORE)) == (6, 4)
    assert sorted(path.name for path in tmp_path.iterdir()) == [BEFORE, LAST]


def test_a_process_killed_while_it_writes_leaves_the_checkpoint_before(tmp_path, monkeypatch: pytest.MonkeyPatch):
    train(tmp_path, [LastCheckpoint(2)], steps=2, plugins=[CheckpointFile()])

    def die(_: int) -> None:
        raise SystemExit

    monkeypatch.setattr(os, "fsync", die)
    with pytest.raises(SystemExit):
        train(tmp_path, [LastCheckpoint(2)], plugins=[CheckpointFile()])
    assert step(tmp_path / LAST) == 2


def test_a_run_goes_on_from_the_one_before_where_the_last_is_cut_short(tmp_path):
    train(tmp_path, [LastCheckpoint(3)], plugins=[CheckpointFile()])
    last = tmp_path / LAST
    assert newest_whole(tmp_path) == last
    whole = last.read_bytes()
    last.unlink()  # its other name, that of the one before, keeps its own bytes
    last.write_bytes(whole[:-100])
    assert newest_whole(tmp_path) == tmp_path / BEFORE
    (tmp_path / BEFORE).unlink()
    assert newest_whole(tmp_path) is None


class NoRoom(CheckpointFile):
    """Has no room for its first writings."""

    def __init__(self, failures: int) -> None:
        self.failures = failures

    def _replace(self, path, content):
        self.failures -= 1
        if self.failures >= 0:
            raise InputError(f"cannot write {path}: No space left on device")
        CheckpointFile._replace(path, content)


@pytest.mark.parametrize("failures", [1, 3])
def test_a_checkpoint_that_finds_no_room_is_tried_again(tmp_path, capsys, failures: int):
    train(tmp_path, [LastCheckpoint(2)], plugins=[NoRoom(failures)])
    assert step(tmp_path / LAST) == 6
    assert capsys.readouterr().err.count("No space left on device; the training goes on") == failures


def test_a_training_that_could_save_nothing_says_so_at_its_end(tmp_path):
    trainer = train(tmp_path, [LastCheckpoint(2)], plugins=[NoRoom(99)])
    with pytest.raises(Failed, match="No space left on device: make room, and go on with the last checkpoint"):
        check_saved(trainer)


class NoGradient(TinyModule):
    """Its fourth step has a finite loss, and a gradient that is not."""

    def on_before_optimizer_step(self, optimizer):
        if self.global_step == 3:
            self.layer.weight.grad.fill_(float("nan"))


def test_weights_that_are_not_finite_are_never_saved(tmp_path):
    module = NoGradient()
    with pytest.raises(Failed, match=r"a weight is not a finite number at step 4: .*last.ckpt is from before"):
        train(tmp_path, [LastCheckpoint(2)], module=module, plugins=[CheckpointFile()])
    assert step(tmp_path / LAST) == 2


def test_the_error_names_no_checkpoint_where_there_is_none(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(saving, "run_folder", lambda _: tmp_path)
    assert LAST not in str(saving.diverged(type("Trainer", (), {"global_step": 1}), "the loss"))
