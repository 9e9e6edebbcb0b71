"""Cover pictures, drawn: a palette and a motif for each product, the same each time."""

import io
import math
import random

from PIL import Image, ImageDraw

WIDTH, HEIGHT = 1200, 900
PALETTES = (
    ("#0d3b45", "#17766f", "#f26a3d", "#ffe3c2"),
    ("#2b1e52", "#5b3fa0", "#f7b32b", "#ffe9f0"),
    ("#17324d", "#2f7fb5", "#ffd166", "#e8f6ff"),
    ("#3b1324", "#a8324a", "#ffb25e", "#ffeadb"),
    ("#123524", "#3a8f5c", "#e5f77d", "#f3ffe8"),
    ("#262626", "#6b6b6b", "#ff5a5f", "#f4f1ec"),
)


def draw(seed: int) -> bytes:
    """A JPEG of 1200 by 900 pixels."""
    chance = random.Random(seed)  # noqa: S311 # a picture needs no secret
    dark, middle, accent, light = PALETTES[seed % len(PALETTES)]
    image = _gradient(dark, middle)
    canvas = ImageDraw.Draw(image, "RGBA")
    _MOTIFS[seed // len(PALETTES) % len(_MOTIFS)](canvas, chance, accent, light)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=88)
    return out.getvalue()


def _gradient(top: str, bottom: str) -> Image.Image:
    column = Image.new("RGB", (1, 2))
    column.putpixel((0, 0), _rgb(top))
    column.putpixel((0, 1), _rgb(bottom))
    return column.resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _faded(colour: str, opacity: int) -> tuple[int, int, int, int]:
    return (*_rgb(colour), opacity)


def _suns(canvas: ImageDraw.ImageDraw, chance: random.Random, accent: str, light: str) -> None:
    x, y = chance.randint(300, 900), chance.randint(300, 600)
    for ring in range(9, 0, -1):
        radius = ring * 62
        fill = _faded(accent if ring % 2 else light, 34 + (9 - ring) * 18)
        canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)


def _waves(canvas: ImageDraw.ImageDraw, chance: random.Random, accent: str, light: str) -> None:
    for layer in range(7):
        base = 260 + layer * 95
        shift, height = chance.random() * math.tau, chance.randint(40, 95)
        line = [(x, base + height * math.sin(x / 190 + shift)) for x in range(0, WIDTH + 12, 12)]
        fill = _faded(light if layer % 2 else accent, 48 + layer * 14)
        canvas.polygon([*line, (WIDTH, HEIGHT), (0, HEIGHT)], fill=fill)


def _blocks(canvas: ImageDraw.ImageDraw, chance: random.Random, accent: str, light: str) -> None:
    side = 110
    for row in range(-1, 10):
        for column in range(-1, 8):
            if chance.random() < 0.35:
                continue
            x = column * side * 1.74 + (row % 2) * side * 0.87
            y = row * side * 0.98
            for turn, opacity in ((30, 150), (150, 90), (270, 40)):
                a, b = math.radians(turn), math.radians(turn + 120)
                middle = math.radians(turn + 60)
                points = [
                    (x, y),
                    (x + side * math.cos(a), y + side * math.sin(a)),
                    (x + side * math.cos(middle), y + side * math.sin(middle)),
                    (x + side * math.cos(b), y + side * math.sin(b)),
                ]
                colour = accent if chance.random() < 0.25 else light
                canvas.polygon(points, fill=_faded(colour, opacity))


def _strips(canvas: ImageDraw.ImageDraw, chance: random.Random, accent: str, light: str) -> None:
    x = -400
    while x < WIDTH + 400:
        width = chance.randint(24, 120)
        colour = accent if chance.random() < 0.4 else light
        lean = 360
        points = [(x, HEIGHT), (x + width, HEIGHT), (x + width + lean, 0), (x + lean, 0)]
        canvas.polygon(points, fill=_faded(colour, chance.randint(30, 170)))
        x += width + chance.randint(20, 90)


def _dots(canvas: ImageDraw.ImageDraw, chance: random.Random, accent: str, light: str) -> None:
    step = 75
    fx, fy = chance.randint(200, 1000), chance.randint(150, 750)
    for x in range(40, WIDTH, step):
        for y in range(40, HEIGHT, step):
            near = max(0.12, 1 - math.dist((x, y), (fx, fy)) / 760)
            radius = near * 36
            colour = accent if near > 0.62 else light
            box = (x - radius, y - radius, x + radius, y + radius)
            canvas.ellipse(box, fill=_faded(colour, int(60 + near * 180)))


_MOTIFS = (_suns, _blocks, _waves, _strips, _dots)
