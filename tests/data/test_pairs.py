import json

import pytest

from stylenet.data.pairs import Pair, read_manifest
from stylenet.errors import InputError

LINE = {
    "photograph": "photographs/a.png",
    "label": "labels/waves/a.png",
    "style": "styles/waves.png",
    "style_name": "waves",
    "source": "somewhere/ä.jpg",
    "photograph_sha256": "0" * 64,
    "label_sha256": "1" * 64,
    "style_sha256": "2" * 64,
    "source_sha256": "3" * 64,
    "method": "gatys",
    "settings": {"steps": 300},
    "losses": {"style": 0.5},
    "seconds": 1.5,
    "width": 48,
    "height": 40,
}


def test_a_line_holds_the_fields_of_a_pair():
    pair = Pair.from_json(json.dumps({**LINE, "later": "a field of a later version"}))
    assert (pair.style_name, pair.source, pair.settings, pair.losses) == (
        "waves",
        "somewhere/ä.jpg",
        {"steps": 300},
        {"style": 0.5},
    )
    assert json.loads(pair.to_json()) == LINE
    assert "\n" not in pair.to_json()


def test_a_manifest_is_read_in_its_order(tmp_path):
    names = ["b", "a", "a\u2028b"]  # the last is a line separator, but not of JSON lines
    text = "".join(Pair(**{**LINE, "photograph": name}).to_json() + "\n" for name in names)
    (tmp_path / "manifest.jsonl").write_text(text + "\n", encoding="utf-8")
    assert [pair.photograph for pair in read_manifest(tmp_path)] == names


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (json.dumps(LINE)[:50], r"manifest.jsonl, line 2: no JSON .*: delete it, run `stylenet pseudo-label` again"),
        ("[1]", "line 2: not a JSON object"),
        (json.dumps({**LINE, "photograph": ""}), "line 2: . is no file in the folder"),
        (json.dumps({**LINE, "label": 3}), "line 2: label must be text"),
        (json.dumps({key: LINE[key] for key in LINE if key not in ("style", "label")}), "line 2: lacks label, style"),
    ],
)
def test_a_broken_line_is_named(line, message, tmp_path):
    (tmp_path / "manifest.jsonl").write_text(f"{json.dumps(LINE)}\n{line}\n")
    with pytest.raises(InputError, match=message):
        read_manifest(tmp_path)


def test_a_missing_or_empty_manifest_is_named(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*manifest.jsonl \(No such file.*stylenet pseudo-label"):
        read_manifest(tmp_path)
    (tmp_path / "manifest.jsonl").write_text("\n")
    with pytest.raises(InputError, match="manifest.jsonl names no pairs"):
        read_manifest(tmp_path)
