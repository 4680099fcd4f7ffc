"""The schedule of production: Celery's beat, of which any number may run and one rings.

What is due is in `photohub.settings`, and how an entry counts its time in `photohub.lib.messaging.schedule`.
"""
