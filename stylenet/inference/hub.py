"""Networks on the Hugging Face hub: a slim checkpoint, its metadata as `config.json` too, and a model card."""

import json
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard, ModelHubMixin, hf_hub_download
from huggingface_hub.errors import HFValidationError
from torch import nn

from stylenet.errors import InputError
from stylenet.networks.checkpoint import save_network

FILE = "stylizer.safetensors"
CARD = """---
{{ card_data }}
---

# {{ name }}: photographs in the style of {{ styles }}

A feed-forward stylizer, made by stylenet {{ version }}: a photograph becomes a painting in one pass.

```python
from stylenet.images import load_image, save_image
from stylenet.inference.stylizer import Stylizer

stylizer = Stylizer.from_pretrained("USER/REPOSITORY"{{ choice }})
save_image(stylizer(load_image("photo.jpg")), "out.png")
```

`config.json` holds what `stylizer.safetensors` says about itself: what rebuilds the network, and how it was trained.
"""


class HubNetwork(
    ModelHubMixin,
    library_name="stylenet",
    license="apache-2.0",
    pipeline_tag="image-to-image",
    tags=["style-transfer", "neural-style-transfer"],
    model_card_template=CARD,
):
    """A network on its way to the hub.

    Args:
        network: A class of `stylenet.networks.checkpoint.NETWORKS`.
        metadata: What rebuilds it, and how it was made (`describe`).
    """

    _hub_mixin_config: dict = {}  # else the arguments, which are no plain values

    def __init__(self, network: nn.Module, metadata: dict[str, Any]) -> None:
        self.network, self.metadata = network, metadata

    def _save_pretrained(self, save_directory: Path) -> None:
        save_network(self.network, save_directory / FILE, self.metadata)
        (save_directory / "config.json").write_text(json.dumps(self.metadata, indent=2))

    def generate_model_card(self, **words: Any) -> ModelCard:
        """Return the card, whose front matter tells the hub what this is."""
        many = self.metadata.get("styles")
        styles = ", ".join(many or [self.metadata.get("style") or "any painting"])
        given = (many or ["painting.jpg"])[0] if many or self.metadata["class"] == "AdaIN" else None
        choice = f', styles=["{given}"]' if given else ""
        made = {"name": self.metadata["class"], "version": self.metadata["version"], "styles": styles, "choice": choice}
        return super().generate_model_card(**made, **words)


def find_pretrained(place: str, revision: str | None = None) -> Path:
    """Return the slim checkpoint in a folder, or that of a repository of the hub, fetched if need be.

    Args:
        place: The folder, or USER/REPOSITORY.
        revision: A branch, tag or commit of the repository.

    Raises:
        InputError: There is no such repository, or it cannot be reached.
    """
    if Path(place).is_dir():
        return Path(place) / FILE
    try:
        return Path(hf_hub_download(place, FILE, revision=revision))
    except (OSError, HFValidationError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(
            f"no network at {place} ({reason}): give a folder that holds {FILE}, or USER/REPOSITORY"
        ) from None
