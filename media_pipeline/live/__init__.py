"""The latest frame of each camera, and those who watch: MJPEG, the wall's WebSocket, the page of one camera.

How frames arrive is in `media_pipeline.streams`.
"""
