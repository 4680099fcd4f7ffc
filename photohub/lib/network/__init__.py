"""Addresses, and fetching from them: which are ours, which may be asked, and an HTTP client with bounds.

Requests that come in are in `photohub.lib.http`.
"""
