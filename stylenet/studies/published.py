"""What others measured, beside which ours is printed."""

from dataclasses import dataclass

SOURCE = (
    "a survey's table for this method family; it names neither the Gram normalization of its GMD, nor its images, nor "
    "its machine: what compares is the order of its rows"
)


@dataclass(frozen=True)
class Published:
    """A row of the survey's table.

    Args:
        name: What the survey calls the method.
        ssim: Structural similarity to the photograph.
        gram_difference: Its GMD.
        seconds_256: For an image of 256x256 pixels.
        seconds_1024: For one of 1024x1024.
        memory_mb: Peak.
    """

    name: str
    ssim: float
    gram_difference: float
    seconds_256: float
    seconds_1024: float
    memory_mb: float


SURVEY = {
    "gatys": Published("Gatys", 0.58, 0.67, 55, 320, 2300),
    "johnson": Published("Johnson", 0.61, 0.59, 5, 30, 1500),
    "gatys+": Published("dynamic weights and combined-image loss", 0.65, 0.48, 30, 150, 2100),
}
"""By kind of method."""
