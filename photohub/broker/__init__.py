"""Who may log in at a message broker and use which topics; hooks, log and set-up of outside brokers.

The broker inside the process is in `photohub.embedded`.
"""
