"""The pages of all panels: what is on each of them now, and what each shows in turn; a panel's own overview.

Sending a picture to a panel belongs to `devices.panels.showing`, one panel's playlist to `devices.panels.playlists`.
"""
