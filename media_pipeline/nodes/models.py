"""Nodes: one row for each data folder of a hub that has several."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

# Its number stands in no row: what has none belongs to it. So a hub with one data folder pays nothing for others, and
# all that it stored before there was another one is the first one's.
FIRST = 1


class NodeState(models.TextChoices):
    ACTIVE = "active", _("active")
    DRAINING = "draining", _("being emptied")
    EMPTY = "empty", _("empty")
    FORGOTTEN = "forgotten", _("declared lost")


class Node(models.Model):
    """One data folder. Its id and name lie in the folder itself; rows of pictures say its number."""

    number = models.SmallIntegerField(primary_key=True)
    uid = models.UUIDField(unique=True)
    name = models.CharField(max_length=40)
    # Where its web server is reached by the others.
    address = models.CharField(max_length=200)
    # Which copy of the folder it is: of two that live, one is refused.
    place = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=NodeState, default=NodeState.ACTIVE)
    joined_at = models.DateTimeField()
    # By the clock of the database, which all of them share.
    seen_at = models.DateTimeField()
    free_bytes = models.BigIntegerField(default=0)

    class Meta:
        verbose_name, verbose_name_plural = _("machine"), _("machines")
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(
                fields=["name"], condition=~Q(state="forgotten"), name="one_living_node_of_a_name"
            ),
        ]

    def __str__(self) -> str:
        return self.name
