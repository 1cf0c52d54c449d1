"""The night sky after van Gogh's "The Starry Night" (1889)."""

from __future__ import annotations

import numpy as np
from canvas import Array, Layer, Line, Scene, colours, ramp, spline
from sheet import Sheet, mix_angles

SWIRLS = ((392, 188, 128), (530, 290, 68))  # x, y, radius
STARS = (  # x, y, radius of the disc
    (176, 52, 13), (252, 168, 10), (274, 330, 20), (92, 292, 12), (22, 262, 8), (548, 92, 15), (468, 10, 9),
    (330, 30, 8), (30, 110, 9), (652, 268, 9),
)  # fmt: skip
MOON = (672, 92)
HOUSES = (  # x, y of the lower left corner, width, height of the wall, wall, roof
    (300, 560, 34, 13, "4a6c94", "23345c"), (356, 558, 30, 12, "5b7da0", "3a2a33"),
    (520, 556, 36, 13, "44648c", "4a3034"), (600, 552, 32, 12, "52759a", "1d2a4c"),
    (268, 588, 46, 17, "35527c", "1d2440"), (336, 582, 44, 18, "6c8fae", "20305a"),
    (452, 584, 48, 18, "7fa0b4", "4a3034"), (556, 580, 42, 17, "3f6188", "33243a"),
    (640, 582, 48, 17, "5f84a4", "20305a"), (712, 588, 46, 18, "3c5a86", "40303a"),
    (300, 606, 50, 17, "557ba2", "3a2a33"), (500, 606, 52, 18, "35527c", "1d2440"),
    (604, 608, 50, 17, "6c8fae", "23345c"),
)  # fmt: skip


RIDGES = (  # skylines from far to near, and their colours
    ([(0, 470), (130, 452), (260, 462), (380, 436), (470, 430), (560, 402), (660, 372), (768, 318)],
     "1a2f6b 2c559c 4c83bd 7fb0cc"),
    ([(0, 505), (140, 478), (250, 486), (360, 462), (480, 470), (600, 428), (690, 432), (768, 402)],
     "101d4a 1e4080 37699f 6d9fb5"),
    ([(0, 540), (160, 512), (300, 520), (430, 500), (560, 506), (660, 476), (768, 470)],
     "0f1a3e 1b3a66 2c6079 5f9a8f"),
    ([(0, 566), (200, 548), (360, 546), (520, 536), (640, 520), (768, 512)], "0b1430 16304f 25525a 4f8468"),
)  # fmt: skip


def sky(sheet: Sheet) -> None:
    """Fill the sky with currents that run into swirls and around every star."""
    x, y = sheet.x, sheet.y
    angles: list[Array] = [0.32 * np.sin(x / 95 + y / 120 + 1.2) - 0.12]
    weights = [np.full(sheet.shape, 0.22, np.float32)]
    arms = np.zeros(sheet.shape, np.float32)
    for cx, cy, radius in SWIRLS:
        d = sheet.distance((cx, cy), 1.15)
        angles.append(sheet.whirl((cx, cy), -0.22))
        weights.append(np.exp(-((d / radius) ** 4)))
        wind = np.arctan2(y - cy, x - cx) + 4.6 * np.log(d / radius + 0.06)
        arms += np.exp(-((d / radius / 0.95) ** 4)) * np.cos(2 * wind)
    for cx, cy, radius in (*STARS, (*MOON, 36)):
        angles.append(sheet.whirl((cx, cy)))
        weights.append(np.float32(1.5) * np.exp(-((sheet.distance((cx, cy)) / radius / 3) ** 4)))
    sheet.flow = mix_angles(angles, weights)
    band = np.exp(-(((y - 436 + 0.18 * x + 14 * np.sin(x / 60)) / 30) ** 2)) + 0.35 / (1 + np.exp((400 - y) / 12))
    tone = 0.36 + 0.11 * sheet.streaks(70, 7) + 0.05 * sheet.noise(150, 2) + 0.2 * arms + 0.4 * band
    sheet.guide = ramp(tone, "0b1440 152a72 1f4b9f 2f74bd 66a5d3 a9cfd0 e6e3a8 f6e27a")


