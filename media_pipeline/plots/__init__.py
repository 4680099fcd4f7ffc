"""How a device fares over days and months, drawn: battery, signal, memory, pictures, how quickly it answers.

Not here: keeping these figures (`devices.telemetry`, `media_pipeline.maintenance.counting`).
"""
