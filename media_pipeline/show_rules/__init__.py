"""Rules that show a camera's new pictures on panels, and the runs that they make.

Delivering is in `devices.panels.deliveries`.
"""
