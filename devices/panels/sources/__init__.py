"""Where a panel's picture comes from: an upload, an address, a capture; and the outbox that keeps the made bytes.

Who gets a picture is in `devices.panels.deliveries`.
"""
