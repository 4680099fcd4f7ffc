"""Benchmarks of PhotoHub beside its peers: `python -m benchmarks` (docs/performance.md)."""
