"""Devices: the rows, camera profiles, what a value must obey, changing, removing, presence.

Adding a device with its pages and programs is in `devices.setup`; the page of a device in `devices.overview`.
"""
