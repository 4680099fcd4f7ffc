"""Where devices ask for firmware over HTTP: small ASGI applications beside Django, without middleware or redirect."""
