"""Images in and out: RGB, float32, (B, 3, H, W), values in [0, 1] everywhere."""

import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from torch.nn import functional as F
from torchvision.io import ImageReadMode, decode_image

from stylenet.errors import InputError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm"})
MAX_PIXELS = 200_000_000
"""Larger images are refused before they are decoded: 200 megapixels are 2.4 GB as float32."""


def list_images(folder: str | Path) -> list[Path]:
    """Return the image files in `folder` and below it, sorted; files are known by their suffix.

    Raises:
        InputError: The folder is missing or holds no image.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"no such folder: {folder}")
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    if not paths:
        raise InputError(f"no images in {folder}: looked for {', '.join(sorted(SUFFIXES))}")
    return paths


def load_image(path: str | Path, max_pixels: int = MAX_PIXELS) -> Tensor:
    """Return the image at `path` as (1, 3, H, W), RGB, float32 in [0, 1].

    EXIF orientation is honoured; grayscale, palette, CMYK and 16-bit images become RGB; alpha is laid over white.

    Args:
        path: An image file in any format that Pillow reads.
        max_pixels: Refuse larger images before decoding them.

    Raises:
        InputError: The file is missing, no image, truncated, empty or too large.
    """
    path = Path(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    return decode(raw, str(path), max_pixels)


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
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(raw))
        if picture.width * picture.height > max_pixels:
            raise InputError(
                f"{name} has {picture.width}x{picture.height} pixels, over the limit of {max_pixels:,}: scale it down"
            )
        if picture.format == "JPEG" and picture.mode == "RGB":
            pixels = _decode_jpeg(raw)
        else:
            pixels = _to_rgb(ImageOps.exif_transpose(picture))
    except (UnidentifiedImageError, Image.DecompressionBombError):
        raise InputError(f"{name} is not an image that can be read (or far too large)") from None
    except (OSError, SyntaxError, RuntimeError, EOFError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{name} is broken ({reason}): fetch or copy it again") from None
    return pixels.unsqueeze(0).float().div_(255)


def _decode_jpeg(raw: bytes) -> Tensor:
    """Decode an RGB JPEG with torchvision, twice as fast as Pillow; libjpeg would fill a truncated one with gray."""
    if raw.rfind(b"\xff\xd9", -65536) < 0:
        raise OSError("truncated JPEG")
    data = torch.frombuffer(bytearray(raw), dtype=torch.uint8)
    return decode_image(data, mode=ImageReadMode.RGB, apply_exif_orientation=True)  # (3, H, W)


def _to_rgb(picture: Image.Image) -> Tensor:
    """Return any Pillow image as RGB, uint8, (3, H, W)."""
    if picture.mode.startswith(("I", "F")):  # 16-bit and float grayscale: scale to 8 bits, do not clip
        values = np.asarray(picture, dtype=np.float32)
        top = 65535.0 if values.max() > 255 else 255.0
        picture = Image.fromarray((values * (255.0 / top)).clip(0, 255).round().astype(np.uint8))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1)


def resize(images: Tensor, size: int, *, side: str = "short") -> Tensor:
    """Scale images so that one side has `size` pixels, keeping their shape; antialiased, clamped to [0, 1].

    Args:
        images: (B, 3, H, W) in [0, 1].
        size: Pixels of that side.
        side: `"short"` or `"long"`.
    """
    height, width = images.shape[-2:]
    base = min(height, width) if side == "short" else max(height, width)
    if base == size:
        return images
    target = [max(1, round(height * size / base)), max(1, round(width * size / base))]
    return F.interpolate(images, target, mode="bicubic", antialias=True).clamp_(0, 1)


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
    array = to_uint8(image.reshape(image.shape[-3:])).permute(1, 2, 0).cpu().numpy()
    kind = Image.registered_extensions()[path.suffix.lower()]
    with written_beside(path) as temporary:
        Image.fromarray(array).save(temporary, format=kind, quality=quality)


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
        if path.parent.is_dir():
            temporary.unlink(missing_ok=True)


def grid(rows: list[list[Tensor]], gap: int = 4) -> Tensor:
    """Return one image, (1, 3, H, W), of rows of images with white gaps; smaller images are centred.

    Args:
        rows: Rows of (1, 3, h, w) images in [0, 1]; rows may differ in length.
        gap: Pixels between images and around them.
    """
    cells = [image for row in rows for image in row]
    height, width = max(c.shape[-2] for c in cells), max(c.shape[-1] for c in cells)
    columns = max(len(row) for row in rows)
    sheet = torch.ones(1, 3, gap + len(rows) * (height + gap), gap + columns * (width + gap))
    for i, row in enumerate(rows):
        for j, image in enumerate(row):
            top = gap + i * (height + gap) + (height - image.shape[-2]) // 2
            left = gap + j * (width + gap) + (width - image.shape[-1]) // 2
            sheet[..., top : top + image.shape[-2], left : left + image.shape[-1]] = image.detach().float().cpu()
    return sheet
