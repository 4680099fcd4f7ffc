"""Stretches of the history with the pieces of their texts."""

from array import array

from django.db import models


class GramsField(models.Field):
    """Numbers of 32 bits: an array that PostgreSQL has an index for, bytes in SQLite, whose index is a table of its own."""

    def db_type(self, connection) -> str:
        return "integer[]" if connection.vendor == "postgresql" else "blob"

    def get_db_prep_value(self, value, connection, prepared=False):
        return list(value) if connection.vendor == "postgresql" else array("i", value).tobytes()

    def from_db_value(self, value, expression, connection) -> list[int]:
        return value if connection.vendor == "postgresql" else list(array("i", bytes(value)))


class TextBlock(models.Model):
    """A stretch of the history, from `since` up to and without `until`, microseconds since 1970: what its texts are made of.

    It may have pieces of pictures that are gone. It never lacks one, unless a `ChangedText` says so.
    """

    since = models.BigIntegerField(primary_key=True)
    until = models.BigIntegerField()
    grams = GramsField()

    def __str__(self) -> str:
        return f"{self.since}–{self.until}"


class ChangedText(models.Model):
    """When a picture came that has a new note, or that was stored late. Only ever inserted, so it waits for nobody."""

    at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.at)


class IndexedSpan(models.Model):
    """The one row that tells what the blocks cover, without a gap: from `since` up to and without `until`."""

    since = models.BigIntegerField()
    until = models.BigIntegerField()
    version = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.since}–{self.until}"
