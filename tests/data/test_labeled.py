import shutil

import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from PIL import Image
from test_pairs import LINE
from test_resume import Recorder, train

from stylenet.data.datamodule import StylizationData
from stylenet.data.pairs import Pair
from stylenet.errors import InputError
from stylenet.images import load_image, resize


class LabelRecorder(Recorder):
    """Writes down checksums of all columns."""

    def training_step(self, batch, index):
        self.seen.append(tuple(batch[column].double().sum().item() for column in sorted(batch)))
        return self.weight * batch["photographs"].mean()


@pytest.fixture
def labels(tmp_path):
    """Make a folder of `count` photographs, each with a label in the styles b and a: copies, b's turned upside down."""

    def make(count, styles=("b", "a"), name="labels"):
        folder = tmp_path / name
        for below in ("photographs", "styles", *(f"labels/{style}" for style in styles)):
            (folder / below).mkdir(parents=True)
        for style in styles:
            Image.new("RGB", (30, 20), (5 * ord(style) - 400, 0, 0)).save(folder / f"styles/{style}.png")
        lines = []
        for index in range(count):
            rng = np.random.default_rng(index)
            pixels = rng.integers(0, 256, (40, 48, 3)).astype(np.uint8)
            path = f"photographs/{index:02}.png"
            Image.fromarray(pixels).save(folder / path)
            for style in styles:
                label = f"labels/{style}/{index:02}.png"
                Image.fromarray(pixels[::-1] if style == "b" else pixels).save(folder / label)
                own = {"photograph": path, "label": label, "style": f"styles/{style}.png", "style_name": style}
                lines.append(Pair(**{**LINE, **own}).to_json())
        (folder / "manifest.jsonl").write_text("\n".join(lines) + "\n")
        return folder

    return make


def labeled(folder, **options):
    return StylizationData(pseudo_labels=str(folder), **{"size": 16, "batch_size": 2, "num_workers": 0, **options})


def test_a_batch_has_a_column_for_each_part(labels):
    data = labeled(labels(6), paintings="auto", val_count=1)
    batches = list(data.train_dataloader())
    assert len(batches) == 5
    for batch in batches:
        assert sorted(batch) == ["labels", "paintings", "photographs", "style"]
        assert batch["photographs"].shape == batch["labels"].shape == batch["paintings"].shape == (2, 3, 16, 16)
        assert (batch["style"].shape, batch["style"].dtype) == ((2,), torch.int64)
    assert sorted(next(iter(labeled(data.pseudo_labels).train_dataloader()))) == ["labels", "photographs", "style"]


def test_photograph_and_label_are_cut_and_flipped_alike(labels):
    data = labeled(labels(4, styles=("a",)))
    data.setup()
    for sample in range(20):
        row = data.train_set[sample]
        assert torch.equal(row["photographs"], row["labels"])
        assert not torch.equal(row["photographs"], data.train_set[sample + 20]["photographs"])


def test_samples_are_those_that_seed_and_number_say(labels):
    folder = labels(9)
    data = labeled(folder, seed=2, val_count=0)
    data.setup()
    for sample in (0, 5, 40):
        epoch, place = divmod(sample, 18)
        number = np.random.default_rng((2, 0, epoch)).permutation(18)[place]
        rng = np.random.default_rng((2, 1, sample))
        side = round(40 / rng.uniform(1, 1.25))
        top, left = rng.integers(40 - side + 1), rng.integers(48 - side + 1)
        flip = rng.random() < 0.5
        row = data.train_set[sample]
        for column, path in (
            ("photographs", f"photographs/{number // 2:02}.png"),
            ("labels", f"labels/{'ba'[number % 2]}/{number // 2:02}.png"),
        ):
            crop = resize(load_image(folder / path)[..., top : top + side, left : left + side], 16)[0]
            assert torch.allclose(row[column], crop.flip(-1) if flip else crop, atol=1e-6)


def test_styles_are_numbered_by_name_and_paintings_are_the_pairs_own(labels):
    data = labeled(labels(6), paintings="auto", batch_size=10, val_count=1)
    assert data.label_styles == ["a", "b"]
    (batch,) = data.train_dataloader()
    reds = (batch["paintings"][:, 0, 0, 0] * 255).round().int().tolist()
    assert reds == [5 * ord("ab"[style]) - 400 for style in batch["style"].tolist()]
    upside_down = [not torch.equal(a, b) for a, b in zip(batch["photographs"], batch["labels"], strict=True)]
    assert upside_down == [style == 1 for style in batch["style"].tolist()]
    assert str(data.describe_paintings()).startswith("pseudo-labels, 2 paintings (the pairs' own styles)")


