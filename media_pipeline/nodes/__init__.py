"""Nodes: data folders and the processes that work on them. Which one this is, which others there are, how to ask them.

What a node hands out to others is in `media_pipeline.node_files`, which knows pictures.
"""
