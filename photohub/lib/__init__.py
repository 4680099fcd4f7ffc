"""Leaf helpers of all applications. Nothing here knows a row of ours, and nothing here imports the rooms."""
