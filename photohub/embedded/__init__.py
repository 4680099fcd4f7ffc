"""Everything in one process: our own MQTT broker, the worker, simulated cameras, and the hub that starts them."""
