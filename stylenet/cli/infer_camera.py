"""`infer --camera`: the stylized picture of a camera in a window, with keys for strength and style."""

import os
import sys
import time
from argparse import Namespace
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

import numpy as np
from torch import Tensor

from stylenet.cli.exits import INTERRUPTED, OK, stop_when_asked
from stylenet.errors import InputError
from stylenet.film.camera import Camera, Recorder
from stylenet.film.flow import opencv
from stylenet.film.formats import FORMATS, pick_encoder
from stylenet.film.pixels import to_frame
from stylenet.film.stabilize import Stabilizer
from stylenet.images import resize
from stylenet.inference.outputs import check_writable
from stylenet.inference.stylizer import Stylizer

KEYS = "keys: + and - strength; 1 to 9 one of the styles, 0 all of them; q ends"
STEP = 0.1
"""By which a key changes the strength."""
TITLE = "stylenet"


class Window:
    """A window of OpenCV; a context manager."""

    def __enter__(self) -> Self:
        if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            raise InputError("there is no display for a window: run it on a desktop")  # OpenCV would end the program
        self._cv2 = opencv()
        try:
            self._cv2.namedWindow(TITLE, self._cv2.WINDOW_NORMAL | self._cv2.WINDOW_GUI_NORMAL)
        except self._cv2.error:  # the headless wheel, which fills the same place
            mend = "run pip uninstall opencv-python-headless, then pip install --force-reinstall 'stylenet[camera]'"
            raise InputError(f"this OpenCV has no windows: {mend}") from None
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(self._cv2.error):  # it was closed by hand
            self._cv2.destroyWindow(TITLE)

    def show(self, pixels: np.ndarray, title: str) -> str:
        """Show a picture, and return the key that was pressed, "" for none, "q" once the window was closed.

        Args:
            pixels: RGB, uint8, (H, W, 3).
            title: Of the window.
        """
        self._cv2.imshow(TITLE, pixels[..., ::-1])
        self._cv2.setWindowTitle(TITLE, title)
        key = self._cv2.waitKey(1) & 0xFF
        if self._cv2.getWindowProperty(TITLE, self._cv2.WND_PROP_VISIBLE) < 1:
            return "q"
        return "" if key == 0xFF else chr(key)


class KeyboardStylizer:
    """A stylizer whose style options change by keys.

    Args:
        stylizer: As it begins.
        names: Of its styles.
    """

    def __init__(self, stylizer: Stylizer, names: list[str]) -> None:
        self.stylizer, self.names = stylizer, names
        self._given, self.shown = stylizer.options, "+".join(names)

    def __call__(self, frame: Tensor) -> Tensor:
        """Return a frame, (1, 3, H, W) in [0, 1], stylized."""
        return self.stylizer(frame)

    def press(self, key: str) -> None:
        """Do what a key says; others do nothing."""
        given = self._given
        if key in ("+", "=", "-"):
            alpha = round(self.stylizer.options.alpha + (-STEP if key == "-" else STEP), 6)
            self.stylizer = self.stylizer.with_options(alpha=min(1.0, max(0.0, alpha)))
        elif key == "0":
            self.shown = "+".join(self.names)
            self.stylizer = self.stylizer.with_options(styles=given.styles, shares=given.shares, masks=given.masks)
        elif key.isdigit() and int(key) <= len(self.names):
            index = int(key) - 1
            masks = given.masks[index : index + 1] if len(given.masks) == len(given.styles) else ()
            self.stylizer = self.stylizer.with_options(styles=given.styles[index : index + 1], shares=(), masks=masks)
            self.shown = self.names[index]

    def title(self, speed: float) -> str:
        """Return what the window is called.

        Args:
            speed: Frames a second.
        """
        figures = [f"{self.stylizer.options.alpha:.0%}", f"{speed:.1f} frames/s"]
        return ", ".join([self.shown, *figures] if self.shown else figures)


def check_camera(options: Namespace) -> None:
    """Raise unless a camera can be shown as the options of `infer` say.

    Raises:
        InputError: Options that are for files, or a film that cannot be written.
    """
    for name in ("input", "output", "start", "end", "frames"):
        if getattr(options, name) is not None:
            raise InputError(f"--{name} is for files: leave it out, or --camera")
    if options.record is not None:
        target = Path(options.record)
        if target.suffix.lower() not in FORMATS:
            raise InputError(f"cannot write {target}: a film ends with one of {', '.join(sorted(FORMATS))}")
        pick_encoder(target)
        check_writable([target])


def run_camera(stylizer: Stylizer, options: Namespace) -> int:
    """Show a camera until a key, Ctrl-C or the end of the film that plays it, and return the exit code.

    Args:
        stylizer: The network.
        options: Of `infer`.

    Raises:
        InputError: There is no camera or no window.
    """
    keyboard = KeyboardStylizer(stylizer, [Path(style).stem for style in options.style])
    paint = Stabilizer(keyboard, options.stabilize) if options.stabilize else keyboard
    shown, began = 0, time.perf_counter()
    with ExitStack() as stack:
        window, camera = stack.enter_context(Window()), stack.enter_context(Camera(options.camera))
        record = stack.enter_context(Recorder(Path(options.record))) if options.record else None
        asked = stack.enter_context(stop_when_asked())
        print(KEYS, file=sys.stderr)
        for frame in camera:
            pixels = to_frame(paint(resize(frame, options.size, side="long")))
            if record is not None:
                record.add(pixels)
            shown += 1
            key = window.show(pixels, keyboard.title(shown / (time.perf_counter() - began)))
            if asked or key in ("q", "\x1b") or (record is not None and record.full):
                break
            keyboard.press(key)
    wrote = f"wrote {options.record}: " if options.record else ""
    print(f"{wrote}{shown} frames, {shown / (time.perf_counter() - began):.3g} frames/s", file=sys.stderr)
    return INTERRUPTED if asked else OK
