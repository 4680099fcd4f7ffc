"""What owners choose for the whole hub in its pages, where the environment says nothing.

Not here: settings of the environment (`photohub/settings.py`), and the pages on which people choose.
"""
