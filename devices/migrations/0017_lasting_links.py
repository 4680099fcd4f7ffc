from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("devices", "0016_second_try_of_a_command"),
    ]

    operations = [
        migrations.AddField(
            model_name="device",
            name="lasting_links",
            field=models.CharField(
                blank=True,
                choices=[("", "as the hub is set"), ("on", "yes"), ("off", "no")],
                default="",
                max_length=4,
            ),
        ),
    ]
