from django.db import migrations, models
from django.db.models import Q

from photohub.lib.database.indexes import AddIndexBeside


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("devices", "0027_audit"),
    ]

    operations = [
        migrations.AddField(
            model_name="device",
            name="one_wake",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="command",
            name="returns_until",
            field=models.DateTimeField(blank=True, null=True),
        ),
        AddIndexBeside(
            model_name="command",
            index=models.Index(
                condition=Q(state__in=("queued", "sent")),
                fields=["device", "created_at"],
                name="open_commands_of_a_device",
            ),
        ),
    ]
