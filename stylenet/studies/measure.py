"""The figures of one image."""

from torch import Tensor

from stylenet.metrics import Judge, mse, ssim
from stylenet.studies.lpips import Lpips

FIGURES = {
    "ssim": "structural similarity to the photograph, 1 at best",
    "mse": "mean squared difference from the photograph, pixels in [0, 1]",
    "gram_difference": "|G - A| / |A| of the Gram matrices of image and painting, mean over the judge's style layers",
    "content_distance": "|F - P| / |P| of the features of image and photograph, mean over the judge's content layers",
    "lpips": "distance from the photograph, Zhang et al. 2018",
    "label_ssim": "structural similarity to the pseudo-label",
    "label_mse": "mean squared difference from the pseudo-label",
}
"""Every figure, and what it says."""


def figures(
    image: Tensor, photograph: Tensor, judge: Judge, label: Tensor | None = None, lpips: Lpips | None = None
) -> dict[str, float]:
    """Return the `FIGURES` of an image; those of a label and LPIPS only where these are given.

    Args:
        image: Stylized, (1, 3, H, W) in [0, 1]; on the judge's device, as are the others.
        photograph: What it was made from, of the same shape.
        judge: Of the painting, see `stylenet.studies.judges`.
        label: Pseudo-label, of the same shape.
        lpips: See `stylenet.studies.lpips`.
    """
    found = {"ssim": ssim(image, photograph), "mse": mse(image, photograph)} | judge(image, photograph)
    if label is not None:
        found |= {"label_ssim": ssim(image, label), "label_mse": mse(image, label)}
    values = {name: float(value) for name, value in found.items()}
    return values if lpips is None else values | {"lpips": lpips(image, photograph)}
