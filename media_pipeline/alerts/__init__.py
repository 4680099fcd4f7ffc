"""Telling people when something happens: rules, what came of them, and the messages on their way.

How a message reaches somebody is in `channels`, what can be told of in `kinds`. What is wrong now, for pages, is in
`photohub.status` and `devices.events`.
"""
