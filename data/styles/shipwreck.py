"""A storm at sea after Turner's "The Shipwreck" (1805) and "The Wreck of a Transport Ship" (about 1810)."""

from __future__ import annotations

import numpy as np
from canvas import Array, Layer, Line, Scene, colours, ramp, spline
from sheet import Sheet, mix_angles

LIGHT = (392.0, 214.0)
SEA_LINE = 262.0


def sky(sheet: Sheet) -> None:
    """Wind the storm clouds round a core of golden light."""
    d = sheet.distance(LIGHT, 1.2)
    wander = 0.5 * sheet.noise(190, 3)
    sheet.flow = (sheet.whirl(LIGHT, -0.35) + wander * np.clip(d / 200, 0.2, 1)).astype(np.float32)
    turn = np.arctan2(sheet.y - LIGHT[1], sheet.x - LIGHT[0])
    arms = 0.07 * np.cos(2 * turn + 3.2 * np.log(d / 60 + 0.3) + 0.7 * wander)
    glow = 0.86 * np.exp(-((d / 150) ** 1.25))
    tone = 0.20 + glow + arms + 0.075 * sheet.streaks(110, 10) + 0.05 * sheet.noise(120, 3)
    sheet.guide = ramp(tone, "14181a 2a3131 454a42 6b6a52 97855a c79d58 ecc46a f9e09a fff6d4")
    blue = np.clip(0.9 * np.tanh(sheet.noise(210, 2)) - 0.25, 0, 0.5) * np.clip(d / 260 - 0.5, 0, 1)
    sheet.guide += blue[..., None] * (colours("3f5a6b")[0] - sheet.guide)


def swells(sheet: Sheet) -> list[Line]:
    """Pile up the sea, ridge behind ridge, each with a lit crest, a dark trough and torn foam."""
    crests = []
    for i, depth in enumerate(np.linspace(0, 1, 9) ** 1.35):
        base, size = SEA_LINE + 18 + 262 * depth, 7 + 34 * depth
        x = np.linspace(-60, 830, 60)
        cusps = 1 - np.abs(np.sin(x / (52 + 95 * depth) + 2.3 * i + 0.5 * np.sin(x / 90)))
        sides = 62 * depth * np.abs((x - 400) / 400) ** 2.2
        y = base - sides - 1.5 * size * cusps**1.6 + size * 0.25 * sheet.rng.normal(0, 0.5, 60)
        curve = spline(np.stack([x, y], -1))
        area, slope = sheet.below(curve)
        below = sheet.y - np.interp(sheet.x[0], curve[:, 0], curve[:, 1])
        curl = slope + 0.9 * np.sin(sheet.x / (34 + 40 * depth) + 1.7 * i) * np.exp(-below / (20 + 40 * depth))
        sheet.fill(area, sheet.guide, curl)
        sheet.fill(area, water(sheet, below, size, depth))
        crests += foam(sheet, curve, depth)
    return crests


def water(sheet: Sheet, below: Array, size: float, depth: float) -> Array:
    """Colour one swell: green and translucent at its crest, black in its trough, gold under the light."""
    crest = np.exp(-np.clip(below, 0, None) / (1.1 * size))
    gold = np.exp(-(((sheet.x - LIGHT[0] - 30) / (95 + 130 * depth)) ** 2)) * (1 - 0.55 * depth)
    torn = np.clip(sheet.streaks(60 + 40 * depth, 4 + 5 * depth) + 1.9 * crest - 1.25, 0, 1.2)
    tone = 0.13 + 0.30 * crest + 0.13 * sheet.streaks(70, 6) + 0.05 * sheet.noise(80) + 0.5 * torn
    cold = ramp(tone, "0b1114 152322 25403a 3f6252 6f8a6a a8b08a e4e0c4")
    warm = ramp(tone + 0.16, "1c140c 4a3418 86622c bf9446 e6c274 fbe8b4")
    return (cold + np.clip(gold * 0.95, 0, 1)[..., None] * (warm - cold)).astype(np.float32)


def foam(sheet: Sheet, curve: Array, depth: float) -> list[Line]:
    """Tear foam from a crest, in curling strokes."""
    lines, tints = [], colours("f4eed8 d8dcc8 b9c4b2 e9d9a6 93a69a")
    for _ in range(int(30 + 130 * depth)):
        x, y = curve[sheet.rng.integers(5, len(curve) - 5)]
        x, y = x + sheet.rng.normal(0, 6), y - abs(sheet.rng.normal(0, 3 + 13 * depth)) + 4 + 6 * depth
        size, angle = (4 + 7 * depth) * sheet.rng.uniform(0.3, 1.5), sheet.rng.normal(-0.2, 0.5)
        t = np.linspace(0, 1, 8)
        path = np.stack([x + size * np.cos(angle + 0.3 * t) * t, y + size * np.sin(angle + 0.3 * t) * t], -1)
        tint = tints[sheet.rng.integers(5)]
        lines.append(Line(path.astype(np.float32), sheet.rng.uniform(1, 1.6 + 1.8 * depth), tint, -1.0, 0.16, 0.9))
    return lines


