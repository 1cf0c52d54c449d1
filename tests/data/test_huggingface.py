import datasets
import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from test_resume import train

from stylenet.data.datamodule import StylizationData
from stylenet.data.huggingface import Table, load_table
from stylenet.errors import InputError
from stylenet.images import load_image

pytestmark = [pytest.mark.filterwarnings("ignore:Checkpoint directory"), pytest.mark.usefixtures("own_cache")]


def stream_data(folder, workers=0, batch_size=2, seed=0):
    options = {"size": 16, "batch_size": batch_size, "num_workers": workers, "seed": seed}
    return StylizationData("huggingface", str(folder), streaming=True, val_count=2, **options)


def test_a_folder_of_images(photographs):
    folder = photographs(6)
    table = Table(load_table(str(folder), "train"))
    assert len(table) == 6
    assert torch.equal(table.read(2), load_image(folder / "002.jpg"))


@pytest.mark.filterwarnings("ignore:photograph skipped")
def test_parquet(parquet):
    data = StylizationData("huggingface", str(parquet), size=16, val_count=2, num_workers=0)
    assert [batch.shape for batch in data.train_dataloader()] == [(4, 3, 16, 16)] * 2
    assert torch.isfinite(torch.stack([data.train_set[sample] for sample in range(10)])).all()
    content = data.describe()
    assert (content.images, content.held_out, content.substitute) == (10, 2, True)
    assert data.broken == 1


@pytest.mark.filterwarnings("ignore:photograph skipped")
def test_one_parquet_file_and_part_of_a_split(parquet):
    data = StylizationData("huggingface", str(parquet / "train-1.parquet"), size=16, split="train[:5]")
    assert data.describe().images == 4


def test_errors_say_what_to_do(tmp_path):
    with pytest.raises(InputError, match="cannot load the dataset .*none.parquet.*data.root"):
        load_table(str(tmp_path / "none.parquet"), "train")
    datasets.Dataset.from_dict({"caption": ["a cat"]}).to_parquet(str(tmp_path / "text.parquet"))
    with pytest.raises(InputError, match="no column of images: its columns are caption"):
        load_table(str(tmp_path / "text.parquet"), "train")


def test_a_stream_needs_an_end(parquet):
    data = stream_data(parquet)
    data.trainer = pl.Trainer(accelerator="cpu", max_epochs=2, logger=False, enable_checkpointing=False)
    with pytest.raises(InputError, match="give trainer.max_steps"):
        data.train_dataloader()


@pytest.mark.filterwarnings("ignore:photograph skipped")
def test_a_stream_shows_every_photograph_before_any_again(parquet):
    stream = iter(stream_data(parquet, batch_size=12).train_dataloader())
    first, second = next(stream), next(stream)
    assert not torch.equal(first, second)
    means = torch.cat([first, second]).mean((1, 2, 3))
    assert len({round(mean, 4) for mean in means.tolist()}) == 24  # crops differ, also of one photograph


@pytest.mark.filterwarnings(
    "ignore:photograph skipped", "ignore::lightning.pytorch.utilities.warnings.PossibleUserWarning"
)
@pytest.mark.parametrize(("workers", "step"), [(0, 3), (0, 7), (2, 5), (2, 6)])
def test_a_resumed_stream_goes_on_exactly(workers, step, parquet, tmp_path):
    saver = ModelCheckpoint(tmp_path, "{step}", every_n_train_steps=1, save_top_k=-1)
    options = {"max_steps": 9, "max_epochs": None}
    whole = train(stream_data(parquet, workers), tmp_path, saver, **options)
    rest = train(stream_data(parquet, workers), tmp_path, saver, tmp_path / f"step={step}.ckpt", **options)
    assert len(set(whole)) == 9
    assert rest == whole[step:]


@pytest.mark.filterwarnings("ignore:photograph skipped")
def test_processes_share_a_stream(parquet):
    seen = []
    for rank in (0, 1):
        data = stream_data(parquet)
        data.setup()
        data.train_set.rank, data.train_set.world = rank, 2
        records = data.train_set._records()
        seen.append({next(records)["image"]["bytes"] for _ in range(6)})
    assert len(seen[0]) == len(seen[1]) == 6
    assert not seen[0] & seen[1]
