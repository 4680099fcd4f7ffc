"""Figures for graphs and alarms: `/metrics` in the text form of Prometheus, and how processes put together what each counts.

Here stands what is told; what is counted is declared where it happens (`photohub.lib.messaging.measures`).
"""
