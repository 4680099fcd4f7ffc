"""Packets, fields and subscriptions of MQTT 3.1 and 3.1.1, and the control messages of dynamic security.

Pure, as all of `devices.protocol`. Connections are in `devices.mqtt` and `photohub.embedded`.
"""
