"""Copies in object storage or in another folder: OSS, S3, files, and when each picture is copied.

Each SDK has one file here, and its errors stay there.
"""
