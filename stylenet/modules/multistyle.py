"""Train one Johnson transformer net for many styles."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stylenet.data.sampling import generator
from stylenet.data.styles import find_style, load_style
from stylenet.errors import InputError, unknown
from stylenet.features.extractor import FeatureExtractor
from stylenet.losses.multiscale import perceptual_loss
from stylenet.losses.options import LossOptions
from stylenet.losses.perceptual import PerceptualLoss
from stylenet.metrics import Judge
from stylenet.modules.johnson import JohnsonModule, judge_of
from stylenet.modules.train import columns, named_network
from stylenet.networks.johnson import JohnsonNet
from stylenet.networks.layers import ConditionalNorm

COMPARABLE = ("gram", "moments")
"""Statistics that are as large for every painting, so that those of many fit into one tensor."""
DEALING = 5
"""Marks the random numbers that deal out styles, see `stylenet.data.sampling.generator`."""


def style_of(sample: int, seed: int, count: int) -> int:
    """Return which of `count` styles sample number `sample` is painted in: each once before any comes again."""
    turn, place = divmod(sample, count)
    return int(generator(seed, DEALING, turn).permutation(count)[place])


class Statistics(nn.Module):
    """What the loss compares with, a row for each painting; in no state dict.

    Args:
        loss: Gives the statistics.
        paintings: (1, 3, h, w) each, in [0, 1], of any sizes.
    """

    def __init__(self, loss: PerceptualLoss, paintings: list[Tensor]) -> None:
        super().__init__()
        found = [loss.statistics(painting) for painting in paintings]
        for name in found[0]:
            self.register_buffer(name, torch.cat([one[name] for one in found]), persistent=False)

    def forward(self, rows: Tensor) -> dict[str, Tensor]:
        """Return the statistics of the paintings in some rows, (B,), as `{term: (B, ...)}`."""
        return {name: table[rows] for name, table in self.named_buffers()}


class MultiStyleModule(JohnsonModule):
    """A learned representation for artistic style (Dumoulin, Shlens, Kudlur 2017): one network, many styles.

    All styles share the convolutions; each has its own scale and shift in every norm. Each photograph of a batch is
    painted in one style, which follows from the number of the sample and the data's seed alone: any number of
    processes sees the same pairs, and a resumed run those that were to come. Of as many samples in a row as there are
    styles, each style gets one. Departures from the paper are those of `stylenet.modules.johnson`.

    With `init_from`, the rows of styles that the checkpoint has, by name, are taken from it, and a new style begins
    with the mean of its rows.

    Args:
        style: Names of styles, or paths of images; two or more.
        only: Style or styles whose rows alone are trained (section 3.2 of the paper); all else stays as `init_from` has
            it, bit for bit. `new` are those that a checkpoint of several styles lacks; if it lacks none, or is of one
            style, everything is trained, as with `all`.
        options: Those of `stylenet.modules.johnson.JohnsonModule`.

    Raises:
        InputError: Fewer than two styles, two of one name, a loss that many paintings cannot share, or `only` names a
            style that is not ours, or has nothing to start from.
    """

    run = "multistyle"
    _outside: tuple[Any, ...]  # the loss, the statistics, and a judge for each style

    def __init__(self, style: list[str] | str, only: list[str] | str = "new", **options: Any) -> None:
        if not isinstance(style, list) or len(style) < 2:
            raise InputError("model=multistyle takes two styles or more: give style=[starry_night,great_wave], say")
        if only not in ("new", "all") and not options.get("init_from"):
            raise InputError("model.only leaves all other styles as they are: give model.init_from, which has them")
        super().__init__(style=style, **options)  # type: ignore[arg-type]  # read by the two methods below alone

    def _make_network(self, **arguments: Any) -> JohnsonNet:
        """Return the network, with a row for each style; all rows are trained until `start_from` says otherwise."""
        count = len(self.hparams["style"])
        self.trained = list(range(count))
        return JohnsonNet(**arguments, num_styles=count)

    def _look_at_paintings(self, extractor: FeatureExtractor, options: LossOptions) -> dict[str, Any]:
        """Make the loss, the paintings' statistics and the judges; return what checkpoints tell of the styles."""
        if options.statistic not in COMPARABLE:
            raise InputError(f"model.statistic={options.statistic} is for a single style: take gram or moments")
        paths = [find_style(style) for style in self.hparams["style"]]
        self.styles = [path.stem for path in paths]
        twice = [name for name in self.styles if self.styles.count(name) > 1]
        if twice:
            raise InputError(f"two styles are named {twice[0]}: give one of the files another name")
        paintings = [load_style(path, self.hparams["style_size"]) for path in paths]
        loss = perceptual_loss(extractor, [], options)
        judges = [judge_of(extractor, painting, options) for painting in paintings]
        self.keep_outside(loss, Statistics(loss, paintings), *judges)
        return {"styles": self.styles}

    @property
    def judges(self) -> tuple[Judge, ...]:
        """The distances that validation logs, of each style."""
        return self._outside[2:]

    def fitting(self, network: nn.Module, metadata: Mapping[str, Any]) -> dict[str, Tensor]:
        """Return the state dict that is started from, and settle which rows are trained; see the class.

        Args:
            network: Of one style, or of many.
            metadata: Of its checkpoint.
        """
        known: list[str] = metadata.get("styles", [])
        places = [known.index(name) if name in known else None for name in self.styles]
        tables = self._tables()

        def rows(old: Tensor) -> Tensor:  # (C,) of a single style, or (S, C) of many
            old = old.reshape(-1, old.shape[-1])
            return torch.stack([old.mean(0) if place is None else old[place] for place in places])

        rows_alone = self._rows_alone(bool(known), new=[row for row, place in enumerate(places) if place is None])
        if rows_alone:
            self.trained = rows_alone
            for name, parameter in self.network.named_parameters():
                parameter.requires_grad_(name in tables)
        return {name: rows(tensor) if name in tables else tensor for name, tensor in network.state_dict().items()}

    def _rows_alone(self, of_many: bool, new: list[int]) -> list[int]:
        """Return the rows that alone are trained; none if everything is.

        Args:
            of_many: Whether the network that is started from has several styles.
            new: Rows of styles that it lacks.
        """
        only = self.hparams["only"]
        if only in ("new", "all"):
            return new if of_many and only == "new" else []
        names = only.split(",") if isinstance(only, str) else only
        for name in names:
            if name not in self.styles:
                raise unknown("style in model.only", name, self.styles)
        return [self.styles.index(name) for name in names]

    def _tables(self) -> set[str]:
        """Return the names of the tensors that have a row for each style."""
        norms = [name for name, layer in self.network.named_modules() if isinstance(layer, ConditionalNorm)]
        return {f"{name}.{kind}" for name in norms for kind in ("weight", "bias")}

    def refuse(self, before: Mapping[str, Any]) -> None:
        """Raise an InputError for a training that had other styles; see `TrainModule.refuse`."""
        had = before.get("styles")
        if had != self.styles:
            raise InputError(f"that training had styles {had}: give the same, or model.init_from to begin anew")

    def ingredients(self) -> dict[str, str]:
        """Return the styles and the loss network; see `TrainModule.ingredients`."""
        alone = [self.styles[row] for row in self.trained]
        return {
            "styles": ", ".join(self.styles),
            "trained": "everything" if len(alone) == len(self.styles) else f"the rows of {', '.join(alone)} alone",
            "loss network": named_network(self.metadata["loss_network"]),
        }

    def forward(self, photographs: Tensor, mixture: Tensor | None = None) -> Tensor:
        """Return stylized photographs, (B, 3, H, W) in [0, 1]; the mixture is that of `JohnsonNet`."""
        return self.network(photographs, mixture)

    def trial(self, photographs: Tensor) -> Tensor:
        """Return the loss of a batch; see `TrainModule.trial`."""
        batch = dict.fromkeys(("photographs", "labels"), photographs)
        return self.loss.total(self.terms(self._with_rows(batch, range(len(photographs)))))

    def terms(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the unweighted terms of the loss of a batch with the row of each photograph's style."""
        _, statistics, *_ = self._outside
        photographs, painted = batch["photographs"], self.stylize(batch)
        terms = self.loss(painted, photographs, batch.get("labels"), statistics(batch["row"]))
        return terms | self.temporal(batch, painted)

    def stylize(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return the photographs of a batch in their styles, (B, 3, H, W)."""
        photographs = batch["photographs"]
        return self.network(photographs, F.one_hot(batch["row"], len(self.styles)).to(photographs.dtype))

    def training_step(self, batch: Tensor | dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of a batch: photographs, (B, 3, H, W) in [0, 1], or columns."""
        given, trainer = columns(batch), self.trainer
        batches = trainer.fit_loop.epoch_loop.batch_progress.total.processed  # by this process, before a resume too
        count = len(given["photographs"])
        first = (batches * trainer.world_size + trainer.global_rank) * count
        seed = getattr(trainer.datamodule, "seed", 0)
        dealt = [style_of(first + i, seed, len(self.trained)) for i in range(count)]
        return super().training_step(self._with_rows(given, dealt), batch_idx)

    def validation_step(self, batch: Tensor | dict[str, Tensor], batch_idx: int) -> Tensor:
        """Log how the photographs fare, each in one of the styles; return them, (B, 3, H, W) in [0, 1]."""
        given = columns(batch)
        count = len(given["photographs"])
        dealt = range(batch_idx * count, (batch_idx + 1) * count)
        return super().validation_step(self._with_rows(given, dealt), batch_idx)

    def judged(self, images: Tensor, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return figures of images, (B, 3, H, W), beside a batch's photographs and the paintings of its styles."""
        rows = batch["row"].tolist()
        pairs = zip(rows, images.split(1), batch["photographs"].split(1), strict=True)
        each = [self.judges[row](image, photograph) for row, image, photograph in pairs]
        return {name: torch.cat([figures[name] for figures in each]) for name in each[0]}

    def _with_rows(self, batch: Mapping[str, Tensor], dealt: Iterable[int]) -> dict[str, Tensor]:
        """Return a batch with a column `row`, (B,), of styles.

        Args:
            batch: Its columns; pseudo-labels bring the style that they were made in.
            dealt: Numbers that say, modulo how many are trained, the style of each other photograph.
        """
        device = batch["photographs"].device
        if "style" in batch:
            rows = torch.tensor(self._rows_of_labels(), device=device)[batch["style"]]
        else:
            rows = torch.tensor([self.trained[number % len(self.trained)] for number in dealt], device=device)
        return {**batch, "row": rows}

    def _rows_of_labels(self) -> list[int]:
        """Return the row of each style of the pseudo-labels.

        Raises:
            InputError: Pseudo-labels in a style that is not trained.
        """
        names: list[str] = self.trainer.datamodule.label_styles
        trained = [self.styles[row] for row in self.trained]
        strange = [name for name in names if name not in trained]
        if strange:
            raise InputError(f"pseudo-labels in {strange[0]}, but trained are {', '.join(trained)}: name it in style=")
        return [self.styles.index(name) for name in names]
