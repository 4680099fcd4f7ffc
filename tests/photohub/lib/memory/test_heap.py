import subprocess
import sys
from types import SimpleNamespace

import pytest
from django.conf import settings

from photohub.lib.memory import heap

# Threads that each keep a little and drop a lot: how many heaps of threads there are then, and what a large piece leaves.
PROGRAM = """
import sys, threading
from photohub.lib.memory import heap
if "bounded" in sys.argv:
    assert heap.keep_small()
import ctypes
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
barrier = threading.Barrier(8)
def keep():
    barrier.wait()
    for _ in range(200):
        libc.malloc(50_000)
    barrier.wait()
threads = [threading.Thread(target=keep) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
# A heap of a thread lies at a multiple of 64 MB.
starts = [int(line.split("-")[0], 16) for line in open("/proc/self/maps") if " rw-p 00000000 00:00 0" in line]
print(len({start >> 26 for start in starts if start % (64 << 20) == 0}))
"""


@pytest.mark.parametrize(("words", "most"), [(["bounded"], True), ([], False)])
def test_threads_share_two_heaps(words, most):
    command = [sys.executable, "-c", PROGRAM, *words]
    done = subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, text=True, check=True)
    assert (int(done.stdout) <= heap._ARENAS) is most, done.stdout


def test_a_c_library_without_such_options_is_left_alone(monkeypatch):
    monkeypatch.setattr(heap.ctypes, "CDLL", lambda _name: SimpleNamespace())
    assert heap.keep_small() is False
