import itertools
import os
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from PIL import Image
from test_resume import Recorder, train

from stylenet.data import styles
from stylenet.data.datamodule import StylizationData
from stylenet.data.sources import find_paintings, is_dataset
from stylenet.errors import InputError


class BothRecorder(Recorder):
    """Writes down checksums of both columns."""

    def training_step(self, batch, index):
        self.seen.append(tuple(batch[column].double().sum().item() for column in ("photographs", "paintings")))
        return self.weight * batch["photographs"].mean()


def both(photographs, paintings, **options):
    options = {"size": 16, "batch_size": 2, "num_workers": 0, **options}
    return StylizationData("folder", str(photographs), paintings=str(paintings), **options)


def shown(images):
    """Return the numbers of the flat images that a batch shows."""
    return (images[:, 0, 0, 0] * 51).round().int().tolist()


def shown_by_hand(samples, kept, seed):
    """Return the images that samples show, as the documentation of `sampling` says."""
    orders = {}
    for sample in samples:
        epoch, place = divmod(sample, len(kept))
        order = orders.setdefault(epoch, np.random.default_rng((seed, 0, epoch)).permutation(len(kept)))
        yield kept[order[place]]


def test_photographs_and_paintings_are_shuffled_on_their_own(flat_images):
    data = both(flat_images(13, "photographs"), flat_images(11, "paintings"), seed=3, val_count=2)
    data.setup()
    samples = [data.train_set[k] for k in range(60)]
    kept = [k for k in range(13) if k not in (3, 9)], [k for k in range(11) if k not in (2, 8)]
    painting_seed = int(np.random.default_rng((3, 5)).integers(2**31))
    for column, some, seed in zip(("photographs", "paintings"), kept, (3, painting_seed), strict=True):
        images = torch.stack([sample[column] for sample in samples])
        assert images.shape == (60, 3, 16, 16)
        assert shown(images) == list(shown_by_hand(range(60), some, seed))


def test_a_photograph_meets_another_painting_in_each_epoch(flat_images):
    data = both(flat_images(20, "photographs"), flat_images(20, "paintings"), val_count=0)
    epochs = []
    for first in (0, 20):
        data.setup()
        rows = [data.train_set[k] for k in range(first, first + 20)]
        pairs = zip(*(shown(torch.stack([row[c] for row in rows])) for c in ("photographs", "paintings")), strict=True)
        epochs.append(dict(pairs))
    assert all(sorted(epoch) == sorted(epoch.values()) == list(range(20)) for epoch in epochs)
    assert sum(epochs[0][k] == epochs[1][k] for k in range(20)) < 6


@pytest.mark.parametrize(("zoom", "least"), [(None, 50), (1.25, 50), (4.0, 25)])
def test_a_painting_is_not_distorted_and_shows_half_at_least_or_less_with_a_larger_zoom(
    zoom, least, tmp_path, photographs
):
    folder = tmp_path / "paintings"
    folder.mkdir()
    y, x = np.mgrid[:100, :200]  # red says where a pixel was vertically, green horizontally
    Image.fromarray(np.stack([y, x, y], -1).astype(np.uint8)).save(folder / "ramp.png")
    data = both(photographs(8), folder, zoom=zoom)
    data.setup()
    crops = torch.stack([data.train_set[k]["paintings"] for k in range(60)]) * 255
    heights, widths = ((c.amax((1, 2)) - c.amin((1, 2))) for c in (crops[:, 0], crops[:, 1]))
    assert torch.allclose(heights, widths, atol=3)
    assert least - 6 < heights.min() < least + 10
    assert 80 < heights.max() < 100


def test_recolor_permutes_the_channels_of_every_second_painting_and_of_no_photograph(photographs):
    folders = photographs(8), photographs(9, "paintings")
    plain, recolored = both(*folders), both(*folders, recolor=True)
    plain.setup()
    recolored.setup()
    found = {order: 0 for order in itertools.permutations(range(3))}
    for sample in range(240):
        before, after = plain.train_set[sample], recolored.train_set[sample]
        assert torch.equal(before["photographs"], after["photographs"])
        assert torch.equal(after["paintings"], recolored.train_set[sample]["paintings"])
        (order,) = (o for o in found if torch.equal(before["paintings"][list(o)], after["paintings"]))
        found[order] += 1
    unchanged = found.pop((0, 1, 2))
    assert 0.5 < unchanged / 240 < 0.67  # a half, and a sixth of the others
    assert all(0.04 < count / 240 < 0.13 for count in found.values())


def test_validation_shows_held_out_paintings_in_turn(flat_images):
    data = both(flat_images(40, "photographs"), flat_images(15, "paintings"), val_count=5, batch_size=5)
    (batch,) = data.val_dataloader()
    assert shown(batch["photographs"]) == [4, 12, 20, 28, 36]
    assert shown(batch["paintings"]) == [2, 7, 12, 2, 7]  # 3 of 15 are held out
    assert str(data.describe()).startswith("folder, 35 photographs")
    place = data.paintings
    assert str(data.describe_paintings()) == f"folder, 12 paintings ({place}), a substitute for WikiArt"


def test_one_painting_is_enough(flat_images, photographs):
    data = both(photographs(8), flat_images(1, "paintings"))
    assert all(batch["paintings"].shape == (2, 3, 16, 16) for batch in data.train_dataloader())
    assert next(iter(data.val_dataloader()))["paintings"].shape == (1, 3, 16, 16)


