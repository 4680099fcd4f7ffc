"""Keeping the store healthy: retention, deleting, orphaned files, verifying and repairing.

Backups of the whole hub are in `photohub.backup`.
"""
