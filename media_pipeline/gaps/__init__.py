"""The gap map: scheduled pictures that were expected and that arrived, by camera and day, with the reasons of those missing.

The counts are kept by `devices.schedules`.
"""
