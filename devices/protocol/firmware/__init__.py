"""What firmware endpoints and images look like on the wire: manifests, image headers, DDI, byte ranges.

Pure, as all of `devices.protocol`. Signatures are checked in `devices.firmware.signing`.
"""
