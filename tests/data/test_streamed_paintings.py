from itertools import islice

import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from test_paintings import BothRecorder, shown
from test_resume import train

from stylenet.data.datamodule import StylizationData
from stylenet.errors import InputError

pytestmark = pytest.mark.filterwarnings(
    "ignore:Checkpoint directory",
    "ignore:(photograph|painting) skipped",
    "ignore::lightning.pytorch.utilities.warnings.PossibleUserWarning",
)


@pytest.fixture
def tables(flat_images, make_parquet):
    """Make Parquet files of twelve photographs, and of eight paintings of which number 3 is broken."""
    photographs, paintings = (sorted(flat_images(*args).iterdir()) for args in ((12, "p"), (8, "q")))
    return make_parquet(photographs, "photographs"), make_parquet(paintings, "paintings", broken=3)


def streamed(photographs, paintings, workers=0, **options):
    options = {"size": 16, "batch_size": 2, "num_workers": workers, "val_count": 3, **options}
    return StylizationData("huggingface", str(photographs), streaming=True, paintings=str(paintings), **options)


def test_two_streams_side_by_side(tables):
    data = streamed(*tables, batch_size=24)
    batch = next(iter(data.train_dataloader()))
    assert batch["photographs"].shape == batch["paintings"].shape == (24, 3, 16, 16)
    assert all(shown(batch["photographs"]).count(k) == 2 for k in range(12))
    paintings = shown(batch["paintings"])
    assert [sum(k in paintings[8 * epoch : 8 * epoch + 8] for k in range(8)) for epoch in range(3)] == [7, 7, 7]
    assert data.broken == 3
    assert str(data.describe_paintings()) == f"huggingface, endless ({tables[1]}, streamed), a substitute for WikiArt"


def test_streamed_validation(tables):
    (batch,) = streamed(*tables, val_count=3, batch_size=4).val_dataloader()
    assert (shown(batch["photographs"]), shown(batch["paintings"])) == ([0, 1, 2], [0, 1, 2])


@pytest.mark.parametrize(("workers", "step"), [(0, 5), (2, 5), (2, 6)])
def test_resumed_streams_go_on_exactly(workers, step, tables, tmp_path):
    saver = ModelCheckpoint(tmp_path, "{step}", every_n_train_steps=1, save_top_k=-1)
    options = {"max_steps": 9, "max_epochs": None}
    whole = train(streamed(*tables, workers), tmp_path, saver, model=BothRecorder(), **options)
    path = tmp_path / f"step={step}.ckpt"
    rest = train(streamed(*tables, workers), tmp_path, saver, path, model=BothRecorder(), **options)
    assert len(whole) == 9
    assert len(set(whole)) > 6
    assert rest == whole[step:]


def test_processes_share_both_streams(tables):
    seen = []
    for rank in (0, 1):
        data = streamed(*tables)
        data.setup()
        data.train_set.share(rank, 2)
        rows = list(islice(data.train_set, 3))  # of six photographs and four paintings each
        seen.append([set(shown(torch.stack([row[c] for row in rows]))) for c in ("photographs", "paintings")])
    for first, second in zip(*seen, strict=True):
        assert not first & second
    assert len(seen[0][0]) == len(seen[1][0]) == 3


def test_a_stream_beside_a_folder(tables, flat_images):
    folder = flat_images(3, "few")
    rows = [next(iter(streamed(tables[0], folder, workers).train_dataloader())) for workers in (0, 0, 2)]
    assert all(set(shown(row["paintings"])) <= {0, 1, 2} for row in rows)
    assert torch.equal(rows[0]["paintings"], rows[1]["paintings"])
    batches = streamed(tables[0], folder, batch_size=6).train_dataloader()
    assert sorted(shown(next(iter(batches))["paintings"]))[::2] == [0, 1, 2]


def test_streamed_paintings_that_are_not_there_are_named(tables, tmp_path):
    with pytest.raises(InputError, match="cannot load the dataset .*none.parquet.*give data.paintings a folder"):
        streamed(tables[0], tmp_path / "none.parquet").setup()


def test_paintings_from_parquet_files_beside_a_folder(tables, flat_images):
    options = {"size": 16, "num_workers": 0, "val_count": 1}
    data = StylizationData("folder", str(flat_images(6, "folder")), paintings=str(tables[1]), **options)
    data.prepare_data()
    assert all(batch["paintings"].shape == (4, 3, 16, 16) for batch in data.train_dataloader())
    assert str(data.describe_paintings()) == f"huggingface, 7 paintings ({tables[1]}), a substitute for WikiArt"
