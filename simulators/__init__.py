"""Simulated devices that speak the real wires, for demonstrations, tests and benchmarks."""
