"""How full the disk was, hour by hour."""

from django.db import models


class DiskSample(models.Model):
    """How much of a machine's disk was free in an hour, counted from 1970 in UTC. None is kept while nothing changes."""

    node = models.SmallIntegerField()
    hour = models.IntegerField()
    free_bytes = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["node", "hour"], name="one_disk_sample_per_node_and_hour"),
        ]

    def __str__(self) -> str:
        return f"{self.node}: {self.hour}"
