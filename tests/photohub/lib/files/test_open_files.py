import resource
import subprocess
import sys

import pytest

_ASK = "from photohub.lib.files.open_files import allow_many; print(allow_many())"


@pytest.mark.parametrize(("limits", "allowed"), [("256:512", 512), ("512:512", 512), ("256:", None)])
def test_a_process_takes_what_it_may(limits, allowed):
    command = ["prlimit", f"--nofile={limits}", sys.executable, "-c", _ASK]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert int(done.stdout) == (allowed or min(hard, 65_536))
