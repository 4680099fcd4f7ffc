"""Pictures on the wire: how they begin and end, as text, as a form, in chunks, and in packets to a panel.

Pure, as all of `devices.protocol`. Decoding pixels is in `media_pipeline.formats`.
"""
