"""Keeping the store healthy: retention, deleting, orphaned files, verifying, repairing, and counts of pictures per hour.

Backups of the whole hub are in `photohub.backup`.
"""
