"""Deliveries: the row is the queue, from the wish to the panel's last acknowledgement.

Panels that fetch for themselves are in `devices.panels.fetching`.
"""
