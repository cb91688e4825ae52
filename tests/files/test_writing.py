"""Whole files: what was there stays until the new one is whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from calibrant.errors import UnusableInput
from calibrant.files.writing import replacing, write

KILLED = """
import os, signal, sys
from pathlib import Path
from calibrant.files.writing import replacing
with replacing(sys.argv[1]) as part:
    with part.open("wb") as file:
        file.write(b"half of what is")
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_that_is_killed_leaves_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "maps.json"
    write(file, "before")
    done = subprocess.run([sys.executable, "-c", KILLED, str(file)])
    assert done.returncode == -signal.SIGKILL
    assert file.read_text() == "before"
    write(file, "after")
    assert file.read_text() == "after"


def test_an_error_leaves_what_was_there_and_no_part(tmp_path: Path) -> None:
    file = tmp_path / "maps.json"
    write(file, "before")
    with pytest.raises(ZeroDivisionError), replacing(file) as part:
        part.write_text("half")
        _ = 1 / 0
    assert file.read_text() == "before"
    assert os.listdir(tmp_path) == ["maps.json"]


def test_what_cannot_be_written_is_said_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match=r"Cannot write .*absent/maps.json: No such file"):
        write(tmp_path / "absent" / "maps.json", "{}")
    with pytest.raises(UnusableInput, match="Cannot write"):
        write(tmp_path, "{}")
    assert os.listdir(tmp_path) == []


def test_a_link_stays_one_and_a_file_keeps_its_rights(tmp_path: Path) -> None:
    file, link = tmp_path / "real.json", tmp_path / "link.json"
    write(file, "before")
    file.chmod(0o640)
    link.symlink_to(file)
    write(link, "after")
    assert link.is_symlink()
    assert file.read_text() == "after"
    assert file.stat().st_mode & 0o777 == 0o640


def test_a_new_file_may_be_read_as_any_other(tmp_path: Path) -> None:
    write(tmp_path / "written", "")
    (tmp_path / "plain").touch()
    assert (tmp_path / "written").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_pipe_is_written_to_as_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE)
    write(pipe, "through it")
    assert reader.communicate(timeout=10)[0] == b"through it"