def test_photographs_are_held_out_with_all_their_labels(labels):
    folder = labels(12)
    data = labeled(folder, val_count=2, batch_size=20)
    (train_batch,), (val_batch,) = data.train_dataloader(), data.val_dataloader()
    assert val_batch["style"].tolist() == [1, 0]  # the manifest begins with b
    for row, number in zip(range(2), (3, 9), strict=True):
        photograph = load_image(folder / f"photographs/{number:02}.png")
        assert torch.equal(val_batch["photographs"][row], resize(photograph[..., 4:44], 16)[0])
    assert data.train_set.shown.indices == [k for k in range(24) if k // 2 not in (3, 9)]
    assert len(train_batch["labels"]) == 20
    assert str(data.describe()) == f"pseudo-labels, 20 pairs ({folder}), a substitute for COCO 2014"


def test_photographs_of_coco_are_no_substitute(labels):
    folder = labels(2)
    manifest = folder / "manifest.jsonl"
    manifest.write_text(manifest.read_text().replace("somewhere/\\u00e4.jpg", "coco/COCO_train2014_000000000009.jpg"))
    assert not labeled(folder).describe().substitute


@pytest.mark.filterwarnings("ignore:pair skipped")
def test_the_next_pair_comes_in_the_place_of_a_broken_one(labels):
    folder = labels(3)
    path = folder / "labels/a/01.png"
    path.write_bytes(path.read_bytes()[:200])
    data = labeled(folder, batch_size=6, val_count=0, num_workers=1, paintings="auto")
    (batch,) = data.train_dataloader()
    assert sorted(batch["style"].tolist()) == [0, 0, 1, 1, 1, 1]
    assert ((batch["paintings"][:, 0, 0, 0] * 255).round().int() == 5 * (97 + batch["style"]) - 400).all()
    assert data.broken == 1


def test_errors_name_the_image(labels):
    folder = labels(3)
    Image.new("RGB", (47, 40)).save(folder / "labels/a/02.png")
    with pytest.raises(InputError, match=r"labels/a/02.png has 47x40 pixels, its photograph photographs/02.png 48x40"):
        labeled(folder).setup()
    for path in ("labels/b/01.png", "photographs/00.png", "styles/a.png"):
        (folder / path).unlink()
        with pytest.raises(InputError, match=f"manifest.jsonl names {path}, which is not there: run `stylenet"):
            labeled(folder).setup()


@pytest.mark.parametrize("option", [{"streaming": True, "source": "huggingface"}, {"val_root": "other"}])
def test_what_does_not_go_with_labels_is_refused(option):
    with pytest.raises(InputError, match=f"data.{next(iter(option))} does not go with data.pseudo_labels"):
        StylizationData(pseudo_labels="labels", **option)


@pytest.mark.filterwarnings("error:You're resuming from a checkpoint", "ignore:Checkpoint directory")
@pytest.mark.parametrize(("step", "workers"), [(4, 0), (4, 2)])
def test_resumed_training_sees_the_same_pairs_of_labels(step, workers, labels, tmp_path):
    folder = labels(6)
    saver = ModelCheckpoint(tmp_path, "{step}", every_n_train_steps=1, save_top_k=-1)
    options = {"max_epochs": 2}
    whole = train(labeled(folder, paintings="auto"), tmp_path, saver, model=LabelRecorder(), **options)
    data = labeled(folder, paintings="auto", num_workers=workers)
    rest = train(data, tmp_path, saver, tmp_path / f"step={step}.ckpt", model=LabelRecorder(), **options)
    assert len(set(whole)) == 10
    assert rest == whole[step:]


def test_other_labels_than_in_the_checkpoint_are_warned_about(labels):
    before, after = labeled(labels(6)), labeled(labels(6, ("b", "c"), "others"))
    with pytest.warns(UserWarning, match=r"label_styles was \['a', 'b'\], is \['b', 'c'\]$"):
        after.load_state_dict(before.state_dict())


def test_a_folder_of_labels_may_be_moved(labels, tmp_path):
    before = labeled(labels(4))
    state = before.state_dict()
    before.setup()
    first = before.train_set[3]
    shutil.move(before.pseudo_labels, tmp_path / "moved")
    after = labeled(tmp_path / "moved")
    after.load_state_dict(state)
    assert torch.equal(after.train_set[3]["labels"], first["labels"])


def test_the_labels_of_one_style_alone_are_shown_if_it_is_named(labels):
    data = labeled(labels(6), val_count=1, batch_size=5)
    data.label_style = "b"
    assert data.label_styles == ["b"]
    (batch,) = data.train_dataloader()
    assert batch["style"].tolist() == [0] * 5
    pairs = zip(batch["photographs"], batch["labels"], strict=True)
    assert not any(torch.equal(photograph, label) for photograph, label in pairs)  # those of b stand upside down
    assert len(data.val_dataloader().dataset) == 1
    other = labeled(data.pseudo_labels)
    other.label_style = "c"
    with pytest.raises(InputError, match="has no labels in c, only in a, b: "):
        other.setup()