def lights(sheet: Sheet) -> list[Line]:
    """Hang the stars and the crescent moon, each in rings of light."""
    wobble = 1 + 0.05 * sheet.noise(14, 2)
    for cx, cy, radius in (*STARS, (*MOON, 33)):
        d = sheet.distance((cx, cy)) * wobble / radius
        halo = ramp(d / 3.6, "fffbe6 fdf0a0 f8d648 f2dc7c dfe6a8 a8cbb4 5f9cc4 3b7cc0")
        rings = (1 + 0.09 * np.cos(d * 7))[..., None]
        weight = np.clip(1.7 - d / 2.1, 0, 1)[..., None]
        sheet.guide = np.clip(sheet.guide * (1 - weight) + halo * rings * weight, 0, 1).astype(np.float32)
    moon = (sheet.distance(MOON) < 33) & (sheet.distance((MOON[0] - 15, MOON[1] - 5)) > 25)
    sheet.fill(sheet.distance(MOON) < 34, ramp(0.3 + 0.2 * sheet.streaks(20, 3), "fbe07a fff6c0"))
    sheet.fill(moon, ramp(0.5 + 0.25 * sheet.streaks(20, 3), "d86f14 ef981c"))
    turn = np.linspace(-1.2, 1.75, 40)
    ring = np.stack([np.cos(turn), np.sin(turn)], -1).astype(np.float32)
    tints = colours("c9600e e8891a f4a526 ef981c")
    return [Line(ring * (33 - 3.2 * i) + (MOON[0] - i, MOON[1]), 5, tint) for i, tint in enumerate(tints)]


def hills(sheet: Sheet) -> list[Line]:
    """Roll the hills towards the village, and outline them."""
    outlines = []
    for points, palette in RIDGES:
        area, slope = sheet.below(points)
        depth = np.where(area, sheet.y - np.interp(sheet.x[0], *np.array(points, np.float32).T), 0)
        sheet.fill(area, sheet.guide, slope + 0.7 * np.tanh(depth / 60) * np.sin(sheet.x / 45))
        sheet.fill(area, ramp(0.2 + 0.24 * sheet.streaks(46, 6) + depth / 70, palette))
        outlines.append(Line(spline(points), 4, colours("0c143c")[0], 0.2, 0.3, 0.6))
    return outlines


def bushes(sheet: Sheet) -> None:
    """Round off the plain with olive trees, as curls of light and dark."""
    for cy in np.linspace(506, 600, 110):
        cx, radius = sheet.rng.uniform(225, 780), sheet.rng.uniform(7, 14)
        d = sheet.distance((cx, cy), 1.25)
        tone = 0.75 - 0.5 * (sheet.y - cy) / radius - 0.4 * d / radius + 0.2 * np.cos(d)
        sheet.fill(d < radius, ramp(tone, "081226 12294a 245670 4a8596 98bfa4"), sheet.whirl((cx, cy)))


def house(sheet: Sheet, spec: tuple[float, float, float, float, str, str]) -> list[Line]:
    """Build one house, gable to the left, and outline it."""
    x, y, w, h, wall, roof = spec
    a, ridge = 0.4 * w, y - 1.75 * h
    gable = [(x, y), (x, y - h), (x + a / 2, ridge), (x + a, y - h), (x + a, y)]
    side = [(x + a, y), (x + a, y - h), (x + w, y - h), (x + w, y)]
    slope = [(x + a / 2, ridge), (x + w - a / 3, ridge), (x + w, y - h), (x + a, y - h)]
    sheet.fill(sheet.mask(side), wall, np.pi / 2)
    sheet.fill(sheet.mask(gable), colours(wall)[0] * 1.3, np.pi / 2)
    sheet.fill(sheet.mask(slope), roof, 1.0)
    edges = [np.array(part, np.float32) for part in (gable, slope, side)]
    lines = [Line(edge, 2.2, colours("0a0f26")[0], 0.2) for edge in edges]
    for column in (0.2, 0.58, 0.82):
        if sheet.rng.random() < 0.6:
            pane = np.array([(x + w * column, y - 0.68 * h), (x + w * column, y - 0.2 * h)], np.float32)
            lines.append(Line(pane, 0.32 * h, colours("fdd648")[0], 0.1))
    return lines


