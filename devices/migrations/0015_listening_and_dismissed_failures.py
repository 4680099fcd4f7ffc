from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("devices", "0014_settings_chosen_in_pages"),
    ]

    operations = [
        migrations.AddField(
            model_name="command",
            name="dismissed_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="device",
            name="listens",
            field=models.BooleanField(editable=False, null=True),
        ),
    ]
