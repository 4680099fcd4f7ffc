"""How an image's bytes go out: from the hub's own memory, piece by piece, or through nginx, which keeps a copy.

Whether a device may have them is decided before, in `devices.firmware.endpoints.download` and `esp`.
"""
