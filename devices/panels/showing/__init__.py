"""The pages on which people choose a picture for a panel, see how it will look, and edit render profiles.

What happens after the button is in `devices.panels.deliveries`.
"""
