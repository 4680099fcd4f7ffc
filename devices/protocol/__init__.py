"""Pure codecs: bytes in, facts out, and back. The standard library alone; no I/O, clock, log or Django.

A codec decides nothing about rows; the rooms that use it do.
"""
