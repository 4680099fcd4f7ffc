import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """A table for groups of devices. The column for one group stays for a version, so that processes of the version
    before go on reading while an upgrade is under way; nothing is done to the table of devices.
    """

    dependencies = [
        ("devices", "0022_indexes_of_the_list_of_deliveries"),
    ]

    operations = [
        migrations.AlterField(
            model_name="device",
            name="group",
            field=models.ForeignKey(
                db_column="group_id",
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="devices.devicegroup",
            ),
        ),
        migrations.RenameField(model_name="device", old_name="group", new_name="former_group"),
        migrations.CreateModel(
            name="DeviceInGroup",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "group",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="devices.devicegroup",
                    ),
                ),
                (
                    "device",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="in_groups",
                        to="devices.device",
                    ),
                ),
            ],
            options={
                "verbose_name": "device of a group",
                "verbose_name_plural": "devices of groups",
                "constraints": [
                    models.UniqueConstraint(fields=("group", "device"), name="once_in_each_group")
                ],
            },
        ),
        # In the state alone: SQLite would write the table of devices anew for it.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddField(
                    model_name="device",
                    name="groups",
                    field=models.ManyToManyField(
                        blank=True,
                        related_name="devices",
                        through="devices.DeviceInGroup",
                        to="devices.devicegroup",
                    ),
                ),
            ]
        ),
    ]
