"""Topics, log-in and firmware messages as devices of the Aliyun IoT Platform speak them.

Pure, as all of `devices.protocol`.
"""
