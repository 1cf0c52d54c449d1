"""An improvisation after Kandinsky's "Composition VII" (1913): colours and lines round an eye."""

from __future__ import annotations

import numpy as np
from canvas import Layer, Line, Scene, colours, ramp, resample, spiral, spline
from sheet import Paint, Sheet

EYE = (262.0, 244.0)
WARM = "d4281e e8601c f2a81e f6d23a 9c1c2a f0e0b0 e88a6a"
COOL = "1f2f7a 2f5fb0 5b94c8 3c8a6a 7a4f9a a9c4dc 1c5a58"
LIGHT = WARM + " " + COOL + " f8f2e2 f4ecd8"
ALL = LIGHT + " 17141c"


def ground(sheet: Sheet) -> None:
    """Wash the ground in clouds of colour that turn round the eye."""
    wander = sheet.noise(160, 3)
    sheet.flow = (sheet.whirl(EYE, 0.5) + 0.8 * wander).astype(np.float32)
    a = 0.5 + 0.30 * sheet.noise(130, 2) + 0.05 * sheet.streaks(70, 8)
    b = 0.5 + 0.34 * sheet.noise(170, 2)
    warm = ramp(a, "b8381e e0702a f2b44a f6d880 f4e6c0 e49a80 b8485a")
    cool = ramp(a, "27407e 4a78b4 8fb4d4 c4d8dc f4ecd4 b0a4cc 5e4a92")
    share = np.clip(3.2 * (b - 0.5) + 0.5, 0, 1)[..., None]
    sheet.guide = (warm * (1 - share) + cool * share).astype(np.float32)
    corner = np.clip((sheet.x + 0.7 * sheet.y - 920) / 90 + 0.3 * wander, 0, 1)[..., None]
    sheet.guide += corner * (ramp(a, "a83c12 d4601a e8862a") - sheet.guide)


def tint(sheet: Sheet, palette: str) -> Paint:
    """Pick a colour, shaded softly over the sheet so that no shape is flat."""
    table = colours(palette)
    one, other = table[sheet.rng.integers(len(table), size=2)]
    share = np.roll(sheet.clouds, tuple(sheet.rng.integers(0, 900, 2)), (0, 1))
    return lambda area: one + (other - one) * np.clip(0.25 + 0.28 * share[area], 0, 0.7)[:, None]


def spot(sheet: Sheet, spread: float) -> tuple[float, float]:
    """Pick a place, denser round the eye and along the rising diagonal."""
    along, off = sheet.rng.normal(0, 1.25 * spread), sheet.rng.normal(0, 0.62 * spread)
    return float(372 + along * 0.95 + off * 0.3), float(256 - along * 0.36 + off)


def blot(sheet: Sheet, size: float, palette: str) -> list[Line]:
    """Drop a rounded blot, sometimes with a rim of another colour or a black edge."""
    x, y = spot(sheet, 200)
    turn = np.linspace(0, 2 * np.pi, 8)[:-1] + sheet.rng.uniform(0, 6)
    radius = size * sheet.rng.uniform(0.45, 1.25, 7)
    shape = np.stack([x + radius * np.cos(turn), y + 0.8 * radius * np.sin(turn)], -1)
    outline = spline(shape, closed=True)
    sheet.fill(sheet.mask(outline), tint(sheet, palette), sheet.whirl((x, y), 0.4))
    if sheet.rng.random() < 0.5:
        sheet.fill(sheet.mask((outline - (x, y)) * 0.6 + (x, y)), tint(sheet, ALL))
    if sheet.rng.random() < 0.3:
        return [Line(resample(outline, 80)[: sheet.rng.integers(30, 80)], 4, colours("17141c")[0], 1.0, 0.1, 0.4)]
    return []


