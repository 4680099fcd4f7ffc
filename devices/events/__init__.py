"""What happened, in order: events, troubles that last until something works again, heartbeats of processes, the clock.

The sentences for people stand in `wording`. Who reacts to an event is not decided here.
"""
