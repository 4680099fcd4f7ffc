"""What people did: who changed what, when and from where. Every room that changes something for a person writes into it.

What devices do, and what the hub does by itself, is in `devices.events`.
"""
