import pytest

from stylenet.errors import InputError
from stylenet.locking import alone_in


def test_a_second_run_in_a_folder_is_told(tmp_path):
    with (
        alone_in(tmp_path / "new"),
        pytest.raises(InputError, match="another run writes into .*new: wait for its end"),
        alone_in(tmp_path / "new"),
    ):
        pass
    with alone_in(tmp_path / "new"):
        pass


def test_processes_of_one_run_share_it_and_no_other_run_does(tmp_path):
    told = pytest.raises(InputError, match="another run")
    with alone_in(tmp_path, shared=True), alone_in(tmp_path, shared=True), told, alone_in(tmp_path):
        pass


def test_a_place_that_is_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot write"), alone_in(tmp_path / "file" / "folder"):
        pass
