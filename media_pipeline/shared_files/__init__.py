"""Firmware images and pictures for panels on their way from one machine of the hub to another, through the object store.

How they are made and judged is the business of the rooms below; pictures of cameras are in `media_pipeline.mirror`.
"""
