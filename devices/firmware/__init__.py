"""Firmware images: signed, checked, kept under their hash, handed out only as verified bytes.

Bringing an image to devices is in `rollouts`, how devices ask for it in `endpoints`, the pages in `pages`.
"""
