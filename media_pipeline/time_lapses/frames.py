"""The frames of a time-lapse: pictures of any size fitted into one, upright, with the time on them if wished."""

from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

from media_pipeline.formats import images

_SMALLEST_PX = 16


class FrameDamaged(ValueError):
    """This picture is not shown: it was cut short, or nothing can be drawn from it."""


def size_of_film(data: bytes, width_px: int) -> tuple[int, int]:
    """Return the film's size: shaped like this picture, no wider than it nor than `width_px`, both sides even.

    Raises FrameDamaged. H.264 with shared colours has only even sides.
    """
    # No larger than the film, or a large picture would lie in memory whole.
    picture = _draw(data, (width_px, images.MAX_PIXELS))
    width = min(width_px, picture.width)
    return _even(width), _even(width * picture.height / picture.width)


def _even(length: float) -> int:
    return max(_SMALLEST_PX, int(length / 2) * 2)


def draw_frame(data: bytes, size: tuple[int, int], stamp: str = "") -> bytes:
    """Return the picture as width × height × 3 bytes of RGB, on black where it has another shape.

    Raises FrameDamaged.
    """
    picture = _draw(data, size)
    scale = min(size[0] / picture.width, size[1] / picture.height)
    inner = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    if inner != picture.size:
        picture = picture.resize(inner, Image.Resampling.BICUBIC)
    if picture.size != size:
        canvas = Image.new("RGB", size)
        canvas.paste(picture, ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2))
        picture = canvas
    if stamp:
        _write(picture, stamp)
    return picture.tobytes()


def _draw(data: bytes, box: tuple[int, int]) -> Image.Image:
    try:
        if "truncated" in images.inspect(data).flags:
            raise FrameDamaged("The picture was cut short.")
        return images.draw_upright(data, box)
    except (images.PictureRefused, images.ThumbnailFailed) as error:
        raise FrameDamaged(str(error)) from error


def _write(picture: Image.Image, text: str) -> None:
    """Write into the lower left corner, light on a dark ground, so that it can be read on every picture."""
    font = _font(max(11, picture.height // 24))
    draw = ImageDraw.Draw(picture, "RGBA")
    margin = max(4, picture.height // 60)
    at = (2 * margin, picture.height - 2 * margin)
    left, top, right, bottom = draw.textbbox(at, text, font=font, anchor="lb")
    draw.rectangle((left - margin, top - margin, right + margin, bottom + margin), fill=(0, 0, 0, 150))
    draw.text(at, text, font=font, anchor="lb", fill="white")


@lru_cache(maxsize=8)
def _font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size_px)
