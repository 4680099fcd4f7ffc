"""The line to the message broker: the client, which topics a device has, the accounts of Mosquitto's dynamic security.

The bytes of MQTT are in `devices.protocol.mqtt`, the embedded broker in `photohub.embedded`.
"""
