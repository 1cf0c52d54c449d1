"""The console command `stylenet`: what it runs, and that it runs under DDP."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from support import DEBUG, fake_scontrol

from stylenet.cli import gatys, infer, main
from stylenet.cli import train as train_command
from stylenet.cli.exits import guarded

IMPORT = "import sys; from stylenet.cli.main import main"


def test_help_names_each_command(capsys: pytest.CaptureFixture):
    assert guarded(lambda: main.run(["--help"])) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("usage: stylenet COMMAND ...\n")
    for name in main.COMMANDS:
        assert f"\n  {name} " in printed
    assert max(map(len, printed.splitlines())) <= 100


def test_the_help_of_trainings_names_styles_models_and_recipes(capsys: pytest.CaptureFixture):
    assert guarded(lambda: main.run(["train", "--help"])) == 0
    printed = capsys.readouterr().out
    for name in ("starry_night", "the_scream", "adain, johnson, multistyle", "film, minutes, paper"):
        assert name in printed
    assert "debug" not in printed


def test_without_a_command_it_is_help_and_a_failure(capsys: pytest.CaptureFixture):
    assert guarded(lambda: main.run([])) == 2
    assert capsys.readouterr().out.startswith("usage: ")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["trian"], "error: unknown command 'trian': did you mean 'train'? known are demo, evaluate, export, "),
        (["--version"], "error: unknown command '--version': known are demo, evaluate, export, "),
        (["infer"], "error: give --ckpt; see stylenet infer --help\n"),
        (["gatys"], "error: give --content, --style, --output; see stylenet gatys --help\n"),
        (["gatys", "--content"], "error: --content has no value: give --content=VALUE\n"),
        (["gatys", "--conten", "a.jpg"], "error: unknown option '--conten': did you mean '--content'?\n"),
        (["gatys", "a.jpg"], "error: give --style, --output; see stylenet gatys --help\n"),
        (["gatys", "--steps=0"], "error: steps=0: give a whole number from 1 to 1000000\n"),
        (["gatys", "--size=-1"], "error: size=-1: give whole pixels from 1 to 16384\n"),
        (["gatys", "--lr=fast"], "error: lr=fast: give a number\n"),
    ],
)
def test_mistyped_commands_are_one_line(capsys: pytest.CaptureFixture, argv: list[str], message: str):
    assert guarded(lambda: main.run(argv)) == 2
    error = capsys.readouterr().err
    assert error.startswith(message)
    assert error.count("\n") == 1


def test_infer_and_gatys_get_what_follows(monkeypatch: pytest.MonkeyPatch):
    calls = []
    monkeypatch.setattr(infer, "run", lambda argv, program: calls.append((program, argv)) or 1)
    monkeypatch.setattr(gatys, "run", lambda argv: calls.append(argv) or 130)
    assert main.run(["infer", "--ckpt=a"]) == 1
    assert main.run(["gatys", "--content=a"]) == 130
    assert calls == [("stylenet infer", ["--ckpt=a"]), ["--content=a"]]


@pytest.mark.parametrize(
    ("given", "left"),
    [
        (["train", "style=scream"], ["style=scream"]),
        (["train", "fit", "style=scream"], ["fit", "style=scream"]),
        (["fit", "--config=a.yaml"], ["fit", "--config=a.yaml"]),  # as DDP's child processes are started
        (["validate", "style=scream"], ["validate", "style=scream"]),
    ],
)
def test_train_finds_its_arguments_in_sys_argv(monkeypatch: pytest.MonkeyPatch, given: list[str], left: list[str]):
    seen = []
    monkeypatch.setattr(sys, "argv", ["/bin/stylenet", *given])
    monkeypatch.setattr(train_command, "train", lambda: seen.extend(sys.argv) or 0)
    assert main.run(given) == 0
    assert seen == ["/bin/stylenet", *left]


@pytest.mark.parametrize(("process", "asked"), [("0", True), ("1", False)])
def test_a_slurm_job_whose_time_is_up_before_the_first_step_is_queued_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, process: str, asked: bool
):
    fake_scontrol(tmp_path, f'echo "$@" > {tmp_path}/requeued')
    job = {"SLURM_JOB_ID": "77", "SLURM_JOB_NAME": "train", "SLURM_NTASKS": "2", "SLURM_PROCID": process}
    for name, value in {**job, "PATH": f"{tmp_path}:/bin:/usr/bin"}.items():
        monkeypatch.setenv(name, value)

    def importing() -> int:
        signal.raise_signal(signal.SIGUSR1)
        return 0

    monkeypatch.setattr(train_command, "train", importing)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)}
    try:
        assert guarded(lambda: main.run(["train"])) == 128 + signal.SIGUSR1
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert (tmp_path / "requeued").exists() == asked


def test_a_signal_while_python_cleans_up_shows_no_traceback():
    end = "lambda: signal.raise_signal(signal.SIGTERM)"
    code = f"import atexit, signal, sys; sys.argv[1:] = ['--help']\natexit.register({end})\n{IMPORT}\nmain()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == -signal.SIGTERM
    assert done.stderr == ""


def test_output_that_nobody_reads_ends_the_command_in_silence():
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-u", "-m", "stylenet", "--help"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert done.returncode == 128 + signal.SIGPIPE
    assert done.stderr == b""


@pytest.mark.parametrize("argv", [["--help"], ["infer", "--help"], ["infer", "--sise=3"], ["train", "--help"]])
def test_what_needs_no_pytorch_imports_none(argv: list[str]):
    code = f"import sys; sys.argv[1:] = {argv}\n{IMPORT}\ntry: main()\nfinally: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode in (0, 2)
    assert not {"torch", "torchvision", "lightning", "rich", "PIL"} & set(done.stdout.split())


@pytest.mark.slow
def test_train_runs_on_two_processes(tmp_path: Path, photographs: Path, bare_environment: None):
    script = tmp_path / "stylenet"
    script.write_text(f"#!{sys.executable}\n{IMPORT}\nsys.exit(main())\n")  # as pip writes it
    data = ["data.source=folder", f"data.root={photographs}", "data.batch_size=2", "trainer.max_steps=2"]
    pair = ["trainer.devices=2", "trainer.accelerator=cpu", "trainer.strategy=ddp"]
    done = subprocess.run(
        [sys.executable, str(script), "train", "style=starry_night", DEBUG, *data, *pair],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert "2 x cpu" in done.stderr
    (last,) = (tmp_path / "outputs/debug/starry_night").glob("version_*/last.ckpt")
    assert torch.load(last, weights_only=True)["global_step"] == 2