def arc(sheet: Sheet, size: float) -> list[Line]:
    """Bend a rainbow of two to five bands."""
    x, y = spot(sheet, 210)
    start, sweep = sheet.rng.uniform(0, 6.28), sheet.rng.uniform(1.2, 3.6)
    t = np.linspace(start, start + sweep, 40)
    squash, width = sheet.rng.uniform(0.55, 1.0), size * sheet.rng.uniform(0.10, 0.2)
    rim = np.stack([np.cos(t), squash * np.sin(t)], -1)
    swell = np.sin(np.linspace(0.15, np.pi - 0.15, 40))[:, None]
    for i in range(sheet.rng.integers(2, 6)):
        inner, outer = size - width * i * swell, size - width * (i + 1) * swell
        sheet.ribbon(
            (rim * inner + (x, y)).astype(np.float32),
            (rim * outer + (x, y)).astype(np.float32),
            tint(sheet, ALL),
        )
    edge = (rim * size + (x, y)).astype(np.float32)
    return [Line(edge, 5, colours("17141c")[0], 1.0, 0.1, 0.3)] if sheet.rng.random() < 0.5 else []


def shard(sheet: Sheet, size: float) -> list[Line]:
    """Throw a pointed shard, leaning with the diagonal."""
    x, y = spot(sheet, 220)
    lean = sheet.rng.normal(-0.7, 0.5)
    along = np.array([np.cos(lean), np.sin(lean)]) * size
    side = along[::-1] * (-1, 1) * sheet.rng.uniform(0.15, 0.4)
    corners = np.array([(x, y) - along, (x, y) + side, (x, y) + along * 1.2, (x, y) - side * 0.6])
    sheet.fill(sheet.mask(corners), tint(sheet, ALL), lean)
    if sheet.rng.random() < 0.6:
        middle = np.array([corners[0], corners[1], corners[2]])
        sheet.fill(sheet.mask(middle), tint(sheet, ALL), lean)
    return [Line(corners[[0, 2]].astype(np.float32), 3, colours("17141c")[0], 0.8)] if sheet.rng.random() < 0.4 else []


def disc(sheet: Sheet, x: float, y: float, size: float, palette: str) -> None:
    """Set rings of colour inside one another."""
    for i, colour in enumerate(colours(palette)):
        share = 1 - i / len(palette.split())
        sheet.fill(sheet.distance((x, y), 1.1) < size * share, colour, sheet.whirl((x, y)))


def comb(sheet: Sheet) -> list[Line]:
    """Scratch a bunch of parallel black strokes, crossed by a longer one."""
    x, y = spot(sheet, 190)
    lean, size = sheet.rng.uniform(0, np.pi), sheet.rng.uniform(14, 34)
    step, reach = np.array([np.cos(lean), np.sin(lean)]), np.array([-np.sin(lean), np.cos(lean)])
    lines, count = [], sheet.rng.integers(4, 9)
    for i in range(count):
        root = np.array([x, y]) + step * i * size * 0.28
        bend = sheet.rng.normal(0, 0.1, 2) * size
        path = spline([root - reach * size * 0.5, root + bend, root + reach * size * 0.5])
        lines.append(Line(path, 2.6, colours("17141c")[0], -0.8, 0.1, 0.3))
    spine = spline([(x, y) - step * size * 0.5, (x, y) + step * count * size * 0.34])
    return [*lines, Line(spine, 3.4, colours("17141c")[0], 0.8)]


def sweep(sheet: Sheet) -> Line:
    """Draw a long free line through the turmoil, black, white or red."""
    x, y = spot(sheet, 190)
    points, angle = [np.array([x, y])], sheet.rng.uniform(0, 6.28)
    bend = sheet.rng.normal(0, 0.5)
    for _ in range(sheet.rng.integers(4, 9)):
        angle += bend + sheet.rng.normal(0, 0.45)
        points.append(points[-1] + 24 * np.array([np.cos(angle), np.sin(angle)]))
    palette = colours("17141c 17141c 17141c 17141c f8f2e2 a81c22 1f2f7a")
    return Line(spline(points), sheet.rng.uniform(2.5, 7.5), palette[sheet.rng.integers(7)], 1.0, 0.1, 0.4)


