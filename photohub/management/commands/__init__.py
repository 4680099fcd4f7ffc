"""Commands of `manage.py` about the whole hub: each reads its arguments and calls one function of a room."""
