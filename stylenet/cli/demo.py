"""The command `stylenet demo`: a page in the browser that does what the commands do to pictures."""

import os
import sys
from functools import partial

from stylenet.cli.arguments import Count, Port, call
from stylenet.cli.exits import INTERRUPTED
from stylenet.errors import InputError


def demo(
    host: str = "127.0.0.1",
    port: Port | None = None,
    auth: str | None = None,
    share: bool = False,
    share_anyway: bool = False,
    upload_mb: Count = 100,
    pixels: Count = 50_000_000,
    film_seconds: Count = 120,
    jobs: Count = 1,
) -> int:
    """Show a page in the browser that stylizes photographs and films. Ctrl-C ends it.

    Args:
        host: Address to listen on; the default is for this machine alone, 0.0.0.0 for all that reach it.
        port: Port to listen on; by default the first free one from 7860 on.
        auth: NAME:PASSWORD that visitors must give.
        share: Show it to the whole internet through servers of gradio's makers; refused without --share-anyway.
        share_anyway: Ask for --share a second time.
        upload_mb: Largest file that a visitor may send, in megabytes.
        pixels: Most pixels of a photograph or a painting.
        film_seconds: Longest film.
        jobs: Long works that run at a time; others wait.
    """
    if share and not share_anyway:
        raise InputError(
            "--share sends the page and every picture on it through a stranger's servers, and all who know its address "
            "can use it: ask a second time with --share-anyway, or give --host=0.0.0.0 for your own network"
        )
    name, separator, password = (auth or "").partition(":")
    if auth is not None and not (name and separator and password):
        raise InputError("--auth has a name and a password: give --auth=NAME:PASSWORD")
    from stylenet.acceleration.allocator import keep_memory
    from stylenet.web.limits import Limits
    from stylenet.web.server import serve

    keep_memory(one_heap=True)
    limits = Limits(upload_mb, pixels, film_seconds, jobs)
    try:
        serve(host, port, limits, (name, password) if auth else None, share)
    except KeyboardInterrupt:
        print("ended", file=sys.stderr, flush=True)
    os._exit(INTERRUPTED)  # at once: a thread may be amid a long computation


run = partial(call, demo, "stylenet demo")
"""Takes the arguments of a command line, and returns the exit code."""
