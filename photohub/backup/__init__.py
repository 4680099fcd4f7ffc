"""Backing up the whole hub, and restoring it."""
