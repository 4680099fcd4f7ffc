"""People: logging in, the first owner, invitations, memberships, passwords.

What a person may do is decided in `devices.access`.
"""
