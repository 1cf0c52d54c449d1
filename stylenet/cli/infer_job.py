"""A run of `infer`: everything is read and checked before the first photograph is stylized."""

import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path

from stylenet.cli.exits import FAILED, INTERRUPTED, OK, stop_when_asked
from stylenet.cli.infer_camera import check_camera, run_camera
from stylenet.cli.infer_film import check_films, run_film, stylize_one
from stylenet.color import luminance
from stylenet.console import Bar
from stylenet.errors import InputError, one_line
from stylenet.film.metadata import is_film
from stylenet.images import decode, load_image, resize, save_image, write_png
from stylenet.inference.outputs import check_writable, keep_inputs, plan, stays_film
from stylenet.inference.stylizer import Stylizer

NAMES_IN_SUMMARY = 5


def run_job(options: Namespace) -> int:
    """Stylize as the options of `infer` say, and return the exit code.

    Raises:
        InputError: Bad input; nothing was written.
    """
    if options.camera is not None:
        check_camera(options)
        return run_camera(_stylizer(options), options)
    if options.record is not None:
        raise InputError("--record is for --camera: leave it out, or give --output")
    if options.output is not None and "-" in (options.input, options.output):
        return _run_pipe(options)
    jobs = _plan(options)
    stylizer = _stylizer(options)
    if not Path(options.input).is_dir():
        ((photograph, target),) = jobs.items()
        if target is None or stays_film(photograph, target):
            return run_film(stylizer, photograph, target, options)
        if is_film(photograph):
            _say([f"{photograph} moves, {target} does not: only the first picture; end it with .gif or .mp4 for all"])
        return _run_one(stylizer, photograph, target, options.size)
    _say(stylizer.notes())
    films = {path: target for path, target in jobs.items() if target is not None and stays_film(path, target)}
    stills = {path: target for path, target in jobs.items() if target is not None and path not in films}
    return stylize_all(stylizer, stills, films, options)


def _plan(options: Namespace) -> Mapping[Path, Path | None]:
    """Return where each file's stylization goes, checked; None: into `--frames` only."""
    jobs: Mapping[Path, Path | None]
    if options.output:
        jobs = plan(options.input, options.output, films=True)
    elif is_film(options.input) and not Path(options.input).is_dir():
        jobs = {Path(options.input): None}
    else:
        raise InputError("--frames takes the pictures of one film: give a film as --input, or --output")
    check_films(options, jobs)
    targets = [target for target in jobs.values() if target is not None]
    keep_inputs(targets, [options.ckpt, *options.style, *options.mask])
    return jobs


def _run_one(stylizer: Stylizer, photograph: Path, target: Path, size: int | None) -> int:
    """Stylize a photograph that is alone, and return the exit code."""
    image = resize(load_image(photograph), size, side="long")
    _say(stylizer.notes())
    if (tile := stylizer.tile_for(*image.shape[-2:])) and not stylizer.tile:
        _say([f"cut into tiles of {tile} pixels, as it does not fit into memory at once"])
    with Bar("tile", shown=tile is not None) as bar:
        save_image(stylizer(image, bar.move), target)
    _say([f"wrote {target}"])
    return OK


def _run_pipe(options: Namespace) -> int:
    """Stylize an image that is read from standard input, or written to standard output as a PNG, or both."""
    target = Path(options.output)
    check_films(options, {Path(options.input): target})
    if options.output != "-":
        check_writable([target])
        keep_inputs([target], [options.ckpt, *options.style, *options.mask])
    piped = options.input == "-"
    image = decode(sys.stdin.buffer.read(), "standard input") if piped else load_image(options.input)
    stylizer = _stylizer(options)
    _say(stylizer.notes())
    stylized = stylizer(resize(image, options.size, side="long"))
    if options.output == "-":
        write_png(stylized, sys.stdout.buffer)
    else:
        save_image(stylized, target)
    return OK


def _say(lines: Sequence[str]) -> None:
    for line in lines:
        print(line, file=sys.stderr)


def _stylizer(options: Namespace) -> Stylizer:
    """Return the network with everything that the options tell it."""
    return Stylizer.from_checkpoint(
        options.ckpt,
        options.device,
        styles=options.style,
        style_size=options.style_size,
        tile=options.tile,
        shares=options.style_weights,
        alpha=options.alpha,
        masks=tuple(luminance(load_image(path)) for path in options.mask),
        preserve_color=options.preserve_color,
        stroke_scale=options.stroke_scale,
        compile=options.compile,
        precision=options.precision,
    )


def stylize_all(stylizer: Stylizer, stills: Mapping[Path, Path], films: Mapping[Path, Path], options: Namespace) -> int:
    """Stylize many files under a progress bar, and return the exit code; broken ones are named and skipped.

    Ctrl-C stops after the current image, or the current frame of a film; what is written stays.

    Args:
        stylizer: The network.
        stills: Where each photograph's stylization goes.
        films: Where each film's goes.
        options: Of `infer`.
    """
    done, failed = 0, []
    with stop_when_asked() as asked, Bar("file") as bar:
        tell = bar.say
        tiles = bar.below("tiles") if stylizer.tile else None
        move = bar.below("frames") if films else None
        for number, path in enumerate(sorted([*stills, *films]), start=1):
            try:
                if move is None or path in stills:
                    image = resize(load_image(path), options.size, side="long")
                    save_image(stylizer(image, tiles), stills[path])
                else:
                    result, line = stylize_one(stylizer, path, films[path], options, asked, move, tell)
                    tell(line)
                    if result.broken:
                        failed.append(str(path))
                        continue
                done += 1
            except InputError as error:
                failed.append(str(path))
                tell(f"failed: {error}")
            finally:
                bar.move(number, len(stills) + len(films))
            if asked:
                break
    left = len(stills) + len(films) - done - len(failed)
    tell(_summary(done, failed) + (f"; interrupted with {left} left" if asked else ""))
    return INTERRUPTED if asked else FAILED if failed else OK


def _summary(done: int, failed: Sequence[str]) -> str:
    """Return the last line of a run: `97 stylized, 3 failed: a.jpg, b.jpg, c.jpg`."""
    if not failed:
        return f"{done} stylized"
    more = f" and {len(failed) - NAMES_IN_SUMMARY} more" if len(failed) > NAMES_IN_SUMMARY else ""
    return one_line(f"{done} stylized, {len(failed)} failed: {', '.join(failed[:NAMES_IN_SUMMARY])}{more}")