def headland(sheet: Sheet) -> None:
    """Heave up the dark wreck of the transport at the left."""
    hull = spline([(-30, 96), (40, 100), (110, 116), (180, 132), (232, 158), (262, 196), (268, 240),
                   (250, 282), (190, 312), (90, 330), (-30, 340)], closed=True)  # fmt: skip
    area = sheet.mask(hull)
    sheet.fill(area, sheet.guide, 0.45 + 0.5 * sheet.noise(90, 2) + np.clip((sheet.x - 150) / 120, 0, 1) * 0.9)
    rim = np.clip((sheet.x - 60) / 230, 0, 1) * np.clip(1.4 - (sheet.y - 96) / 190, 0, 1)
    tone = 0.12 + 0.6 * rim**1.5 + 0.15 * sheet.streaks(60, 7) + 0.06 * sheet.noise(50)
    sheet.fill(area, ramp(tone, "0a0c0d 16191b 26282a 3a382e 5c5034 8e743f c8a654"))


def wreckage(sheet: Sheet) -> list[Line]:
    """Lean broken masts, a torn sail and hanging ropes over the dark hull."""
    wood, rope, lines = colours("1a130c 6b4c24 a57c3c"), colours("0c0a08")[0], []
    for x, y, dx, dy in ((60, 190, -46, -130), (118, 200, 30, -120), (196, 240, 62, -92), (30, 260, 40, -90)):
        for shift, tint, width in ((0, wood[0], 6), (1.6, wood[1], 2.5)):
            lines.append(
                Line(
                    spline([(x + shift, y), (x + dx * 0.5 + shift, y + dy * 0.52), (x + dx, y + dy)]),
                    width,
                    tint,
                    -0.5,
                )
            )
        for k in (0.45, 0.8):
            tip = np.array((x + dx * k, y + dy * k))
            lines.append(Line(spline([tip - (22, -8), tip, tip + (24, -4)]), 2.6, wood[0], 0.8))
            end = tip + (sheet.rng.uniform(30, 80), sheet.rng.uniform(60, 110))
            lines.append(Line(spline([tip, (tip + end) / 2 + (-8, 12), end]), 1.3, rope, 0.0))
    for i in range(16):
        left = 92 + 3.2 * i
        tint = colours("7a3a1c b8682a d9953c 9c4e20")[i % 4]
        lines.append(
            Line(
                spline([(left, 170 + i), (left - 4, 214), (left + 2 - 0.6 * i, 252 - i)]),
                6,
                tint,
                0.6,
                0.25,
                0.4,
            )
        )
    return lines


def vessel(sheet: Sheet, x: float, y: float, size: float, tilt: float) -> list[Line]:
    """Throw a ship on her side: hull, three masts, and sails lit from behind."""
    turn = np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]]) * size

    def place(points: list[tuple[float, float]]) -> Array:
        return (np.array(points) @ turn + (x, y)).astype(np.float32)

    hull = place(
        [
            (-0.62, -0.1),
            (-0.5, -0.16),
            (-0.3, -0.06),
            (0.3, -0.05),
            (0.56, -0.18),
            (0.6, -0.1),
            (0.46, 0.14),
            (-0.4, 0.16),
        ]
    )
    sheet.fill(sheet.mask(hull), ramp(0.4 + 0.25 * sheet.streaks(40, 4), "0d0a08 2a1c10 5a3c1c 8a602a"), tilt)
    sails = (
        [(-0.06, -0.14), (0.0, -1.04), (0.2, -0.8), (0.72, -0.52), (0.56, -0.3), (0.3, -0.16)],
        [(-0.36, -0.2), (-0.3, -0.86), (-0.18, -0.66), (-0.08, -0.3)],
        [(0.62, -0.2), (0.8, -0.5), (0.98, -0.3), (0.84, -0.16)],
    )
    for sail in sails:
        area = sheet.mask(spline(place(sail), closed=True))
        tone = 0.55 + 0.18 * sheet.streaks(50, 6) + 0.25 * np.clip((x - sheet.x) / size, -0.6, 0.6)
        sheet.fill(area, ramp(tone, "7a4a14 b97a1e e2a42c f6c850 fde694"), -0.9 + tilt)
    dark, lines = colours("120c08")[0], []
    for at, top in ((-0.36, -1.0), (0.0, -1.22), (0.3, -0.9)):
        lines.append(Line(spline(place([(at, -0.04), (at + 0.02, top * 0.5), (at, top)])), 4, dark, -0.6))
        for k in (0.45, 0.75):
            lines.append(Line(place([(at - 0.16, top * k), (at, top * k - 0.03), (at + 0.2, top * k)]), 2.2, dark, 0.8))
        lines += [Line(place([(at, top), (at + dx, -0.08)]), 1.2, dark, 0.0) for dx in (-0.24, 0.26)]
    return lines + [Line(hull, 3, dark, 0.3), Line(place([(0.5, -0.14), (0.96, -0.34)]), 3, dark, -0.6)]