def village(sheet: Sheet) -> list[Line]:
    """Build the houses, from the far ones to the near, and the church with its steeple."""
    lines: list[Line] = [line for spec in HOUSES[:4] for line in house(sheet, spec)]
    tower = np.array([(406, 600), (406, 540), (424, 540), (424, 600)], np.float32)
    sheet.fill(sheet.mask(tower), "86aabf", np.pi / 2)
    apex = (415.0, 432.0)
    for dx, tint in zip(range(-8, 12, 4), colours("16264e 3c679c 5b8ab4 8fb4c4 23406e"), strict=True):
        lines.append(Line(spline([(415 + dx, 546), apex]), 6, tint, -0.9))
    lines += [Line(edge, 2.2, colours("0a0f26")[0], 0.2) for edge in (tower, spline([(404, 546), apex]))]
    lines += house(sheet, (372, 606, 66, 24, "7fa5bf", "1c2c55"))
    return lines + [line for spec in HOUSES[4:] for line in house(sheet, spec)]


def cypress(sheet: Sheet) -> list[Line]:
    """Raise the cypress like a dark flame at the left: its body, and tongues licking upwards."""
    left = [(30, 625), (66, 540), (88, 470), (98, 400), (112, 320), (116, 240), (132, 160), (134, 80)]
    right = [(150, 90), (152, 160), (168, 240), (170, 320), (190, 400), (214, 480), (244, 550), (272, 625)]
    outline = spline([*left, (144, 22), *right], closed=True)
    sheet.fill(sheet.mask(outline), "0d1512", -np.pi / 2 + 0.3 * np.sin(sheet.y / 34 + sheet.x / 30))
    sheet.fill(sheet.mask(outline), ramp(0.35 + 0.2 * sheet.streaks(60, 6), "06090d 101a16 1e2a1c 3d3a1c"))
    palette, lines = colours("070b0d 0d1613 142018 1b2a1a 2c3a1e 46502a 4d3018 0a1020"), []
    for y in np.sort(sheet.rng.uniform(90, 660, 210)):
        half, t = 4 + 112 * ((y - 20) / 600) ** 1.35, np.linspace(0, 1, 16)
        x = 143 + half * np.clip(sheet.rng.normal(0, 0.5), -0.92, 0.92)
        rise = sheet.rng.uniform(0.6, 1.3) * (40 + 0.12 * y)
        lean, sway = (143 - x) * 0.3 * t, 0.07 * half * np.sin(5 * t + y / 25) * t
        path = np.stack([x + lean + sway, y - rise * t], -1).astype(np.float32)
        shade = palette[min(7, int(abs(sheet.rng.normal(0, 3.2))))]
        lines.append(Line(path, sheet.rng.uniform(6, 12), shade, 1.0, 0.3))
    return lines


def scene(scale: float, rng: np.random.Generator) -> Scene:
    """Lay out the picture.

    Args:
        scale: Pixels per unit.
        rng: Source of randomness.

    Returns:
        The scene, 768 x 608 units.
    """
    sheet = Sheet(768, 608, scale, rng)
    sky(sheet)
    moon = lights(sheet)
    outlines = hills(sheet)
    bushes(sheet)
    houses = village(sheet)
    flames = cypress(sheet)
    coarse = [
        Layer(15, 70, 0.7, (0.10, 0.15, 0.07), 0.30),
        Layer(8, 54, 0.8, (0.14, 0.2, 0.09), 0.26, bristle=0.15),
    ]
    fine = [
        Layer(5.5, 38, 1.0, (0.16, 0.25, 0.11), 0.30, bristle=0.15, dry=0.4),
        Layer(3, 20, 1.1, (0.12, 0.2, 0.08), 0.16, error=0.11),
    ]
    steps: list[Layer | Line] = [*coarse, *fine[:1], *outlines, *fine[1:], *moon, *houses, *flames]
    return Scene(sheet.guide, sheet.flow, steps, light=1.1)