def eye(sheet: Sheet) -> list[Line]:
    """Place the dark eye of the storm, with the lines that whip round it."""
    x, y = EYE
    bowl = spline([(x - 96, y + 10), (x - 60, y - 66), (x + 20, y - 84), (x + 84, y - 40), (x + 70, y + 30),
                   (x + 10, y + 66), (x - 50, y + 62)], closed=True)  # fmt: skip
    sheet.fill(sheet.mask(bowl), tint(sheet, "1f2f7a 2a2350 17141c"), sheet.whirl(EYE))
    sheet.fill(
        sheet.mask((bowl - EYE) * 0.72 + (x + 10, y + 2)),
        tint(sheet, "f8f2e2 f6e8b0 e8d8c8"),
        sheet.whirl(EYE),
    )
    sheet.fill(sheet.mask((bowl - EYE) * 0.42 + (x + 16, y)), tint(sheet, "7a8a3c d8b83a 9c1c2a"), sheet.whirl(EYE))
    disc(sheet, x + 18, y + 2, 24, "17141c f8f2e2 2f5fb0 17141c d4281e")
    ink = colours("17141c")[0]
    lines = [
        Line(spiral((x + 10, y), 92, 1.6, 2.2), 9, ink, -1.0, 0.1, 0.4),
        Line(spiral((x + 14, y + 4), 58, -1.3, 0.5), 7, ink),
    ]
    for a in sheet.rng.uniform(0, 6.28, 9):
        inner, outer = sheet.rng.uniform(30, 60), sheet.rng.uniform(80, 150)
        mid = (inner + outer) / 2
        path = [(x + r * np.cos(a + w), y + r * np.sin(a + w)) for r, w in ((inner, 0), (mid, 0.14), (outer, 0.1))]
        lines.append(Line(spline(path), sheet.rng.uniform(2.5, 6), ink, -0.9, 0.1, 0.3))
    return lines


def scene(scale: float, rng: np.random.Generator) -> Scene:
    """Lay out the picture.

    Args:
        scale: Pixels per unit.
        rng: Source of randomness.

    Returns:
        The scene, 768 x 512 units.
    """
    sheet = Sheet(768, 512, scale, rng)
    ground(sheet)
    glade = spline([(420, 330), (520, 240), (640, 180), (700, 190), (640, 300), (560, 400), (470, 470)], closed=True)
    sheet.fill(sheet.mask(glade), ramp(0.5 + 0.3 * sheet.noise(70), "b8b4d8 dfe4ee f8f4ea f6ecc8"), -0.7)
    ink: list[Line] = []
    for count, low, high in ((34, 36, 80), (64, 12, 32)):
        for _ in range(count):
            ink += blot(sheet, rng.uniform(low, 0.85 * high), LIGHT)
            ink += arc(sheet, rng.uniform(low, high))
            ink += shard(sheet, rng.uniform(low, 1.12 * high))
    disc(sheet, 484, 36, 34, "d4281e f8f2e2 2f5fb0 17141c")
    disc(sheet, 486, 322, 40, "f2a81e d4281e 3c8a6a f6d23a")
    disc(sheet, 396, 400, 28, "2f5fb0 f6d23a d4281e f8f2e2")
    ink += eye(sheet)
    for _ in range(11):
        ink += comb(sheet)
    ink += [sweep(sheet) for _ in range(56)]
    steps: list[Layer | Line] = [
        Layer(10, 60, 0.8, (0.08, 0.12, 0.05), 0.12, bristle=0.12),
        Layer(5, 36, 1.1, (0.10, 0.16, 0.06), 0.11, bristle=0.13, dry=0.6),
        Layer(2.4, 20, 1.2, (0.05, 0.1, 0.04), 0.10, error=0.06),
        *ink,
    ]
    return Scene(sheet.guide, sheet.flow, steps, light=0.7, grain=0.025)
