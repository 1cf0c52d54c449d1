import jsonargparse
import pytest
import torch

from stylenet.data.datamodule import StylizationData
from stylenet.data.sources import Content
from stylenet.devices import SLURM_CORES
from stylenet.errors import InputError


def folder_data(folder, **options):
    return StylizationData("folder", str(folder), **{"size": 16, "num_workers": 0, **options})


def test_batches_are_plain_images(photographs):
    data = folder_data(photographs(30))
    train, val = list(data.train_dataloader()), list(data.val_dataloader())
    assert [batch.shape for batch in train] == [(4, 3, 16, 16)] * 6
    assert [batch.shape for batch in val] == [(4, 3, 16, 16), (2, 3, 16, 16)]
    assert all(batch.dtype == torch.float32 and batch.min() >= 0 and batch.max() <= 1 for batch in train + val)


def test_workers_change_nothing(photographs):
    folder = photographs(10)
    alone, helped = folder_data(folder).train_dataloader(), folder_data(folder, num_workers=2).train_dataloader()
    assert all(torch.equal(a, b) for a, b in zip(alone, helped, strict=True))


def test_zoom_shows_smaller_parts_of_the_photographs(photographs):
    folder = photographs(30)

    def roughness(zoom):
        batches = list(folder_data(folder, zoom=zoom, size=32).train_dataloader())
        return torch.cat(batches).diff(dim=-1).abs().mean()

    assert roughness(4.0) < 0.7 * roughness(1.0)


def test_validation_is_always_the_same_and_held_out(photographs):
    folder = photographs(20)
    first, again = (folder_data(folder, seed=seed, val_count=3) for seed in (0, 1))
    assert torch.equal(next(iter(first.val_dataloader())), next(iter(again.val_dataloader())))
    assert first.describe() == Content("folder", str(folder), 17, 3, True)
    assert len(first.train_set.photographs) == 17


def test_validation_from_another_folder(photographs):
    data = folder_data(photographs(10), val_root=str(photographs(4, "other")), val_count=3)
    assert (data.describe().images, data.describe().held_out) == (10, 3)
    assert next(iter(data.val_dataloader())).shape == (3, 3, 16, 16)


def test_no_validation(photographs):
    assert folder_data(photographs(10), val_count=0).val_dataloader() == []


def test_one_photograph_is_enough_to_train(photographs):
    data = folder_data(photographs(1))
    assert len(list(data.train_dataloader())) == 1
    assert len(data.val_set) == 1


@pytest.mark.filterwarnings("ignore:photograph skipped")
def test_what_workers_find_broken_is_counted(photographs):
    folder = photographs(12)
    for name in ("000.jpg", "005.jpg"):
        (folder / name).write_bytes(b"")
    data = folder_data(folder, num_workers=2, val_count=0)
    for _ in data.train_dataloader():
        pass
    assert data.broken == 2


@pytest.mark.filterwarnings("ignore:photograph skipped")
def test_a_folder_of_broken_photographs_is_refused_at_once(tmp_path):
    for number in range(9):
        (tmp_path / f"{number}.jpg").write_bytes(b"")
    with pytest.raises(InputError, match="photographs in a row are broken"):
        folder_data(tmp_path).setup()


def test_synthetic():
    data = StylizationData("synthetic", size=16, num_workers=0, val_count=2)
    batch = next(iter(data.train_dataloader()))
    val = next(iter(data.val_dataloader()))
    assert (batch.shape, val.shape) == ((4, 3, 16, 16), (2, 3, 16, 16))
    assert not torch.equal(batch[:2], val)
    assert str(data.describe()) == ("synthetic, endless (dead leaves, made while training), a substitute for COCO 2014")


def test_embedded():
    pytest.importorskip("skimage")
    data = StylizationData("embedded", size=32, num_workers=0)
    assert next(iter(data.train_dataloader())).shape == (4, 3, 32, 32)
    assert next(iter(data.val_dataloader())).shape == (2, 3, 32, 32)
    assert (data.describe().images, data.describe().held_out) == (4, 2)


def test_coco_is_no_substitute(photographs, tmp_path):
    photographs(6, "train2014")
    data = StylizationData("coco", str(tmp_path))
    assert str(data.describe()) == f"coco, 5 photographs ({tmp_path}/train2014)"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": "cocoo"}, "did you mean 'coco'"),
        ({"batch_size": 0}, "data.batch_size is 0: give at least 1"),
        ({"size": 8}, "data.size is 8: give at least 16"),
        ({"seed": -1}, "data.seed"),
        ({"zoom": 0.5}, "data.zoom is 0.5: give at least 1"),
        ({"source": "folder", "streaming": True}, "needs data.source=huggingface"),
    ],
)
def test_what_cannot_be_used_is_refused_at_once(options, message):
    with pytest.raises(InputError, match=message):
        StylizationData(**options)


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
@pytest.mark.parametrize(("cores", "workers"), [("1", 0), ("2", 0), ("4", 3), ("64", 8)])
def test_workers_fit_the_cores(cores, workers, monkeypatch, photographs):
    monkeypatch.setenv(SLURM_CORES, cores)
    data = folder_data(photographs(6), num_workers=None)
    assert data.train_dataloader().num_workers == workers


def test_every_argument_is_an_option_with_help():
    parser = jsonargparse.ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(StylizationData, "data")
    given = parser.parse_args(["--data.source=synthetic", "--data.num_workers=3", "--data.root=null"])
    assert (given.data.source, given.data.num_workers, given.data.root) == ("synthetic", 3, None)
    help_text = parser.format_help()
    assert "Photographs to validate on" in help_text
