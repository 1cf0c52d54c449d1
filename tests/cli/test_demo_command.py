import os
import signal
import subprocess
import sys
import time

import pytest
from support import ROOT

from stylenet.cli.demo import run
from stylenet.errors import InputError


@pytest.mark.parametrize(
    ("argv", "mend"),
    [
        (["--share"], "ask a second time with --share-anyway"),
        (["--auth=name"], "give --auth=NAME:PASSWORD"),
        (["--auth=:secret"], "give --auth=NAME:PASSWORD"),
        (["--port=0"], "port"),
        (["--jobs=0"], "jobs"),
        (["--hots=0.0.0.0"], "did you mean '--host'"),
    ],
)
def test_bad_options_are_refused_with_the_mend(argv, mend):
    with pytest.raises(InputError, match=mend):
        run(argv)


def test_missing_gradio_is_named_and_leaves_the_environment_as_it_was(monkeypatch):
    from stylenet.web.limits import Limits
    from stylenet.web.server import running

    monkeypatch.setitem(sys.modules, "gradio", None)
    monkeypatch.setenv("GRADIO_TEMP_DIR", "another page's")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    before = dict(os.environ)
    with pytest.raises(InputError, match=r"pip install 'stylenet\[web\]'"), running("127.0.0.1", None, Limits()):
        pass
    assert dict(os.environ) == before


PROGRAM = """
import ast, inspect, sys
from stylenet.web.server import unstubbed
ast.get_source_segment = None  # with which gradio makes its type stubs
find = inspect.getfile
with unstubbed():
    import stylenet.web.page
assert inspect.getfile is find
assert "torch" not in sys.modules
"""


def test_page_is_built_without_torch_and_type_stubs_which_take_seconds():
    pytest.importorskip("gradio", reason="the page needs gradio: pip install -e '.[web]'")
    done = subprocess.run([sys.executable, "-c", PROGRAM], env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0


@pytest.mark.slow
def test_ctrl_c_ends_the_page_and_leaves_no_file(tmp_path):
    pytest.importorskip("gradio", reason="the page needs gradio: pip install -e '.[web]'")
    command = [sys.executable, "-m", "stylenet.cli.main", "demo"]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as page:
        assert page.stdout.readline().startswith("open http://127.0.0.1:")
        assert list(tmp_path.iterdir())
        page.send_signal(signal.SIGINT)
        began = time.monotonic()
        assert page.wait(20) == 130
    assert time.monotonic() - began < 10
    assert list(tmp_path.iterdir()) == []
