"""Who does what of which there may be many: rows that one process holds while it renews them, and how others see that it died.

A lease on work that one row describes (a delivery, a copy) stands in that row.
"""
