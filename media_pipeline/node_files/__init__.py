"""What a machine of a hub hands out to the hub's other ones (pictures, previews, films), and how a machine leaves.

How others ask for it is in `media_pipeline.nodes`.
"""
