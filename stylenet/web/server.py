"""The server of the page: from its start to the Ctrl-C that ends it."""

import gc
import inspect
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from stylenet.errors import InputError
from stylenet.web.limits import Limits

if TYPE_CHECKING:
    from gradio import Blocks

    from stylenet.web.app_state import AppState

OFFLINE = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
"""What keeps gradio and what it brings from asking other machines."""


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Give a folder for all files of all visitors; at the end it goes, and the environment is as it was."""
    folder, before = Path(tempfile.mkdtemp(prefix="stylenet-demo-")), dict(os.environ)
    changed = OFFLINE | {"GRADIO_TEMP_DIR": str(folder)}
    os.environ.update(changed)
    try:
        yield folder
    finally:
        for name in changed:
            os.environ.pop(name, None)
            if name in before:
                os.environ[name] = before[name]
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep Python from looking for garbage: an eighth of the time of long imports, which leave none."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def unstubbed() -> Iterator[None]:
    """Keep gradio from writing type stubs of its components, 40 % of the time of its import.

    It writes none of a component whose source file is not known, so none is while the block runs.
    """
    find, inspect.getfile = inspect.getfile, _no_source
    try:
        yield
    finally:
        inspect.getfile = find


def _no_source(object: Any) -> str:  # noqa: A002  # as inspect.getfile has it
    """Stand in for `inspect.getfile`."""
    raise OSError(f"the source of {object} is not looked for")


@contextmanager
def running(
    host: str, port: int | None, limits: Limits, auth: tuple[str, str] | None = None, share: bool = False
) -> Iterator[str]:
    """Give the address of the page, which is shown until the block ends; then all works are stopped.

    Args:
        host: Address to listen on.
        port: Port to listen on; by default the first free one from 7860 on.
        limits: For visitors.
        auth: Name and password that visitors must give.
        share: Whether to have gradio's servers pass it on to the internet.

    Raises:
        InputError: gradio is not installed, or the port is taken.
    """
    with temporary_folder() as folder:
        state, page, address = _launched(folder, host, port, limits, auth, share)
        Thread(target=uncollected()(state.load), daemon=True).start()
        try:
            yield address
        finally:
            state.sessions.close_all()
            page.close(verbose=False)


@uncollected()
def _launched(
    folder: Path, host: str, port: int | None, limits: Limits, auth: tuple[str, str] | None, share: bool
) -> tuple["AppState", "Blocks", str]:
    """Return what the tabs share, the page and its address; see `running`."""
    try:
        with unstubbed():
            import gradio  # noqa: F401
    except ImportError:
        raise InputError("the page needs gradio: pip install 'stylenet[web]'") from None
    from stylenet.web.app_state import AppState
    from stylenet.web.components import CSS
    from stylenet.web.jobs import JobQueue
    from stylenet.web.page import THEME, build
    from stylenet.web.sessions import Sessions

    state = AppState(limits, Sessions(folder, limits), JobQueue(limits.jobs))
    page = build(state)
    try:
        _, address, public = page.launch(
            server_name=host, server_port=port, auth=auth, share=share, prevent_thread_lock=True, quiet=True,
            max_file_size=f"{limits.megabytes}mb", footer_links=[], run_history=False, ssr_mode=False,
            enable_monitoring=False, max_threads=100, theme=THEME, css=CSS,
        )  # fmt: skip
    except OSError:
        place = f"{host}:{port or '7860-7959'}"
        raise InputError(f"cannot listen on {place}, it is taken or not here: give another --port") from None
    except ValueError:  # gradio looks whether its own page can be had
        raise InputError(
            f"the page on {host} does not answer: set NO_PROXY=127.0.0.1,localhost for a proxy, or try again"
        ) from None
    return state, page, public or address


def serve(host: str, port: int | None, limits: Limits, auth: tuple[str, str] | None, share: bool) -> None:
    """Show the page until Ctrl-C; see `running` for the arguments.

    Raises:
        InputError: gradio is not installed, or the port is taken.
        KeyboardInterrupt: Ctrl-C, or SIGTERM.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with running(host, port, limits, auth, share) as address:
        print(f"open {address} in a browser; Ctrl-C ends it", flush=True)
        Event().wait()
