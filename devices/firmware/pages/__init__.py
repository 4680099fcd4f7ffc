"""Pages on which people upload images, keep signing keys and run rollouts.

The API is beside the rows, in `devices.firmware.api` and `devices.firmware.rollouts.api`.
"""
