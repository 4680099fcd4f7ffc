"""Devices: who they are, who may see them, what the hub tells them, and the firmware and pictures that they get.

One folder for each capability. The modules beside the folders belong to Django and Celery (admin, apps, models, tasks,
urls) or join the rooms (mqtt_routes). The pictures that cameras send belong to `media_pipeline`, which imports this
package and is not imported by it.
"""
