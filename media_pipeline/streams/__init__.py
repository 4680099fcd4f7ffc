"""How live frames arrive: over TCP, over MQTT, and fetched from cameras; which of them become captures.

Who watches them is in `media_pipeline.live`.
"""
