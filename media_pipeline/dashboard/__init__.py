"""The start page and the wall: all cameras at a glance, kept current by a WebSocket.

The page of one camera's live picture is in `media_pipeline.live`.
"""
