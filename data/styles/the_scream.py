"""The cry under a burning sky after Munch's "The Scream" (1893)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from canvas import Array, Layer, Line, Scene, colours, ramp, spline
from numpy.typing import ArrayLike
from sheet import Sheet

VANISHING = (-6.0, 318.0)
BEAMS = (  # slope of the upper edge, depth, colours
    (0.60, 0.075, "3a1710 8c3418 c4552a d9803c"),
    (0.735, 0.05, "1c1218 4a2018 a8442a"),
    (0.86, 0.035, "241418 6a2c1c c05a30"),
)
HEAD = ((290, 470), (276, 440), (274, 412), (284, 388), (306, 376), (330, 380), (346, 398), (348, 426),
        (338, 454), (328, 482), (312, 496), (298, 490))  # fmt: skip
LAKE = ((-20, 262), (150, 258), (280, 256), (380, 262), (424, 278), (396, 288), (330, 288), (316, 299),
        (350, 312), (330, 326), (250, 330), (140, 324), (60, 336), (-20, 326))  # fmt: skip
BODY = ((262, 520), (244, 560), (236, 610), (250, 650), (240, 700), (248, 790), (372, 790), (352, 720),
        (364, 660), (384, 620), (386, 570), (368, 530), (338, 508), (300, 512))  # fmt: skip
HAIR = "0f1c2a 1f3a40 4a5440 8a6a3c b8803e 6f7a5a 2f5058"
ARMS = (
    ((252, 600), (240, 556), (246, 518), (262, 494), (284, 500), (276, 530), (290, 580)),
    ((370, 600), (384, 556), (380, 516), (362, 490), (342, 498), (350, 530), (336, 580)),
)
HANDS = (
    (
        (270, 548),
        (262, 510),
        (260, 470),
        (264, 436),
        (274, 414),
        (282, 420),
        (280, 450),
        (286, 490),
        (288, 530),
    ),
    (
        (356, 540),
        (366, 506),
        (368, 468),
        (362, 432),
        (352, 412),
        (344, 420),
        (346, 452),
        (338, 488),
        (334, 524),
    ),
)


def near(points: ArrayLike) -> Array:
    """Bring the head and the arms nearer to us than they were drawn."""
    return ((np.asarray(points, np.float32) - (312, 510)) * 1.28 + (312, 510)).astype(np.float32)


def sky(sheet: Sheet) -> None:
    """Fill the sky with waving bands of blood, orange and sulphur."""
    x, y = sheet.x, sheet.y
    drift = 13 * np.sin(x / 88 + y / 70) + 9 * np.sin(x / 43 - y / 52 + 1.4) - 0.03 * x
    level = y + drift * (0.5 + y / 260)
    down, right = np.gradient(level)
    sheet.flow = np.arctan2(-right, down).astype(np.float32)
    tone = 0.5 + 0.30 * np.sin(level / 9.6 + 1.6 * np.sin(level / 31)) + 0.15 * sheet.streaks(110, 6)
    sheet.guide = ramp(tone, "a81c10 cf3216 e8521a f07a22 f4a33a f3c866 e9d79a")
    cool = np.clip(sheet.streaks(150, 9) - 1.25, 0, 0.75)[..., None] * (y < 150)[..., None]
    sheet.guide = (sheet.guide * (1 - cool) + colours("5f8f8c")[0] * cool).astype(np.float32)


def shore(sheet: Sheet) -> None:
    """Lay the fjord: far hills, glowing water, and the dark current winding down to the right."""
    x, y = sheet.x, sheet.y
    area, slope = sheet.below([(0, 232), (90, 222), (190, 228), (280, 222), (380, 200), (470, 190), (608, 206)])
    sheet.fill(area, sheet.guide, slope)
    sheet.fill(area, ramp(0.45 + 0.25 * sheet.streaks(80, 6), "0d1526 16263c 23405a 3c5f6a"))
    water, slope = sheet.below([(0, 256), (120, 248), (260, 252), (400, 250), (608, 262)])
    current = 0.35 * np.sin(x / 60 + y / 40) + np.clip((x - 330) / 160, 0, 1) * np.clip((y - 270) / 120, 0, 1) * 1.25
    sheet.fill(water, sheet.guide, current)
    sheet.fill(water, ramp(0.42 + 0.24 * sheet.streaks(90, 6), "0c1426 14284a 1f4468 37698a 7fa0a0"))
    lake = sheet.mask(spline(LAKE, closed=True))
    glow = 0.5 + 0.26 * np.sin(y / 5.5 + np.sin(x / 40)) + 0.2 * sheet.streaks(90, 5)
    sheet.fill(lake, ramp(glow, "8a5a2a c8742c e89a3a f0c264 e6d89c"), 0.12 * np.sin(x / 50))


def bank(sheet: Sheet) -> None:
    """Raise the bank at the right, in long strokes that fall like hair."""
    x, y = sheet.x, sheet.y
    edge = ((640, 250), (560, 286), (500, 330), (440, 390), (404, 450), (396, 520), (430, 600), (520, 690))
    area = sheet.mask(spline([*edge, (640, 760)], closed=True))
    fall = np.arctan2(np.float32(1.0), np.clip((430 - y) / 130, -0.5, 2.4) * -1.0)
    bend = fall + 0.3 * np.sin(x / 26 + y / 80)
    sheet.fill(area, sheet.guide, bend)
    sheet.fill(area, ramp(0.5 + 0.26 * sheet.streaks(130, 7), HAIR))


def bridge(sheet: Sheet) -> list[Line]:
    """Run the planks and the railing of the bridge to their vanishing point."""
    vx, vy = VANISHING
    angle = np.arctan2(sheet.y - vy, sheet.x - vx)
    deck = sheet.mask([(vx, vy), (640, 812), (640, 900), (-40, 900), (-40, vy)])
    sheet.fill(deck, sheet.guide, angle)
    stripe = 0.5 + 0.2 * np.sin(angle * 46) + 0.24 * sheet.streaks(190, 6)
    sheet.fill(deck, ramp(stripe, "2b1a16 5a3420 8a5228 b4763a c99a58 8f7a5a 4d4a48"))
    for rise, depth, palette in BEAMS:
        edge = [(vx, vy), (640, vy + 646 * rise), (640, vy + 646 * (rise + depth)), (vx, vy + 2)]
        area = sheet.mask(edge)
        sheet.fill(area, sheet.guide, np.arctan(rise))
        sheet.fill(area, ramp(0.5 + 0.3 * sheet.streaks(150, 5), palette))
    lines = []
    for rise in (0.595, 0.68, 0.735, 0.79, 0.86, 0.90):
        t = np.linspace(0.03, 1, 30)[:, None]
        path = np.array(VANISHING) + t * np.array((650, 650 * rise))
        lines.append(Line(path.astype(np.float32), 6, colours("120d14")[0], 0.9, 0.3))
    for x in (60, 120, 215, 400, 520):
        foot, top = vy + (x - vx) * 0.92, vy + (x - vx) * 0.62
        post = spline([(x, top), (x + 2, (top + foot) / 2), (x, foot)])
        lines.append(Line(post, 4 + x / 40, colours("1a1216")[0], 0.2, 0.3))
    return lines


def strollers() -> list[Line]:
    """Set the two walkers at the far end of the bridge."""
    coat, lines = colours("0f1420 1a2233 0b0e16"), []
    for x, y, h in ((16, 402, 118), (52, 408, 124)):
        for dx in (-4, 4):
            lines.append(Line(spline([(x + dx, y - 0.4 * h), (x + dx, y)]), 8, coat[2], 0.2))
        trunk = spline([(x, y - 0.84 * h), (x - 1, y - 0.5 * h), (x, y - 0.2 * h)])
        lines.append(Line(trunk, 24, coat[0], 0.45, 0.3))
        for dx in (-9, 9):
            lines.append(Line(spline([(x + dx, y - 0.78 * h), (x + 1.4 * dx, y - 0.4 * h)]), 7, coat[1], 0.5))
        lines.append(Line(spline([(x - 1, y - 0.93 * h), (x, y - 0.82 * h)]), 11, colours("6b4a30")[0], 0.2))
        lines.append(Line(spline([(x - 10, y - 0.92 * h), (x + 10, y - 0.92 * h)]), 4, coat[2], 0.2))
        lines.append(Line(spline([(x, y - 1.02 * h), (x, y - 0.91 * h)]), 12, coat[2], 0.0))
    return lines


def figure(sheet: Sheet) -> None:
    """Draw the figure: a body like a wave, a pale skull, hands pressed to its cheeks."""
    for part in (np.array(BODY), *(near(arm) for arm in ARMS)):
        area = sheet.mask(spline(part, closed=True))
        sheet.fill(area, sheet.guide, np.pi / 2 + 0.35 * np.sin(sheet.y / 42))
        sheet.fill(area, ramp(0.36 + 0.25 * sheet.streaks(90, 6), "07090f 0f1624 17263a 274050 4d4a44"))
    head = sheet.mask(spline(near(HEAD), closed=True))
    sheet.fill(head, sheet.guide, sheet.whirl((312, 400)))
    shade = 0.72 + 0.1 * sheet.streaks(30, 4) - (sheet.distance((300, 384)) / 108) ** 2 * 0.5
    sheet.fill(head, ramp(shade, "4a3a24 7a6038 a98a4c cfb070 e4d096 efe0b0"))
    for hand in HANDS:
        area = sheet.mask(spline(near(hand), closed=True))
        sheet.fill(area, sheet.guide, np.pi / 2)
        sheet.fill(area, ramp(0.55 + 0.22 * sheet.streaks(40, 4), "7a5c34 b08a4e d2b478 e4cc94"))


def features(sheet: Sheet) -> list[Line]:
    """Draw the outlines, the eyes, the mouth and the fingers by hand."""
    ink, brown, lines = colours("1b130f")[0], colours("5a4022")[0], []
    for outline, width in ((HEAD, 2.6), *((hand, 2.4) for hand in HANDS)):
        for shift in (0.0, 1.0):
            path = spline((*outline, outline[0])) + np.float32(sheet.rng.normal(0, 0.4, 2) + shift)
            lines.append(Line(path.astype(np.float32), width, ink if shift else brown, 0.8, 0.3, 0.7))
    for cx in (298, 327):
        turn = np.linspace(0, 2 * np.pi, 24)
        for size, tone in ((8, brown), (6, ink), (1.2, ink)):
            eye = np.stack([cx + size * np.cos(turn), 424 + size * 1.1 * np.sin(turn)], -1).astype(np.float32)
            lines.append(Line(eye, 2.2, tone, 0.2, 0.2))
        lines.append(Line(spline([(cx - 11, 412), (cx, 406), (cx + 10, 411)]), 2.4, brown))
        lines.append(Line(spline([(cx - 8, 438), (cx, 442), (cx + 8, 438)]), 2, brown))
    turn = np.linspace(0, 2 * np.pi, 24)
    for size, tone in ((9, colours("6c2c1a")[0]), (6, ink), (3, ink)):
        mouth = np.stack([313 + size * 0.72 * np.cos(turn), 467 + size * 1.7 * np.sin(turn)], -1)
        lines.append(Line(mouth.astype(np.float32), 4.5, tone, 0.1))
    lines += [Line(spline([(x, 443), (x - 1, 449)]), 3, ink) for x in (309, 318)]
    for cheek in ([(286, 452), (293, 474), (303, 490)], [(340, 446), (332, 474), (322, 490)]):
        lines.append(Line(spline(cheek), 2.4, brown))
    for x, lean in ((268, 1), (274, 1), (360, -1), (354, -1)):
        lines.append(Line(spline([(x, 424), (x + lean, 450), (x + 4 * lean, 480)]), 2, brown, 1.0, 0.2, 0.5))
    return [replace(line, points=near(line.points)) for line in lines]


def hair(sheet: Sheet) -> list[Line]:
    """Comb the bank at the right with long strokes that sweep down from the skyline."""
    lines: list[Line] = []
    tints = colours("101d30 1d3c4a 8f6c3c b88446 4f5f48 122236 2c5a60 c79a5c")
    for _ in range(70):
        u = sheet.rng.uniform(-0.08, 1.0)
        upper = [(640, 246 + 110 * u), (540 + 60 * u, 286 + 90 * u), (452 + 92 * u, 376 + 60 * u)]
        lower = [(408 + 124 * u, 480 + 30 * u), (432 + 150 * u, 600), (500 + 170 * u, 700)]
        path = spline([*upper, *lower])
        path = path[path[:, 1] < VANISHING[1] + 0.55 * path[:, 0]][sheet.rng.integers(0, 30) :][:30]
        width, tint = sheet.rng.uniform(2.5, 6.5), tints[sheet.rng.integers(8)]
        lines.append(Line(path, width, tint, 0.9, 0.25, 0.7))
    return lines


def currents(sheet: Sheet) -> list[Line]:
    """Trail a few long free strokes over sky and water, as in tempera and crayon."""
    lines, tints = [], colours("7fb0b8 2f6f8a 0d1a30 d8c890 12233c")
    for _ in range(46):
        x, y = sheet.rng.uniform(60, 560), sheet.rng.uniform(336, 420)
        t = np.linspace(0, 1, 20)
        path = np.stack([x + 110 * t, y + 26 * np.sin(3 * t + x / 70) + 30 * t**2 * (x > 300)], -1)
        row, column = int((path[10, 1]) * sheet.scale), int(min(path[10, 0], 600) * sheet.scale)
        if sheet.guide[row, column, 2] > sheet.guide[row, column, 0]:
            lines.append(Line(path.astype(np.float32), 2.4, tints[sheet.rng.integers(5)], 1.0, 0.3, 0.5))
    return lines


def scene(scale: float, rng: np.random.Generator) -> Scene:
    """Lay out the picture.

    Args:
        scale: Pixels per unit.
        rng: Source of randomness.

    Returns:
        The scene, 608 x 768 units.
    """
    sheet = Sheet(608, 768, scale, rng)
    sky(sheet)
    shore(sheet)
    bank(sheet)
    strands = hair(sheet)
    rails = bridge(sheet)
    free = currents(sheet)
    figure(sheet)
    shapes = [np.array(BODY), *(near(part) for part in (HEAD, *ARMS, *HANDS))]
    inside = np.any([sheet.mask(spline(shape, closed=True)) for shape in shapes], axis=0).astype(np.float32)
    coarse = [
        Layer(15, 110, 0.7, (0.06, 0.12, 0.06), 0.34, bristle=0.16, dry=0.7),
        Layer(8, 80, 0.8, (0.08, 0.15, 0.08), 0.3, bristle=0.18, dry=0.7),
    ]
    fine = [
        Layer(4.5, 60, 1.2, (0.10, 0.2, 0.10), 0.26, bristle=0.18, dry=0.7),
        Layer(3, 22, 1.0, (0.06, 0.1, 0.06), 0.16, error=0.16),
    ]
    person = [
        Layer(7, 50, 0.6, (0.05, 0.1, 0.06), 0.16, mask=inside),
        Layer(4, 36, 0.7, (0.06, 0.1, 0.07), 0.16, mask=inside),
    ]
    steps: list[Layer | Line] = [*coarse, *fine[:1], *free, *strands, *fine[1:], *rails, *strollers()]
    steps += [*person, *features(sheet)]
    return Scene(sheet.guide, sheet.flow, steps, light=0.7, grain=0.03)
