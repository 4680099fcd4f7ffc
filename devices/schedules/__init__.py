"""Schedules: when cameras are asked for pictures by the clock or the sun, and what came of each time.

The order itself is a command (`devices.commands`); a picture that was missed is shown and never made up for.
"""
