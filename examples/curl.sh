#!/bin/sh
# Send one picture to PhotoHub.
#   HUB=http://192.168.1.20:8000 KEY=<the device's key> sh curl.sh picture.jpg
set -eu
: "${HUB:?Set HUB to the address that PhotoHub printed at its start.}"
: "${KEY:?Set KEY to the key of the device.}"
picture=${1:?Name a picture: sh curl.sh picture.jpg}

# --retry repeats after 408, 429 and 503 and honours Retry-After. A repeated upload is stored once.
curl --silent --show-error --max-time 10 --retry 5 \
    --header "X-Device-Key: $KEY" \
    --header "Name-Pic: $(basename "$picture")" \
    --header "Content-Type: image/jpeg" \
    --header "X-Content-SHA256: $(sha256sum "$picture" | cut -d ' ' -f 1)" \
    --data-binary "@$picture" \
    "$HUB/api/upload"
echo
