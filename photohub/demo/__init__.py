"""The demo: invented cameras, boards and a panel that really run, and a month of pictures painted in the background.

What every real device does belongs elsewhere: nothing but the hub that starts imports this room.
"""
