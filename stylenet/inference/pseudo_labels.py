"""Pseudo-labels: pairs of a photograph and what a slow method made of it, for a network to learn from.

A pair is known by the names of its style and photograph. Its files are written beside and moved into place before the
manifest names it, so that a run may be killed at any time and taken up again; see `stylenet.data.pairs` for the folder.
"""

import hashlib
import io
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from stylenet.data.pairs import Pair
from stylenet.data.styles import load_style
from stylenet.errors import InputError
from stylenet.images import decode, load_image, resize, to_uint8, written_beside
from stylenet.inference.labelers import Labeler, Stylist
from stylenet.losses.perceptual import PerceptualLoss
from stylenet.losses.terms import Style
from stylenet.resources import file_digest

DIGITS = 6
"""Significant digits of a loss in the manifest: so many agree from run to run."""


@dataclass(frozen=True)
class Picture:
    """An image as the file of it that is kept shows it: in 8 bits.

    Args:
        path: Where it is kept, relative to the folder of the pairs.
        png: The file.
        image: (1, 3, H, W) in [0, 1].
    """

    path: str
    png: bytes
    image: Tensor

    @classmethod
    def of(cls, image: Tensor, path: str) -> "Picture":
        """Return an image, (1, 3, H, W) in [0, 1], rounded to 8 bits."""
        buffer = io.BytesIO()
        Image.fromarray(to_uint8(image)[0].permute(1, 2, 0).cpu().numpy()).save(buffer, format="PNG")
        return cls(path, buffer.getvalue(), decode(buffer.getvalue(), path).to(image.device))

    @property
    def sha256(self) -> str:
        """Return the digest of the file."""
        return hashlib.sha256(self.png).hexdigest()

    def write(self, folder: Path) -> None:
        """Write the file beside and move it into place."""
        with written_beside(folder / self.path) as temporary:
            temporary.write_bytes(self.png)


@dataclass(frozen=True)
class Photograph:
    """A photograph that was read.

    Args:
        picture: As it is stylized.
        source: Its file, as it was given.
        source_sha256: Of that file.
    """

    picture: Picture
    source: str
    source_sha256: str


@dataclass(frozen=True)
class Painting:
    """A style, ready for use.

    Args:
        picture: As it is used.
        stylist: Makes its labels.
        score: Gives a label's losses.
    """

    picture: Picture
    stylist: Stylist
    score: PerceptualLoss


class PairMaker:
    """Makes pairs, one at a time.

    Args:
        folder: Of the pairs.
        labeler: The slow method.
        loss: What each label is measured with, on the device that is used.
        styles: The style images by name.
        size: Larger photographs are scaled down until the longer side has so many pixels.
        style_size: Pixels of the shorter side of the style images.
        device: Where it is all done.
        made_with: More settings for the manifest, plain values.

    Raises:
        InputError: A style image cannot be read, or is too small.
    """

    def __init__(
        self,
        folder: Path,
        labeler: Labeler,
        loss: PerceptualLoss,
        styles: Mapping[str, Path],
        size: int,
        style_size: int,
        device: torch.device,
        **made_with: Any,
    ) -> None:
        self.folder, self.size, self.device, self.smallest = folder, size, device, loss.extractor.smallest
        self.method = labeler.method
        settings = {"size": size, "style_size": style_size, **made_with, **labeler.settings}
        self.settings: dict[str, Any] = json.loads(json.dumps(settings))  # as they are read back
        self.paintings = {}
        for name, path in styles.items():
            picture = Picture.of(load_style(path, style_size).to(device), f"styles/{name}.png")
            score = loss.restyled([Style(picture.image)])
            self.paintings[name] = Painting(picture, labeler.stylist(picture.image), score)

    def check(self, pairs: Iterable[Pair], sources: Mapping[str, Path]) -> None:
        """Raise unless pairs that are there can stand in one manifest with those to be made.

        Args:
            pairs: What the folder holds.
            sources: The file of each photograph to be used, by its path in the folder.

        Raises:
            InputError: Another method, setting, style image or photograph of the same name.
        """
        for pair in pairs:
            before, now = pair.settings | {"method": pair.method}, self.settings | {"method": self.method}
            differ = next((name for name in sorted(before | now) if before.get(name) != now.get(name)), None)
            painting, source = self.paintings.get(pair.style_name), sources.get(pair.photograph)
            if differ:
                was = f"made with {differ}={before.get(differ)}, now {differ}={now.get(differ)}"
            elif painting and painting.picture.sha256 != pair.style_sha256:
                was = f"of another painting called {pair.style_name}"
            elif source and str(source) != pair.source:
                was = f"of another {pair.photograph}, {pair.source}, now {source}"
            else:
                continue
            raise InputError(f"{self.folder} holds pairs {was}: give another --output")

    def write_styles(self) -> None:
        """Write the style images as they are used."""
        for painting in self.paintings.values():
            painting.picture.write(self.folder)

    def photograph(self, source: Path, path: str, before: str | None = None) -> Photograph:
        """Return a photograph as it will be stylized.

        Args:
            source: Its file.
            path: Where it will be kept, relative to the folder.
            before: The SHA-256 that the file had when other labels of it were made.

        Raises:
            InputError: It is broken, too small, or another one than before, or its name is no text.
        """
        try:
            str(source).encode()
        except UnicodeEncodeError:
            raise InputError(f"{str(source)!a} is no name in UTF-8: rename it") from None
        image = load_image(source)
        digest = file_digest(source)
        if before not in (None, digest):
            raise InputError(f"{source} has changed since other labels of it were made: give another --output")
        height, width = image.shape[-2:]
        image = resize(image, min(self.size, max(height, width)), side="long")
        height, width = image.shape[-2:]
        if min(height, width) < self.smallest:
            raise InputError(f"{source} has {width}x{height} pixels: at least {self.smallest} are needed on each side")
        return Photograph(Picture.of(image.to(self.device), path), str(source), digest)

    def pair(self, photograph: Photograph, style_name: str) -> Pair:
        """Make a label, and write it and its photograph.

        Raises:
            InputError: The label cannot be made or written.
        """
        painting, picture, began = self.paintings[style_name], photograph.picture, time.perf_counter()
        label, losses = self._label(photograph, painting, style_name)
        height, width = picture.image.shape[-2:]
        for part in (picture, label):
            part.write(self.folder)
        return Pair(
            photograph=picture.path,
            label=label.path,
            style=painting.picture.path,
            style_name=style_name,
            source=photograph.source,
            photograph_sha256=picture.sha256,
            label_sha256=label.sha256,
            style_sha256=painting.picture.sha256,
            source_sha256=photograph.source_sha256,
            method=self.method,
            settings=self.settings,
            losses=losses,
            seconds=round(time.perf_counter() - began, 3),
            width=width,
            height=height,
        )

    def _label(self, photograph: Photograph, painting: Painting, style_name: str) -> tuple[Picture, dict[str, float]]:
        """Return the label and its losses."""
        picture = photograph.picture
        path = picture.path.replace("photographs/", f"labels/{style_name}/", 1)
        try:
            label = Picture.of(painting.stylist(picture.image), path)
            with torch.no_grad():
                terms = painting.score(label.image, picture.image)
        except torch.OutOfMemoryError:
            raise InputError(f"{photograph.source} does not fit into the memory: give a smaller --size") from None
        except InputError as error:
            raise InputError(f"{photograph.source}: {error}") from None
        return label, {name: float(f"{term.item():.{DIGITS}g}") for name, term in terms.items()}
