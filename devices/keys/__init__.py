"""The secrets by which devices and programs prove who they are: device keys, API tokens, refused log-ins.

What somebody who is known may do is in `devices.access`.
"""
