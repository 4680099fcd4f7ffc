"""Where a benchmark's picture may be changed: apart, so that the load generator loads no painting."""

MARK = b"benchmark-picture-"
MARK_BYTES = 64
"""The comment behind the first marker begins with MARK; a load generator writes up to MARK_BYTES there."""
