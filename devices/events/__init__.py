"""What happened, in order: events, troubles and alerts that last until something works again, heartbeats, the clock.

The sentences for people stand in `wording`. Who reacts to an event is not decided here.
"""
