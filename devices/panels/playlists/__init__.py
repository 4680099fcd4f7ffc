"""Playlists: the pictures that a panel shows in turn, and whose turn it is.

Sending the picture whose turn it is belongs to `devices.panels.deliveries`.
"""
