from django.db import migrations, models
from django.db.models import Q

from photohub.lib.database.indexes import AddIndexBeside


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("devices", "0021_removals_of_devices"),
    ]

    operations = [
        AddIndexBeside(
            model_name="delivery",
            index=models.Index(
                fields=["-created_at", "-id"], condition=Q(state__gte="a"), name="deliveries_newest_first"
            ),
        ),
        AddIndexBeside(
            model_name="delivery",
            index=models.Index(
                fields=["-created_at", "-id"],
                condition=Q(state__in=("failed", "cancelled")),
                name="deliveries_that_came_to_naught",
            ),
        ),
    ]
