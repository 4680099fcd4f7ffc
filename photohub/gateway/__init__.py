"""The process that speaks with devices: messages to their handlers, commands and pictures to devices, streams.

What a message means is decided in the rooms of `devices` and `media_pipeline`.
"""
