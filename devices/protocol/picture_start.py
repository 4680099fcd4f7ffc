"""Tell by its first bytes whether something is a picture that the hub takes.

FF D8 FF                            JPEG
89 50 4E 47 0D 0A 1A 0A             PNG
52 49 46 46 <u32> 57 45 42 50       WebP
"""

from .jpeg_end import SOI

PNG_START = b"\x89PNG\r\n\x1a\n"
# As many bytes as are needed to know every kind; no picture is shorter.
ENOUGH_BYTES = 12


def begins_like_picture(data: bytes | bytearray | memoryview) -> bool:
    """Tell whether these bytes begin like a JPEG, a PNG or a WebP."""
    start = bytes(data[:ENOUGH_BYTES])
    return start.startswith((SOI, PNG_START)) or (start[:4] == b"RIFF" and start[8:12] == b"WEBP")
