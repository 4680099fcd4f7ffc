"""Commands to devices: the row is the queue, from asking to the device's result.

How a command is spelled for a device is in `devices.protocol.light`; sending it is the gateway's.
"""
