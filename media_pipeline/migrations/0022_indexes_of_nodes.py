from django.db import migrations, models

from photohub.lib.database.indexes import AddIndexBeside


class Migration(migrations.Migration):
    # Millions of pictures may be there, and cameras send meanwhile.
    atomic = False

    dependencies = [
        ("media_pipeline", "0021_nodes"),
    ]

    operations = [
        AddIndexBeside(
            model_name="capture",
            index=models.Index(
                condition=models.Q(("node__isnull", False), ("thumbnail_state", "pending")),
                fields=["node", "received_at"],
                name="captures_without_thumb_of_node",
            ),
        ),
        AddIndexBeside(
            model_name="ossobject",
            index=models.Index(
                condition=models.Q(
                    ("node__isnull", False), ("state__in", ("pending", "uploading", "blocked"))
                ),
                fields=["node", "next_try_at"],
                name="objects_of_a_node_to_mirror",
            ),
        ),
        AddIndexBeside(
            model_name="ossobject",
            index=models.Index(
                condition=models.Q(
                    ("node__isnull", False), ("state__in", ("pending", "uploading", "blocked"))
                ),
                fields=["node", "-created_at"],
                name="newest_objects_of_a_node",
            ),
        ),
    ]
