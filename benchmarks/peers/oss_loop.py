"""The plainest way to copy files to object storage: threads that put one after the other, and may look at each then.

Prints objects/s: python -m benchmarks.peers.oss_loop FOLDER OBJECTS BYTES THREADS LOOK(0 or 1)
"""

import os
import secrets
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import oss2

from benchmarks.pictures import make_picture


def make_bucket() -> oss2.Bucket:
    credentials = oss2.credentials.StaticCredentialsProvider(
        os.environ["OSS_ACCESS_KEY_ID"], os.environ["OSS_ACCESS_KEY_SECRET"]
    )
    return oss2.Bucket(
        oss2.ProviderAuthV4(credentials),
        os.environ["OSS_ENDPOINT"],
        os.environ["OSS_BUCKET"],
        region=os.environ["OSS_REGION"],
        is_path_style=True,
    )


def main() -> None:
    folder, objects, size_bytes, threads, look = Path(sys.argv[1]), *(int(word) for word in sys.argv[2:6])
    picture, run_tag = make_picture(size_bytes), secrets.token_hex(4)
    for number in range(objects):
        (folder / f"{number}.jpg").write_bytes(picture + secrets.token_bytes(16))
    bucket = make_bucket()

    def copy(number: int) -> None:
        key = f"loop/{run_tag}/{number}.jpg"
        put = bucket.put_object_from_file(key, str(folder / f"{number}.jpg"))
        if look and bucket.head_object(key).etag != put.etag:
            raise SystemExit(f"The store shows other bytes under {key}.")

    copy(0)
    begun_s = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(copy, range(objects)))
    print(objects / (time.perf_counter() - begun_s))


if __name__ == "__main__":
    main()