def test_paintings_beside_synthetic_photographs(flat_images):
    data = StylizationData("synthetic", size=16, num_workers=0, val_count=3, paintings=str(flat_images(2, "paintings")))
    assert next(iter(data.train_dataloader()))["paintings"].shape == (4, 3, 16, 16)
    assert shown(next(iter(data.val_dataloader()))["paintings"]) == [0, 1, 0]


def test_workers_change_no_pair(photographs):
    folders = photographs(10), photographs(7, "paintings")
    alone, helped = both(*folders).train_dataloader(), both(*folders, num_workers=2).train_dataloader()
    for a, b in zip(alone, helped, strict=True):
        assert torch.equal(a["photographs"], b["photographs"])
        assert torch.equal(a["paintings"], b["paintings"])


def test_two_ranks_see_what_one_sees(flat_images):
    folders = flat_images(24, "photographs"), flat_images(9, "paintings")

    def batches(rank, world, batch_size):
        data = both(*folders, val_count=0, batch_size=batch_size)
        data.trainer = SimpleNamespace(global_rank=rank, world_size=world, num_devices=world, fit_loop=None)
        data._trained = lambda: 0
        return [list(zip(shown(b["photographs"]), shown(b["paintings"]), strict=True)) for b in data.train_dataloader()]

    first, second, one = batches(0, 2, 2), batches(1, 2, 2), batches(0, 1, 4)
    assert [a + b for a, b in zip(first, second, strict=True)] == one
    assert sorted(photograph for batch in one for photograph, _ in batch) == list(range(24))


@pytest.mark.filterwarnings("error:You're resuming from a checkpoint", "ignore:Checkpoint directory")
@pytest.mark.parametrize(("step", "workers"), [(2, 0), (7, 0), (7, 2)])
def test_resumed_training_sees_the_same_pairs(step, workers, photographs, tmp_path):
    folders = photographs(13), photographs(8, "paintings")
    saver = ModelCheckpoint(tmp_path, "{step}", every_n_train_steps=1, save_top_k=-1)
    whole = train(both(*folders), tmp_path, saver, model=BothRecorder())
    data = both(*folders, num_workers=workers)
    rest = train(data, tmp_path, saver, tmp_path / f"step={step}.ckpt", model=BothRecorder())
    assert len(set(whole)) == 15
    assert rest == whole[step:]


def test_other_paintings_than_in_the_checkpoint_are_warned_about(photographs):
    folder = photographs(8)
    before, after = both(folder, photographs(6, "paintings")), both(folder, photographs(11, "others"))
    with pytest.warns(UserWarning, match="other data than in the checkpoint: paintings was 5, is 9$"):
        after.load_state_dict(before.state_dict())
    alone = StylizationData("folder", str(folder), size=16, batch_size=2, num_workers=0)
    with pytest.warns(UserWarning, match="paintings was 5, is None$"):
        alone.load_state_dict(before.state_dict())


@pytest.mark.filterwarnings("ignore:painting skipped")
def test_broken_paintings_are_skipped_and_counted(flat_images):
    folder = flat_images(4, "paintings")
    (folder / "002.png").write_bytes(b"")
    data = both(flat_images(12, "photographs"), folder, val_count=0, batch_size=12, num_workers=1)
    (batch,) = data.train_dataloader()
    assert set(shown(batch["paintings"])) == {0, 1, 3}
    assert data.broken == 1


@pytest.mark.filterwarnings("ignore:painting skipped")
def test_broken_paintings_only_are_refused_at_once(tmp_path, photographs):
    folder = tmp_path / "paintings"
    folder.mkdir()
    (folder / "a.png").write_text("no image")
    with pytest.raises(InputError, match="1 paintings in a row are broken"):
        both(photographs(4), folder).setup()


def test_auto_takes_the_style_folders(flat_images, tmp_path, monkeypatch):
    for root in ("first", "second"):
        (tmp_path / root / "style").mkdir(parents=True)
        flat_images(2, f"{root}/style/more")
    flat_images(3, "second/style/others")
    monkeypatch.setenv("STYLENET_IMAGES", os.pathsep.join(str(tmp_path / root) for root in ("first", "second")))
    found = find_paintings("auto")
    assert len(found.files) == 7
    assert found.place == f"{tmp_path}/first/style, {tmp_path}/second/style"


def test_auto_takes_the_styles_that_have_a_name(flat_images, tmp_path, monkeypatch):
    monkeypatch.setattr(styles, "DATA", tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="no paintings at hand: give data.paintings a folder"):
        find_paintings("auto")
    flat_images(3, "styles")
    assert (len(find_paintings("auto").files), find_paintings("auto").place) == (3, "the styles that have a name")


def test_datasets_are_told_from_folders(flat_images, tmp_path):
    assert is_dataset("huggan/wikiart")
    assert is_dataset("paintings.parquet")
    assert not any(map(is_dataset, ("paintings", "./paintings", "/some/where", "~/paintings", "a/b/c", "auto")))
    assert not is_dataset(str(flat_images(1, "paintings")))
    with pytest.raises(InputError, match="no such folder: paintigns"):
        find_paintings("paintigns")
