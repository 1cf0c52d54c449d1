"""From the bytes of an image file to pixels: RGB of sRGB, upright, whatever the file holds."""

import io
import sys
from contextlib import suppress

import numpy as np
import torch
from PIL import Image, ImageCms, ImageOps
from torch import Tensor

HEIC = (b"heic", b"heix", b"hevc", b"mif1", b"msf1")
"""Brands of photographs as iPhones write them."""


def reading_mend(raw: bytes) -> str:
    """Return what to do about an image of a kind that Pillow does not read; nothing for what is no image at all."""
    if _is_heic(raw):
        return ": it is HEIC; install pillow-heif (the extra heic)"
    if raw[:4] in (b"II*\0", b"MM\0*"):
        return ": it is a TIFF of an unusual kind; save it with 8 or 16 bits a channel"
    return ""


def decode_pixels(raw: bytes, max_pixels: int) -> Tensor:
    """Return an encoded image upright and in the colors of sRGB: RGB, uint8, (3, H, W).

    Args:
        raw: The bytes of an image file.
        max_pixels: Refuse larger images before decoding them.

    Raises:
        DecompressionBombError: There are more pixels.
        Exception: Nearly any, of bytes that are broken.
    """
    if _is_heic(raw):
        with suppress(ImportError):  # the extra heic
            from pillow_heif import register_heif_opener

            register_heif_opener()
    picture = Image.open(io.BytesIO(raw))
    if picture.width * picture.height > max_pixels:
        raise Image.DecompressionBombError
    profile = _profile(picture)
    plain = picture.format == "JPEG" and picture.mode == "RGB" and profile is None
    if plain and "torchvision" in sys.modules and _is_complete_jpeg(raw):  # the same pixels in half the time
        from torchvision.io import ImageReadMode, decode_image  # but it takes seconds to import

        data = torch.frombuffer(bytearray(raw), dtype=torch.uint8)
        return decode_image(data, mode=ImageReadMode.RGB, apply_exif_orientation=True)
    return _to_rgb(picture, profile)


def _is_heic(raw: bytes) -> bool:
    return raw[4:8] == b"ftyp" and raw[8:12] in HEIC


def _is_complete_jpeg(raw: bytes) -> bool:
    """Tell whether the end marker follows the pixels of a JPEG.

    torchvision fills a truncated one with gray; Pillow raises. Markers before the pixels (FFDA) do not count: they may
    belong to a thumbnail in the EXIF segment. Bytes after the end do no harm: cameras append previews there.
    """
    position = 2
    while raw[position : position + 1] == b"\xff" and raw[position + 1 : position + 2] != b"\xda":
        position += 2 + int.from_bytes(raw[position + 2 : position + 4])
    return raw.find(b"\xff\xd9", position) >= 0


def _to_rgb(picture: Image.Image, profile: ImageCms.ImageCmsProfile | None) -> Tensor:
    """Return any Pillow image upright, as RGB, uint8, (3, H, W)."""
    upright = ImageOps.exif_transpose(picture)
    if upright.mode.startswith(("I", "F")):  # 16-bit and float grayscale: scale to 8 bits, do not clip
        values = np.asarray(upright, dtype=np.float32)
        values = values * (255 / _white(picture, values.max()))
        upright = Image.fromarray(values.clip(0, 255).round().astype(np.uint8))
    if profile:
        upright = _to_srgb(upright, profile)
    if upright.has_transparency_data:
        upright = upright.convert("RGBA")
        upright = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright)
    return torch.from_numpy(np.array(upright.convert("RGB"))).permute(2, 0, 1).contiguous()


def _profile(picture: Image.Image) -> ImageCms.ImageCmsProfile | None:
    """Return the color profile of an image; None if it has none that can be read, or that of sRGB."""
    raw = picture.info.get("icc_profile")
    if not raw:
        return None
    try:
        profile = ImageCms.getOpenProfile(io.BytesIO(raw))
        return None if "sRGB" in ImageCms.getProfileDescription(profile) else profile
    except (ImageCms.PyCMSError, OSError, TypeError):
        return None


def _to_srgb(picture: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    """Return an image with the colors that its profile means, as sRGB has them; alpha is kept."""
    opaque = picture.convert("RGB") if picture.mode in ("RGBA", "P", "PA") else picture
    try:
        converted = ImageCms.profileToProfile(opaque, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except ImageCms.PyCMSError:  # a profile for other modes than the image's
        return picture
    assert converted is not None
    if picture.has_transparency_data:
        converted.putalpha(picture.convert("RGBA").getchannel("A"))
    return converted


def _white(picture: Image.Image, brightest: float) -> float:
    """Return the value of white in a grayscale image of more than 8 bits, however dark the image is.

    Older Pillow opens 16-bit PNG and PGM as 32-bit integers. TIFF does not say: the least usual value is taken.
    """
    if picture.mode.startswith("I;16") or picture.format in ("PNG", "PPM"):
        return 65535.0
    usual = (1.0, 255.0, 65535.0) if picture.mode == "F" else (255.0, 65535.0)
    return next((white for white in usual if brightest <= white), brightest)
