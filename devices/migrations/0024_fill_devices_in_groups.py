from django.db import migrations

# One statement over the devices, of which it locks none against being written to. Again, it adds only what is missing.
_FILL = """
INSERT INTO devices_deviceingroup (device_id, group_id)
SELECT id, group_id FROM devices_device WHERE group_id IS NOT NULL
ON CONFLICT DO NOTHING
"""
# The version before knows one group of a device: the first in the order of groups.
_FIRST = """
UPDATE devices_device SET group_id = (
    SELECT g.id FROM devices_deviceingroup i JOIN devices_devicegroup g ON g.id = i.group_id
    WHERE i.device_id = devices_device.id ORDER BY g.position IS NULL, g.position, g.name LIMIT 1
)
"""


class Migration(migrations.Migration):
    dependencies = [
        ("devices", "0023_devices_in_several_groups"),
    ]

    operations = [migrations.RunSQL(_FILL, _FIRST)]
