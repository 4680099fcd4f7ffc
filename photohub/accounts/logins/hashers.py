"""Passwords are checked one after the other: Argon2 takes 100 MB for each, on purpose."""

from django.contrib.auth.hashers import Argon2PasswordHasher

from photohub.lib.memory import budget as memory

_WAIT_S = 5.0


class Argon2InTurn(Argon2PasswordHasher):
    """Argon2 as Django has it, within the memory for heavy work. Raises `memory.Crowded`, which pages answer with 503."""

    def encode(self, password: str, salt: str) -> str:
        """Return the stored form of a password."""
        with memory.room.take(self._bytes_of(self.memory_cost), _WAIT_S):
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        """Tell whether this is the password."""
        with memory.room.take(self._bytes_of(self.decode(encoded)["memory_cost"]), _WAIT_S):
            return super().verify(password, encoded)

    def _bytes_of(self, cost_kib: int) -> int:
        # With less memory than one takes, one at a time.
        return min(cost_kib * 1024, memory.room.size_bytes)
