"""JPEG and other picture formats: header, damage, EXIF and size. Pure: bytes in, facts out.

Drawing for panels is in `devices.panels.rendering`.
"""
