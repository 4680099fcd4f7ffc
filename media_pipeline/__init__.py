"""What cameras send: pictures and live frames, from the wire to the disk, the mirror and the page.

One folder for each capability. The modules beside the folders belong to Django and Celery (admin, apps, models, tasks,
urls), join the rooms (mqtt_routes), or hand functions down to `devices` (wiring).
"""
