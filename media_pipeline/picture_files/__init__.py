"""The hub's own files of pictures: taken in durably, found again, and the words for what is refused.

Copies elsewhere are in `media_pipeline.mirror`.
"""
