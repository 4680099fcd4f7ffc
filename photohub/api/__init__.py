"""The REST API as a whole: routers joined, who asks, and its documentation page.

Operations are beside their rooms, in `api.py`.
"""
