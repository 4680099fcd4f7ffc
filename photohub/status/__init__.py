"""How each part of the hub fares: status page, `/readyz`, and `manage.py doctor`."""
