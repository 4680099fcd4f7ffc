"""Frames of live cameras: framing over TCP, payloads over MQTT, and pictures that a camera serves over HTTP.

Pure, as all of `devices.protocol`.
"""
