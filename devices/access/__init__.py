"""Who may do what: roles, groups of devices, memberships, the rights that every page, API operation, file and socket asks for.

Keys of devices and tokens of programs are in `devices.keys`, accounts of people in `photohub.accounts`.
"""
