from pathlib import Path

from stylenet.errors import InputError
from stylenet.web.limits import told


def test_error_is_told_without_folders_and_logged_in_one_line(capsys):
    error = InputError("cannot read /tmp/visitors/4f2a/own/a b.mp4:\n no film")
    assert told(error, Path("/tmp/visitors")) == "Cannot read a b.mp4: no film"
    assert capsys.readouterr().err == "refused: cannot read a b.mp4: no film\n"
