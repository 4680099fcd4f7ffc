"""Django's folder for commands of `manage.py`."""
