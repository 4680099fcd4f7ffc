"""The index of names and notes: which stretches of the history may hold a text, kept by the sweep.

What is found is decided by the pictures themselves; who asks is `media_pipeline.history`.
"""
