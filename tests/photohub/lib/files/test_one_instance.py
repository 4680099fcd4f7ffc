import subprocess
import sys

from photohub.lib.files import one_instance

TRY = """
import sys
from pathlib import Path
from photohub.lib.files import one_instance
print(one_instance.claim(Path(sys.argv[1])))
"""


def test_a_second_process_cannot_have_the_same_folder(tmp_path):
    assert one_instance.claim(tmp_path)
    answer = subprocess.run(
        [sys.executable, "-c", TRY, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "False"


def test_whether_a_hub_runs_can_be_asked_without_disturbing_it(tmp_path):
    assert not one_instance.is_claimed(tmp_path)
    (tmp_path / "hub.lock").touch()
    assert not one_instance.is_claimed(tmp_path) and one_instance.claim(tmp_path)
    assert one_instance.is_claimed(tmp_path) and one_instance.is_claimed(tmp_path)
