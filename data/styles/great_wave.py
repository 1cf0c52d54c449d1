"""The wave after Hokusai's "Under the Wave off Kanagawa" (about 1831), as a woodblock print."""

from __future__ import annotations

import numpy as np
from canvas import Array, Layer, Line, Scene, colours, ramp, resample, spline
from PIL import Image, ImageFilter
from sheet import Sheet

INK, NAVY, PRUSSIAN, SEA, PALE, FOAM = "14233f", "1d3b6b", "2f6397", "6fa3b5", "b5d0cb", "f1ead6"
FACE = ((476, 456), (412, 402), (364, 350), (332, 294), (320, 238), (328, 186), (356, 150), (404, 142))
BACK = ((-44, 480), (-34, 320), (14, 226), (78, 156), (148, 96), (222, 58), (300, 48), (374, 72), (424, 122))
RIDGE = ((-40, 452), (40, 428), (120, 392), (190, 344), (236, 308), (262, 298), (292, 314), (340, 356),
         (400, 396), (480, 424), (560, 436), (660, 424), (800, 372))  # fmt: skip
SWELL = ((380, 408), (440, 404), (520, 398), (600, 376), (680, 330), (740, 276), (800, 210))


def blend(one: Array, other: Array, share: float, pinch: float = 0.0, phase: float = 0.0) -> Array:
    """Give the curve that lies between two others, at a share that waves along it."""
    s = np.linspace(0, 1, len(one))[:, None]
    weight = np.clip(share + pinch * np.sin(2.2 * np.pi * s + phase) * np.sin(np.pi * s), 0, 1)
    return (one * (1 - weight) + other * weight).astype(np.float32)


def stripes(sheet: Sheet, one: Array, other: Array, tints: list[str], widths: list[int], pinch: float) -> None:
    """Fill the area between two curves with outlined stripes that follow them."""
    shares = np.cumsum([0, *widths]) / sum(widths)
    edges = [blend(one, other, share, pinch, 2.4 * i) for i, share in enumerate(shares)]
    for tint, near, far in zip(tints, edges[:-1], edges[1:], strict=True):
        grain = 1 + 0.05 * sheet.noise(26, 2)[..., None]
        sheet.ribbon(near, far, np.clip(colours(tint)[0] * grain, 0, 1))
    for edge in edges:
        contour(sheet, edge, 1.8)


def contour(sheet: Sheet, curve: Array, width: float) -> None:
    """Cut an ink line that swells and thins along a curve."""
    run = np.gradient(curve, axis=0)
    normal = run[:, ::-1] * (-1, 1) / (np.hypot(*run.T)[:, None] + 1e-6)
    half = width * (0.35 + 0.3 * np.sin(np.linspace(0, np.pi, len(curve))))[:, None]
    sheet.ribbon((curve + normal * half).astype(np.float32), (curve - normal * half).astype(np.float32), INK)


def claw(sheet: Sheet, root: Array, angle: float, size: float, turn: float, depth: int = 1) -> None:
    """Draw one claw of foam, with smaller ones growing from its back."""
    t = np.linspace(0, 1, 18)
    heading = angle + turn * (0.1 * t + 2.7 * t**2)
    step = np.stack([np.cos(heading), np.sin(heading)], -1) * size / 18
    path = root + np.cumsum(step, 0)
    normal = np.stack([-np.sin(heading), np.cos(heading)], -1) * np.sign(turn)
    half = (size * 0.17 * (1 - t) ** 0.75 + 0.5)[:, None]
    if depth:
        for at in (4, 8):
            lean = heading[at] - turn * 0.75
            young = size * sheet.rng.uniform(0.5, 0.62)
            claw(sheet, path[at] - normal[at] * half[at] * 0.5, lean, young, turn, depth - 1)
    for grow, low, tint in ((1.4, -1.0, INK), (0.0, -1.0, FOAM), (0.0, 0.15, PALE)):
        inner, outer = path + normal * (half + grow), path + normal * low * (half + grow)
        sheet.ribbon(inner.astype(np.float32), outer.astype(np.float32), tint)


def fringe(sheet: Sheet, points: list[tuple[float, float]], size: float, side: float, lean: float = 1.2) -> None:
    """Hang a row of claws along a curve, over a bank of foam."""
    curve = spline(points)
    length = np.hypot(*np.diff(curve, axis=0).T).sum()
    roots = resample(curve, max(4, int(length / (size * 0.58))))
    run = np.gradient(roots, axis=0)
    for i in sheet.rng.permutation(len(roots)):
        heading = np.arctan2(run[i, 1], run[i, 0])
        scale = size * sheet.rng.uniform(0.75, 1.25)
        turn = side * sheet.rng.uniform(0.8, 1.15)
        claw(sheet, roots[i], heading + side * (lean + sheet.rng.normal(0, 0.22)) - turn * 0.5, scale, turn)


