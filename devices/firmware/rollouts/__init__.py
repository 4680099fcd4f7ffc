"""Rollouts: in which order devices get an image, when to stop, and the state of each device's update.

Nothing here speaks to a device; `devices.firmware.endpoints` calls it.
"""
