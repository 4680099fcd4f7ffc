"""Requests that come in: what stands before Django, limits of pace and size, proxies, origins.

Requests that go out are in `photohub.lib.network`.
"""
