"""The way in for pictures: the upload endpoint, and `ingest`, which every picture passes whichever way it came.

Live frames come in through `media_pipeline.streams`; those that are kept pass `ingest`, too.
"""
