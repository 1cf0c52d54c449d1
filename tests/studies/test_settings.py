"""Digests of files and of settings."""

from pathlib import Path

import pytest

from stylenet.errors import InputError
from stylenet.resources import file_digest
from stylenet.studies.study import recipe_digest


def test_a_file_is_known_by_its_sha256(tmp_path: Path):
    (tmp_path / "abc").write_bytes(b"abc")
    standard = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1
    assert file_digest(tmp_path / "abc") == standard
    with pytest.raises(InputError, match="cannot read .*abd: No such file"):
        file_digest(tmp_path / "abd")


def test_a_recipe_is_known_by_its_values_in_any_order():
    assert recipe_digest({"a": 1, "b": [2]}) == recipe_digest({"b": [2], "a": 1})
    assert recipe_digest({"a": 1, "b": [2]}) != recipe_digest({"a": 1, "b": [3]})
