"""What a machine of a hub hands out to the hub's other ones: pictures, previews and films on its disk.

How others ask for it is in `media_pipeline.nodes`.
"""
