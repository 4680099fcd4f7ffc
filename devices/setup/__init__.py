"""Bringing a device in and changing its settings: pages, API, forms, and ready programs for its board.

What a value must obey is in `devices.registry.rules`.
"""
