"""The list of devices and the page of one device, with what is wrong with it.

These pages show what other rooms know; they sit above all of them and nobody imports them.
"""
