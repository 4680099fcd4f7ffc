"""Which way up a picture stands, as its EXIF says it."""

from PIL import Image

ORIENTATION = 0x0112
SIDEWAYS = {5, 6, 7, 8}
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_orientation(image: Image.Image) -> int:
    """Return the orientation, 1 to 8; 1 is upright."""
    # Broken EXIF must not cost the picture; it is then shown as it lies.
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:
        return 1


def make_upright(image: Image.Image, orientation: int) -> Image.Image:
    """Return the picture turned as its orientation asks, which is read before the picture is made smaller."""
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image
