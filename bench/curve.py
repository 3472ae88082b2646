"""A small line chart as SVG: shares of the way to a speaker over seconds of reference."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 60, 190, 40, 50  # margins; the legend stands in the right one
COLOURS = ("#1b6ca8", "#c2571a", "#2e7d4f", "#8a3ffc", "#7a7a00", "#a11d5b", "#4b5563", "#0f766e", "#b45309", "#1e3a8a")
Point = tuple[float, float]


def chart(title: str, x_title: str, lines: Mapping[str, Sequence[Point]], wanted: float | None = None) -> str:
    """Lines by name over a logarithmic x and a y in percent; `wanted` is drawn as a dashed line.

    Raises ValueError when there is no point, or one at x <= 0.
    """
    points = [point for line in lines.values() for point in line]
    if not points or min(x for x, _ in points) <= 0:
        raise ValueError("points with x > 0 wanted")
    first, last = (math.log(pick(x for x, _ in points)) for pick in (min, max))
    high = max(1.0, math.ceil(10 * max(y for _, y in points)) / 10)
    low = min(0.0, math.floor(10 * min(y for _, y in points)) / 10)

    def across(x: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * ((math.log(x) - first) / (last - first) if last > first else 0.5)

    def down(y: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - y) / (high - low)

    right = WIDTH - RIGHT
    parts = [_text(LEFT, 22, title, size=15)]
    for step in range(round(low * 10), round(high * 10) + 1, 2):
        y = down(step / 10)
        parts += [f'<path d="M{LEFT} {y:.1f}H{right}" stroke="#ddd"/>', _text(LEFT - 8, y + 4, f"{step * 10} %", "end")]
    for x in sorted({x for x, _ in points}):
        parts.append(_text(across(x), HEIGHT - BOTTOM + 18, f"{x:g}", "middle"))
    parts.append(_text((LEFT + right) / 2, HEIGHT - 12, x_title, "middle"))
    if wanted is not None:
        parts.append(f'<path d="M{LEFT} {down(wanted):.1f}H{right}" stroke="#888" stroke-dasharray="5 4"/>')
    for number, (name, line) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        places = [(across(x), down(y)) for x, y in sorted(line)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in places]
        at = TOP + 10 + 20 * number
        parts.append(f'<path d="M{right + 14} {at}h18" stroke="{colour}" stroke-width="3"/>')
        parts.append(_text(right + 38, at + 4, name))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">'
    return "\n".join([head, f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>', *parts, "</svg>\n"])


def _text(x: float, y: float, text: str, anchor: str = "start", size: int = 12) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="#222">{escape(text)}</text>'
