"""How devices ask for firmware: ESP HTTPS OTA, hawkBit's DDI, Aliyun's MQTT, and downloads in bounded numbers.

Endpoints translate. What a device is offered is decided in `devices.firmware.rollouts`.
"""
