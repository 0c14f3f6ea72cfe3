"""Pictures made for people to look at: small ones, and large ones as any browser can show them.

Done in processes of their own (:mod:`artstore.aside`), for it is the same decoders that meet the same files, or
files that somebody has uploaded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from artstore.blobs import replacing
from artstore.errors import PictureError
from artstore.formats.pixels import rgba
from artstore.images import opened
from artstore.settings import Settings

THUMB_PX = 320
"""The sides of a square that small pictures fit into. What fits by itself keeps its pixels: it may be pixel art."""

MAX_SHOWN_PX = 1 << 24
"""Of a large picture, all frames together: more is made smaller, or has fewer frames."""

MAX_THUMB_ANIMATED_PX = 1 << 23
"""Of a small one, before it is made small."""

MAX_FRAMES = 64

FRAME_MS = 100
"""How long a frame is shown whose file does not say it."""

LEAST_FRAME_MS = 20
"""What browsers take for "as fast as you can" they show slowly."""


class Purpose(StrEnum):
    """What a picture is drawn for."""

    THUMB = "thumb"
    """WebP or PNG, no larger than :data:`THUMB_PX`."""
    SHOWN = "shown"
    """PNG at its own size, or at :data:`MAX_SHOWN_PX`."""
    ASKED = "asked"
    """PNG with the pixels of the original and nothing else of it: no camera's tags, no profile."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is to be drawn."""

    source: str | bytes
    """A path below the data folder, or the bytes of a picture that is not there."""
    target: str
    """An absolute path, which ends in ``.webp`` or ``.png``."""
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn, at :attr:`Drawing.target`."""

    width_px: int
    height_px: int
    frames: int


def draw(drawings: Sequence[Drawing], settings: Settings) -> Iterator[Drawn | PictureError | OSError]:
    """Draw each of *drawings*, whole or not at all, and yield what it was, or why there is none."""
    for drawing in drawings:
        try:
            yield _draw(drawing, settings)
        except (PictureError, OSError) as error:
            yield error


def _draw(drawing: Drawing, settings: Settings) -> Drawn:
    asked = drawing.purpose is Purpose.ASKED
    max_px = settings.max_upload_px if asked else settings.max_picture_px
    if isinstance(drawing.source, bytes):
        source: Path | BytesIO = BytesIO(drawing.source)
    else:
        source = settings.data_dir / drawing.source
    within_px = {
        Purpose.THUMB: MAX_THUMB_ANIMATED_PX,
        Purpose.SHOWN: MAX_SHOWN_PX,
        Purpose.ASKED: settings.max_upload_px,
    }[drawing.purpose]
    frames, durations = _frames(source, max_px, within_px)
    shown = frames if asked else [_fitted(frame, drawing.purpose) for frame in frames]
    # What is kept for some days is written fast; what is sent often is packed well.
    level = 1 if asked else 6
    _save(shown, durations, Path(drawing.target), kept=shown[0].size == frames[0].size, level=level)
    return Drawn(shown[0].width, shown[0].height, len(shown))


def _frames(source: Path | BytesIO, max_px: int, within_px: int) -> tuple[list[Image.Image], list[int]]:
    """Return the first frames of *source*, RGBA, that have no more than *within_px* together, at least one; and their ms."""
    frames: list[Image.Image] = []
    durations: list[int] = []
    with opened(source, max_px) as image:
        # Of PSD and MPO, frames are layers and other eyes' views.
        count = 1 if image.format in {"PSD", "MPO"} else min(int(getattr(image, "n_frames", 1)), MAX_FRAMES)
        left_px = within_px
        for number in range(count):
            if number:
                image.seek(number)
                left_px -= image.width * image.height
                if left_px < image.width * image.height:
                    break
            frame = Image.fromarray(rgba(image))
            # What is written has one size, whatever is read.
            if not frames or frame.size == frames[0].size:
                frames.append(frame)
                durations.append(_duration_ms(image.info.get("duration")))
    return frames, durations


def _duration_ms(said: Any) -> int:
    if not isinstance(said, int | float) or not LEAST_FRAME_MS <= said < 60_000:
        return FRAME_MS
    return int(said)


def _fitted(frame: Image.Image, purpose: Purpose) -> Image.Image:
    """Return *frame*, smaller if it is too large; Pillow weighs colours by their alpha while it does."""
    scale = (
        THUMB_PX / max(frame.size)
        if purpose is Purpose.THUMB
        else (MAX_SHOWN_PX / (frame.width * frame.height)) ** 0.5
    )
    if scale >= 1:
        return frame
    size = (max(1, int(frame.width * scale)), max(1, int(frame.height * scale)))
    return frame.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _save(frames: list[Image.Image], durations: list[int], target: Path, *, kept: bool, level: int) -> None:
    """Write *frames* to *target*; *kept* says that they are as large as they were, *level* how hard a PNG is packed."""
    options: dict[str, Any] = {}
    if len(frames) > 1:
        options = {
            "save_all": True,
            "append_images": frames[1:],
            "duration": durations,
            "loop": 0,
        }
    if target.suffix == ".webp":
        # Without loss where pixels are kept: each of them is seen, enlarged. Slower methods gain a few per cent.
        options |= {"format": "WEBP", "lossless": kept, "quality": 60 if kept else 82, "method": 2}
    else:
        options |= {"format": "PNG", "compress_level": level}
    out = BytesIO()
    frames[0].save(out, **options)
    with replacing(target) as file:
        file.write(out.getbuffer())
