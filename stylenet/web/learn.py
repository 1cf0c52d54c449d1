"""The tab Learn: a network is taught a new painting, in a process of its own."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from stylenet.console import LINE_VARIABLE
from stylenet.errors import InputError
from stylenet.resources import shipped_networks
from stylenet.web.app_state import AppState
from stylenet.web.components import picture, saying
from stylenet.web.inputs import Inputs
from stylenet.web.jobs import Job
from stylenet.web.networks import Learnt
from stylenet.web.sessions import Session
from stylenet.web.work import Updates, Work

RECIPE = ["recipe=minutes"]
"""What the training is told besides the painting and its folder."""
SECONDS = 2
"""Between two looks at how far it is."""
STEP = re.compile(r"step (\d+)/(\d+)")


class LearnTab:
    """The tab.

    Args:
        state: What tabs share.
        inputs: Where the painting is, and the styles that a new one joins.
    """

    def __init__(self, state: AppState, inputs: Inputs) -> None:
        self.state, self.inputs = state, inputs
        gr.Markdown(
            "Drop a painting under *Or a painting of yours*, and have a network learn it. After ten minutes or more "
            "it paints photographs and films at once. One painting is learnt at a time; others wait."
        )
        self.name = gr.Textbox("my_style", label="Name of the style", max_length=40)
        self.work = Work(state, "learn", "Learn it", "Stop", state.trainings)
        self.resume = gr.Button("Go on where it stopped", visible=False)
        self.training = gr.State(None)  # the visitor's last one
        self.grid = picture("Photographs are painted here as it learns")
        self.download = gr.DownloadButton("Download the network, for infer.py", visible=False)
        shown = [self.grid, self.download, self.resume, self.training, inputs.style, inputs.painting, inputs.thumbnails]
        self.work.when_started(self.go, [self.name, inputs.painting], shown)
        self.work.when_started(self.go_on, [self.training], shown, self.resume)

    def go(self, request: gr.Request, name: str, painting: str | None) -> Iterator[Updates]:
        """Learn a painting from the beginning."""
        taken = [*self.inputs.names, *shipped_networks()]
        yield from self._learn(request, lambda session: Training(session, _plain(name, taken), painting))

    def go_on(self, request: gr.Request, training: "Training") -> Iterator[Updates]:
        """Learn on from where it was stopped."""
        yield from self._learn(request, lambda session: training, training)

    def _learn(
        self, request: gr.Request, begin: Callable[[Session], "Training"], training: "Training | None" = None
    ) -> Iterator[Updates]:
        def work(session: Session, job: Job) -> Training:
            nonlocal training
            training = begin(session)
            training.run(job)
            return training

        def step(new: dict[str, Any]) -> Updates:
            return {self.grid: new["grid"]}

        def end(session: Session, training: Training) -> Updates:
            if training.code:
                return {self.work.status: saying("Stopped")}
            network = training.keep(session)
            session.learnt[training.name] = Learnt(network, training.painting)
            ready: Updates = {self.work.status: saying("Learnt, and chosen as the style")}
            ready |= {self.download: gr.update(value=str(network), visible=True)}
            return ready | self.inputs.with_learnt(session)

        yield {self.resume: gr.update(visible=False)}
        yield from self.work.run(request, work, step, end, keeps=True)
        unfinished = training is not None and training.code != 0 and training.last is not None
        yield {self.training: training, self.resume: gr.update(visible=unfinished)}


class Training:
    """A run of `stylenet train` for one visitor, which can be stopped and gone on with.

    Args:
        session: Of the visitor.
        name: Of the style; what there is of an earlier training of that name is deleted.
        painting: Its file.

    Attributes:
        code: The exit code, 0 once the style is learnt.

    Raises:
        InputError: There is no painting, or one that cannot be used.
    """

    def __init__(self, session: Session, name: str, painting: str | None) -> None:
        from stylenet.web.pictures import read_picture

        read_picture(painting, session.limits, "a painting")
        self.folder, self.name, self.code = session.folder / "learnt", name, -1
        self.painting = self.folder / f"{name}{Path(str(painting)).suffix}"
        shutil.rmtree(self.folder / name, ignore_errors=True)
        self.folder.mkdir(exist_ok=True)
        shutil.copy(str(painting), self.painting)

    @property
    def last(self) -> Path | None:
        """What there is to go on from."""
        return self._newest("last.ckpt")

    def keep(self, session: Session) -> Path:
        """Return the network that was learnt, in a new file of the style's name."""
        return Path(
            shutil.copy(str(self._newest("stylizer.safetensors")), session.new_file(f"{self.name}.safetensors"))
        )

    def run(self, job: Job) -> None:
        """Train until the end, or until the visitor stops it; what was stopped goes on where it was.

        Raises:
            InputError: The training did not accept what it was given, in its own words, or was killed.
        """
        command = [sys.executable, "-m", "stylenet.cli.main", "train", f"style={self.painting}", *RECIPE]
        command.append(f"trainer.logger.init_args.save_dir={self.folder}")
        if self.last:
            command.append(f"--ckpt_path={self.last}")
        said = ""
        self._grid: Path | None = None  # the last that was shown
        environment = os.environ | {LINE_VARIABLE: str(SECONDS)}
        with subprocess.Popen(
            command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        ) as child:
            job.child = child
            if job.stopped.is_set():  # before there was one to tell
                child.terminate()
            assert child.stderr is not None
            for line in child.stderr:
                if found := STEP.search(line):
                    self._tell(job, int(found[1]), int(found[2]))
                else:
                    said = line.strip().removeprefix("error: ")
        self.code = child.returncode
        if self.code and not job.stopped.is_set():
            raise InputError(said if self.code > 0 else "something else on this machine ended the training")

    def _tell(self, job: Job, step: int, steps: int) -> None:
        from stylenet.images import load_image
        from stylenet.web.pictures import address

        grid, shown = self._newest("grids/*.png"), {}
        if grid and grid != self._grid:
            shown["grid"] = {"src": address(load_image(grid)), "alt": f"Photographs after {step} steps"}
            self._grid = grid
        job.tell(step, steps, **shown)

    def _newest(self, pattern: str) -> Path | None:
        """Return the newest of this style's files."""
        found = self.folder.glob(f"{self.name}/version_*/{pattern}")
        return max(found, key=lambda path: path.stat().st_mtime, default=None)


def _plain(name: str, taken: list[str]) -> str:
    """Return a name that a file may have, and no style has that ships."""
    plain = re.sub(r"\W+", "_", name.strip()).strip("_").lower() or "my_style"
    return f"{plain}_2" if plain in taken else plain
