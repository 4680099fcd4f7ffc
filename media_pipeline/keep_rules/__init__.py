"""How long pictures are kept of some cameras and groups, where that is another time than the hub's.

Not here: deleting by it (`media_pipeline.maintenance.retention`), and the page on which owners choose
(`photohub.hub_settings`).
"""
