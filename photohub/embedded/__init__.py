"""Everything in one process: our own MQTT broker, the worker, and the hub that starts them."""
