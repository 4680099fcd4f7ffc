"""Pictures to devices with a screen: drawn for the panel, queued, sent or fetched.

The pictures that cameras send are in `media_pipeline`.
"""