def lifeboat(sheet: Sheet, x: float, y: float, size: float, tilt: float) -> list[Line]:
    """Fill a small boat with people."""
    turn = np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
    rim = spline(np.array([(-0.5, -0.12), (-0.2, 0.02), (0.2, 0.02), (0.5, -0.14)]) * size @ turn + (x, y))
    keel = spline(np.array([(-0.5, -0.12), (-0.3, 0.14), (0.26, 0.14), (0.5, -0.14)]) * size @ turn + (x, y))
    sheet.ribbon(rim, keel, "3a2412")
    coats, lines = colours("8a2a1c 2c3a44 b08a4c 4a3a2a d8c89a 6a1f18"), []
    for at in np.linspace(-0.36, 0.36, max(4, int(size / 9))):
        spot = np.array([at * size, -0.04 * size]) @ turn + (x, y)
        lean, tall = sheet.rng.normal(0, 3), sheet.rng.uniform(9, 15)
        body = np.array([spot, spot + (lean, -tall)], np.float32)
        lines.append(Line(body, 7, coats[sheet.rng.integers(6)], 0.3, 0.2))
        head = np.array([body[1] + (-1, -2), body[1] + (1, -4)], np.float32)
        lines.append(Line(head, 4.5, colours("d9b184")[0], 0.0))
    lines += [Line(rim, 2.6, colours("c49a58")[0], 0.5), Line(keel, 3, colours("0d0906")[0], 0.5)]
    for at in (-0.3, 0.0, 0.3):
        oar = np.array([(at * size, 0), (at * size - 16, 0.3 * size)]) @ turn + (x, y)
        lines.append(Line(oar.astype(np.float32), 2, colours("d8b878")[0], 0.0))
    return lines


def spume(sheet: Sheet) -> list[Line]:
    """Blow spray and light across the middle, and rain through the clouds."""
    lines, tints = [], colours("fff4d0 f6d98a e8c060 fdeab0")
    for _ in range(150):
        a, r = sheet.rng.uniform(-np.pi, 0.35), abs(sheet.rng.normal(0, 62))
        x, y = LIGHT[0] + 1.4 * r * np.cos(a), LIGHT[1] + 24 + r * np.sin(a)
        t, size = np.linspace(0, 1, 10), sheet.rng.uniform(10, 34)
        b = a + 1.3 + sheet.rng.normal(0, 0.4)
        path = np.stack([x + size * np.cos(b + t) * t, y + size * np.sin(b + t) * t], -1)
        lines.append(
            Line(
                path.astype(np.float32),
                sheet.rng.uniform(2, 6),
                tints[sheet.rng.integers(4)],
                -1.0,
                0.15,
                0.9,
            )
        )
    return lines


def scene(scale: float, rng: np.random.Generator) -> Scene:
    """Lay out the picture.

    Args:
        scale: Pixels per unit.
        rng: Source of randomness.

    Returns:
        The scene, 768 x 528 units.
    """
    sheet = Sheet(768, 528, scale, rng)
    sky(sheet)
    headland(sheet)
    ship = vessel(sheet, 548, 262, 165, -0.34) + wreckage(sheet)
    crests = swells(sheet)
    boats = (
        lifeboat(sheet, 262, 352, 120, 0.16) + lifeboat(sheet, 566, 408, 92, -0.22) + lifeboat(sheet, 150, 298, 60, 0.1)
    )
    angle = mix_angles(
        [sheet.flow, sheet.flow + 0.5 * sheet.noise(40, 2)],
        [np.ones_like(sheet.flow), 0.6 * np.ones_like(sheet.flow)],
    )
    steps: list[Layer | Line] = [
        Layer(20, 90, 0.7, (0.06, 0.12, 0.05), 0.30, bristle=0.14, dry=0.7),
        Layer(10, 70, 0.8, (0.08, 0.15, 0.07), 0.28, bristle=0.16, dry=0.8),
        *spume(sheet),
        Layer(5, 44, 1.2, (0.08, 0.18, 0.09), 0.22, bristle=0.16, dry=0.7),
        Layer(2.8, 22, 1.1, (0.06, 0.15, 0.07), 0.14, error=0.08),
        *ship,
        *crests[: len(crests) // 2],
        *boats,
        *crests[len(crests) // 2 :],
    ]
    return Scene(sheet.guide, angle, steps, light=0.8)
