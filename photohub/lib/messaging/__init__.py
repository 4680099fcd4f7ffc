"""Telling others that there is work or news: enqueue for workers, notify for pages, and how Celery reaches Redis.

A message may be lost: what is to be done stands in a row.
"""
