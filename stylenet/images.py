"""Images in and out: RGB, float32, (B, 3, H, W), values in [0, 1] everywhere."""

import os
import struct
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from torch.nn import functional as F

from stylenet.decoding import decode_pixels, reading_mend
from stylenet.errors import InputError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm"})
READABLE = SUFFIXES | {".avif", ".heic", ".heif"}
"""What is looked for in a folder; HEIC needs the extra `heic`."""
MAX_PIXELS = 178_956_970
"""Larger images are refused before they are decoded: Pillow's own limit, 2.1 GB as float32."""

MAX_BYTES = 8 * MAX_PIXELS
"""Larger files are refused before they are read: no format takes more than 8 bytes a pixel."""

STRIP = 256
"""Rows of an image that are converted at a time."""


def list_images(folder: str | Path) -> list[Path]:
    """Return the image files in `folder` and below it, sorted; files are known by their suffix.

    Raises:
        InputError: The folder is missing, is a file, or holds no image.
    """
    folder = Path(folder)
    if folder.is_file():
        raise InputError(f"{folder} is a file: give the folder it lies in")
    if not folder.is_dir():
        raise InputError(f"no such folder: {folder}")
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in READABLE and p.is_file())
    if not paths:
        raise InputError(f"no images in {folder}: looked for {', '.join(sorted(READABLE))}")
    return paths


def load_image(path: str | Path) -> Tensor:
    """Return the image at `path` as (1, 3, H, W), RGB, float32 in [0, 1].

    EXIF orientation is honoured; grayscale, palette, CMYK and 16-bit images become RGB, and so do colors of a profile,
    such as Display P3 of phones, as sRGB has them; alpha is laid over white.

    Args:
        path: An image file in any format that Pillow reads.

    Raises:
        InputError: The file is missing, no image, truncated, empty or too large.
    """
    path = Path(path)
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):  # a pipe would be waited for
            raise InputError(f"cannot read {path}: it is no file; give - for an image on standard input")
        if path.is_file() and path.stat().st_size > MAX_BYTES:
            raise InputError(f"cannot read {path}: it is larger than any image of {MAX_PIXELS:,} pixels")
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    return decode(raw, str(path))


def decode(raw: bytes, name: str, max_pixels: int = MAX_PIXELS) -> Tensor:
    """Return the encoded image `raw` as (1, 3, H, W), RGB, float32 in [0, 1]; see `load_image`.

    Args:
        raw: The bytes of an image file.
        name: What to call it in an error.
        max_pixels: Refuse larger images before decoding them.

    Raises:
        InputError: The bytes are no image, truncated, empty or too large.
    """
    if not raw:
        raise InputError(f"{name} is empty (0 bytes): fetch or copy it again")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd metadata; pixels that cannot be decoded raise
            pixels = decode_pixels(raw, max_pixels)
    except UnidentifiedImageError:
        raise InputError(f"{name} is not an image that can be read{reading_mend(raw)}") from None
    except (Image.DecompressionBombError, MemoryError):
        raise InputError(f"{name} has too many pixels, over {max_pixels:,}: scale it down") from None
    except Exception as error:  # decoders raise nearly anything on broken bytes
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{name} is broken ({reason}): fetch or copy it again") from None
    return pixels.unsqueeze(0).float().div_(255)


def resize(images: Tensor, size: int | None, *, side: str = "short") -> Tensor:
    """Scale images so that one side has `size` pixels, keeping their shape; antialiased, clamped to [0, 1].

    Args:
        images: (B, 3, H, W) in [0, 1].
        size: Pixels of that side; None: as they are.
        side: `"short"` or `"long"`.
    """
    height, width = images.shape[-2:]
    base = min(height, width) if side == "short" else max(height, width)
    if size is None or base == size:
        return images
    target = [max(1, round(height * size / base)), max(1, round(width * size / base))]
    return F.interpolate(images, target, mode="bicubic", antialias=True).clamp_(0, 1)


def shrink(images: Tensor, divisor: int) -> Tensor:
    """Return images or masks, (B, C, H, W), at 1/divisor of the size; values stay in range."""
    return to_size(images, [max(1, round(side / divisor)) for side in images.shape[-2:]])


def to_size(images: Tensor, size: Sequence[int]) -> Tensor:
    """Return images, (B, C, H, W), at a height and width; bilinear, antialiased."""
    if list(images.shape[-2:]) == list(size):
        return images
    return F.interpolate(images, list(size), mode="bilinear", antialias=True)


def to_uint8(images: Tensor) -> Tensor:
    """Return images in [0, 1] as uint8, rounded."""
    return images.detach().float().clamp(0, 1).mul(255).round().to(torch.uint8)


def save_image(image: Tensor, path: str | Path, quality: int = 95) -> None:
    """Write one image, (1, 3, H, W) or (3, H, W) in [0, 1]; the suffix of `path` says the format.

    Written beside and moved into place, so that no half file is ever seen.

    Raises:
        InputError: The suffix is unknown or the place cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"cannot write {path}: use one of {', '.join(sorted(SUFFIXES))}")
    picture = to_pillow(image)
    kind = Image.registered_extensions()[path.suffix.lower()]
    with written_beside(path) as temporary:
        try:
            picture.save(temporary, format=kind, quality=quality)
        except (ValueError, OverflowError, struct.error) as error:  # e.g. WebP ends at 16,383 pixels a side
            raise InputError(f"cannot write {path}: {error}") from None


def write_png(image: Tensor, file: BinaryIO) -> None:
    """Write one image, (1, 3, H, W) or (3, H, W) in [0, 1], as a PNG into an open file."""
    to_pillow(image).save(file, format="PNG")


def to_pillow(image: Tensor) -> Image.Image:
    """Return one image, (1, 3, H, W) or (3, H, W) in [0, 1], as Pillow's."""
    strips = image.reshape(image.shape[-3:]).split(STRIP, 1)  # (3, h, W): no second float copy of a large image
    array = torch.cat([to_uint8(strip).permute(1, 2, 0) for strip in strips]).cpu().numpy()  # (H, W, 3)
    return Image.fromarray(array)


@contextmanager
def written_beside(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, moved into place when the block succeeds, deleted when it fails.

    Raises:
        InputError: The place cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def grid(rows: Sequence[Sequence[Tensor]], gap: int = 4, least_width: int = 1) -> Tensor:
    """Return one image, (1, 3, H, W), of rows of images with white gaps; smaller images are centered.

    Args:
        rows: Rows of (1, 3, h, w) images in [0, 1]; rows may differ in length.
        gap: Pixels between images and around them.
        least_width: Pixels that a column has at least.
    """
    from torchvision.utils import make_grid  # takes seconds

    columns = max(len(row) for row in rows)
    cells = [cell for row in rows for cell in (*row, *[torch.ones(1, 3, 1, 1)] * (columns - len(row)))]
    height, width = (max(cell.shape[axis] for cell in cells) for axis in (-2, -1))
    padded = []
    for cell in cells:
        below, right = height - cell.shape[-2], max(width, least_width) - cell.shape[-1]
        margins = right // 2, right - right // 2, below // 2, below - below // 2
        padded.append(F.pad(cell[0].detach().float().cpu(), margins, value=1.0))
    if len(padded) == 1:  # of which make_grid makes no grid
        return F.pad(padded[0], (gap, gap, gap, gap), value=1.0)[None]
    return make_grid(padded, columns, gap, pad_value=1.0)[None]
