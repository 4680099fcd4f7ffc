"""Home Assistant: devices told to it over MQTT, its buttons, and the page where owners let it in.

Its account and its topics stand in `devices/mqtt/home_assistant.py`, because brokers ask for them. Here is what it is told.
"""
