"""Drawing a picture for a panel: formats, palettes, text, and the profiles that say what a panel wants.

The same input gives the same bytes. Where the picture comes from is in `devices.panels.sources`.
"""
