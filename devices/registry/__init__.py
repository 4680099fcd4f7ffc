"""Devices and their groups: the rows, what a value must obey, changing and removing, presence, names at the broker.

Adding a device with its pages and programs is in `devices.setup`; the page of a device in `devices.overview`.
"""
