"""The trash: pictures that somebody deleted and can have back; emptying it, by hand.

What lies in it too long is deleted with the retention (`media_pipeline.maintenance`), as are files and copies.
"""
