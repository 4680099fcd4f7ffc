"""How much room pictures take, by camera, and when the disk will be full.

Not here: what is deleted to make room (`media_pipeline.maintenance`).
"""
