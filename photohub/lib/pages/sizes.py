"""Sizes in words."""


def size_in_words(size_bytes: int) -> str:
    """Write a size with decimal units, as the settings are written: 500 MB is 500,000,000 bytes."""
    if size_bytes < 1000:
        return f"{size_bytes} bytes"
    amount, units = size_bytes / 1000, ["kB", "MB", "GB", "TB"]
    while amount >= 999.5 and len(units) > 1:
        amount /= 1000
        units.pop(0)
    return f"{amount:.0f} {units[0]}" if amount >= 99.95 else f"{amount:.1f} {units[0]}"
