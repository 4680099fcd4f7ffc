"""The page on which owners choose for the whole hub, and see what the environment says.

Not here: the choices themselves (`devices.hub_settings`).
"""
