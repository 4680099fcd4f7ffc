"""Panels that sleep and fetch their picture over HTTP, TRMNL panels among them.

Panels that listen on MQTT are served from `devices.panels.deliveries`.
"""