def bank(sheet: Sheet, points: list[tuple[float, float]], width: float) -> None:
    """Lay a bank of foam along a curve, with scalloped edges."""
    curve = resample(spline(points), 140)
    run = np.gradient(curve, axis=0)
    normal = run[:, ::-1] * (-1, 1) / (np.hypot(*run.T)[:, None] + 1e-6)
    along = np.linspace(0, 1, 140)[:, None]
    bulge = np.sin(np.pi * along) ** 0.5 * width
    for share, low, high in ((1.0, SEA, PALE), (0.62, PALE, FOAM)):
        rims = [curve + side * normal * bulge * share * (0.7 + 0.5 * np.abs(np.sin(along * pace)))
                for side, pace in ((1, 21), (-1, 26))]  # fmt: skip
        one, other = (rim.astype(np.float32) for rim in rims)
        sheet.ribbon(one, other, high)
        sheet.ribbon(other, blend(other, curve, 0.4), low)
        contour(sheet, one, 2.0)
        contour(sheet, other, 2.0)


def sky(sheet: Sheet) -> None:
    """Print the sky, shaded towards the horizon, with a bank of cloud and the mountain."""
    tone = np.clip(sheet.y / 420, 0, 1) ** 2.2 + 0.05 * sheet.noise(150, 3, 3.0)
    cloud = 0.13 * np.tanh(4 * (sheet.noise(200, 3, 2.2) - 0.4)) * np.clip((300 - sheet.y) / 90, 0, 1)
    sheet.flow[:] = 0.05 * np.sin(sheet.x / 90)
    sheet.guide = ramp(tone + cloud + 0.03 * sheet.streaks(120, 3), "f0e5c8 e7dabb dccdac c6b796 998b70 625c50 3a3b40")
    cone = spline([(440, 402), (480, 378), (512, 348), (530, 334), (546, 334), (566, 350), (604, 380), (650, 402)])
    sheet.fill(sheet.mask(cone), ramp(0.5 + 0.2 * sheet.noise(20), "2b4a70 3d648c"), 0.7)
    contour(sheet, cone, 2)
    snow = [(530, 334), (546, 334), (566, 350), (584, 366), (570, 362), (562, 374), (551, 358), (541, 376),
            (531, 360), (520, 372), (514, 362), (500, 364), (512, 348)]  # fmt: skip
    sheet.fill(sheet.mask(snow), FOAM, 0.9)


def boat(sheet: Sheet, x: float, y: float, length: float, tilt: float) -> None:
    """Set a long boat with its bowed rowers."""
    t = np.linspace(0, 1, 40)
    sag = 0.10 * length * (4 * (t - 0.5) ** 2) ** 1.3
    turn = np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
    rail = np.stack([(t - 0.5) * length, -sag], -1)
    keel = rail + np.stack([0 * t, length * 0.075 * np.sin(np.pi * t) ** 0.6], -1)
    for at in np.linspace(0.3, 0.86, 9):
        spot = rail[int(at * 39)] @ turn + (x, y)
        for grow, tint in ((1.2, INK), (0, PRUSSIAN)):
            sheet.fill(sheet.distance((spot[0], spot[1] - 4), 1.2) < length * 0.026 + grow, tint)
        sheet.fill(sheet.distance((spot[0] - 2, spot[1] - 9)) < length * 0.013, "e2c49a")
    for low, high, tint in ((0, 1, "c9a468"), (0, 0.3, "e3c88c"), (0.72, 1, "9a7440")):
        near, far = (((rail * (1 - k) + keel * k) @ turn + (x, y)).astype(np.float32) for k in (low, high))
        sheet.ribbon(near, far, tint)
        contour(sheet, far, 1.8)
    contour(sheet, (rail @ turn + (x, y)).astype(np.float32), 2.2)


