"""Lock-outs after wrong passwords, by a clock that may have been ahead: a quarter of an hour must not last a year."""

from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessAttempt
from django.utils import timezone

from photohub.lib.clock import CLOCKS_DIFFER


class Handler(AxesDatabaseHandler):
    """Counts failed logins in the database."""

    def get_failures(self, request, credentials: dict | None = None) -> int:
        """Return how often this login failed; what another clock dated into the future counts no more."""
        AccessAttempt.objects.filter(attempt_time__gt=timezone.now() + CLOCKS_DIFFER).delete()
        return super().get_failures(request, credentials)
