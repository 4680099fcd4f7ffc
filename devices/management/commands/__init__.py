"""Commands of `manage.py` about devices: each reads its arguments and calls one function of a room."""