def great(sheet: Sheet) -> None:
    """Raise the great wave: striped face, pale back, and its crest breaking into claws."""
    face, back = resample(spline(FACE), 90), resample(spline(BACK), 90)
    tints = [
        FOAM,
        NAVY,
        PRUSSIAN,
        NAVY,
        SEA,
        NAVY,
        PRUSSIAN,
        NAVY,
        PALE,
        NAVY,
        PRUSSIAN,
        NAVY,
        SEA,
        NAVY,
        PRUSSIAN,
        FOAM,
    ]
    widths = [2, 6, 3, 6, 2, 6, 4, 6, 2, 6, 3, 6, 3, 6, 4, 35]
    stripes(sheet, face, back, tints, widths, 0.012)
    for share in (0.72, 0.75, 0.83, 0.86, 0.93):
        contour(sheet, blend(face, back, share, 0.02, 9 * share)[8:62], 1.3)
    bank(sheet, [(30, 330), (76, 264), (134, 206), (196, 156), (262, 122), (330, 112)], 15)
    fringe(sheet, [(34, 356), (86, 284), (144, 224), (204, 178), (262, 148), (326, 142)], 46, 1.0, 1.0)
    fringe(sheet, [(226, 72), (300, 62), (368, 82), (416, 122), (440, 162)], 44, -1.0, 0.9)
    fringe(sheet, [(270, 92), (330, 96), (384, 122), (412, 160), (408, 196)], 46, 1.0, 0.8)
    fringe(sheet, [(320, 82), (380, 104), (424, 146), (446, 186)], 40, 1.0, 0.3)


def fore(sheet: Sheet) -> None:
    """Roll the nearer waves across the front."""
    ridge = resample(spline(RIDGE), 110)
    floor = np.stack([ridge[:, 0], 560 + 22 * np.sin(ridge[:, 0] / 120)], -1).astype(np.float32)
    tints = [FOAM, PALE, FOAM, NAVY, PRUSSIAN, SEA, PRUSSIAN, NAVY, FOAM, PALE, NAVY, PRUSSIAN, NAVY, SEA,
             FOAM, NAVY, PRUSSIAN, NAVY, SEA, NAVY]  # fmt: skip
    stripes(sheet, ridge, floor, tints, [12, 3, 7, 4, 6, 4, 5, 4, 8, 3, 4, 5, 4, 3, 6, 5, 5, 4, 4, 6], 0.05)
    bank(sheet, [(-10, 500), (50, 474), (110, 448), (170, 420), (220, 392), (262, 372)], 12)
    fringe(sheet, [(-10, 520), (60, 492), (130, 462), (190, 430), (264, 386)], 42, 1.0, 0.9)
    fringe(sheet, [(-14, 450), (50, 428), (110, 398), (168, 358)], 38, -1.0, 0.9)
    fringe(sheet, [(560, 500), (620, 488), (690, 470), (770, 440)], 30, -1.0, 0.8)


def swell(sheet: Sheet) -> None:
    """Lift the swell at the right."""
    top = resample(spline(SWELL), 70)
    foot = np.stack([top[:, 0], 470 + 0 * top[:, 0]], -1).astype(np.float32)
    tints = [FOAM, PALE, FOAM, PRUSSIAN, NAVY, PRUSSIAN, SEA, FOAM, NAVY, PRUSSIAN, NAVY]
    stripes(sheet, top, foot, tints, [9, 3, 6, 7, 6, 5, 5, 8, 8, 6, 8], 0.06)


def spray(sheet: Sheet) -> None:
    """Throw drops of spray from the crest."""
    for _ in range(260):
        x, y = sheet.rng.normal(430, 66), sheet.rng.normal(244, 62)
        if x > 345:
            sheet.fill(sheet.distance((x, y)) < sheet.rng.uniform(0.9, 2.6), FOAM)


def away_from_ink(sheet: Sheet) -> Array:
    """Tell where a brush may go without smearing the drawing: 1 far from ink, 0 in its midst."""
    ink = (np.abs(sheet.guide - colours(INK)[0]).max(-1) < 0.04).astype(np.float32)
    near = Image.fromarray((255 * ink).astype(np.uint8)).filter(ImageFilter.GaussianBlur(2.5 * sheet.scale))
    return np.clip(1 - np.asarray(near, np.float32) / 60, 0, 1)


def scene(scale: float, rng: np.random.Generator) -> Scene:
    """Lay out the picture.

    Args:
        scale: Pixels per unit.
        rng: Source of randomness.

    Returns:
        The scene, 768 x 512 units.
    """
    sheet = Sheet(768, 512, scale, rng)
    sky(sheet)
    swell(sheet)
    boat(sheet, 642, 368, 200, -0.44)
    great(sheet)
    boat(sheet, 96, 392, 180, 0.34)
    fore(sheet)
    boat(sheet, 470, 436, 240, 0.08)
    spray(sheet)
    clear = away_from_ink(sheet)
    steps: list[Layer | Line] = [
        Layer(6, 70, 0.9, (0.03, 0.08, 0.04), 0.10, 0.35, 0.06, 0.6, mask=clear**2),
        Layer(2.2, 40, 1.5, (0.04, 0.1, 0.06), 0.10, 0.45, 0.08, 0.6, mask=clear),
    ]
    return Scene(sheet.guide, sheet.flow, steps, light=0.25, grain=0.03)
