"""What cameras are told to be, from afar: desired and reported settings, and all that a waking camera gets in one answer.

Settings of the hub about a device (its name, topics, timeouts) belong to `devices.registry` and `devices.setup`.
"""
