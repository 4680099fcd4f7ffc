"""The one table of error words that a device may be answered, and what each means on the wire.

Refused
├── 400 no_name  bad_name  empty_body  bad_request
├── 401 auth                      ├── 403 disabled        ├── 405 method
├── 413 too_large                 ├── 415 not_image       ├── 408 slow
├── 422 hash_mismatch  too_many_pixels
├── 429 rate                      ├── 503 busy  db        └── 507 disk_full
"""

from photohub.lib.http import answer as answers

STATUS = {
    "no_name": 400,
    "bad_name": 400,
    "empty_body": 400,
    "bad_request": 400,
    "auth": 401,
    "disabled": 403,
    "method": 405,
    "slow": 408,
    "too_large": 413,
    "not_image": 415,
    "hash_mismatch": 422,
    "too_many_pixels": 422,
    "rate": 429,
    "busy": 503,
    "db": 503,
    "disk_full": 507,
}


class Refused(answers.Refused):
    """A picture that was not stored: nothing of it is kept, neither row nor file.

    Or one that is stored, but has no second copy yet where that is asked for (`intake.copies`).
    """

    def __init__(self, word: str, sentence: str, retry_after_s: int = 0) -> None:
        super().__init__(STATUS[word], word, sentence, retry_after_s)
