import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("devices", "0015_listening_and_dismissed_failures"),
    ]

    operations = [
        migrations.AddField(
            model_name="command",
            name="again_of",
            field=models.OneToOneField(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="second_try",
                to="devices.command",
            ),
        ),
    ]
