"""The extractor: frozen, self-normalizing, no deeper than asked."""

import copy
import pickle

import pytest
import torch
from torch.nn import functional as F
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from stylenet.errors import InputError
from stylenet.features.backbones import BACKBONES, get_backbone
from stylenet.features.extractor import FeatureExtractor

CONV1_1, CONV1_2, CONV2_1, CONV2_2 = 64 * 28, 64 * 577, 128 * 577, 128 * 1153  # filters times (fan-in + bias)


@pytest.fixture
def image():
    return torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def extractor():
    return FeatureExtractor("vgg16", ("conv1_1", "relu1_1", "relu2_2"), "random")


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


class Allocations(TorchDispatchMode):
    """Add up what every operation allocates outside the meta device, in bytes."""

    total = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        given = {leaf.data_ptr() for leaf in tree_leaves(args) if isinstance(leaf, torch.Tensor) and not leaf.is_meta}
        for leaf in tree_leaves(made):
            if isinstance(leaf, torch.Tensor) and not leaf.is_meta and leaf.data_ptr() not in given:
                self.total += leaf.untyped_storage().nbytes()
        return made


def test_maps_come_by_name_with_their_shapes(extractor, image):
    shapes = {layer: tuple(values.shape) for layer, values in extractor(image).items()}
    assert shapes == {"conv1_1": (2, 64, 32, 32), "relu1_1": (2, 64, 32, 32), "relu2_2": (2, 128, 16, 16)}


def test_relus_do_not_work_in_place(extractor, image):
    features = extractor(image)
    assert features["conv1_1"].min() < 0
    assert_close(features["relu1_1"], features["conv1_1"].clamp_min(0))


@pytest.mark.parametrize(
    ("layers", "parameters"),
    [
        (("relu1_1",), CONV1_1),
        (("relu2_2",), CONV1_1 + CONV1_2 + CONV2_1 + CONV2_2),
        (("relu2_1", "relu1_2"), CONV1_1 + CONV1_2 + CONV2_1),
    ],
)
def test_nothing_deeper_than_the_deepest_layer_is_held(layers, parameters):
    assert count(FeatureExtractor("vgg16", layers, "random")) == parameters


def test_the_classifier_is_never_allocated():
    with Allocations() as allocations:
        extractor = FeatureExtractor("vgg16", ("relu2_2",), "random")
    assert 4 * count(extractor) <= allocations.total < 5 * 4 * count(extractor) < 4 * 120e6 / 50


def test_the_input_is_normalized(extractor):
    average = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    assert_close(extractor(average.expand(1, 3, 16, 16))["conv1_1"], torch.zeros(1, 64, 16, 16), rtol=0, atol=1e-5)


def test_images_get_a_gradient_and_weights_none(extractor, image):
    image.requires_grad_()
    extractor(image)["relu2_2"].square().sum().backward()
    assert image.grad.abs().amin(dim=(1, 2, 3)).shape == (2,)
    assert image.grad.abs().sum() > 0
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in extractor.parameters())


@pytest.mark.parametrize(
    "change",
    [lambda e: e.train(), copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e)), lambda e: e.up_to(("relu1_1",))],
    ids=["train", "copy", "pickle", "up_to"],
)
def test_it_stays_in_eval_mode(change):
    changed = change(FeatureExtractor("vgg16", ("relu1_1", "relu1_2"), "random"))
    leaves = [module for module in changed.modules() if not list(module.children())]
    assert leaves
    assert not any(module.training for module in leaves)


def test_double_precision(image):
    features = FeatureExtractor("vgg16", ("relu2_2",), "random")(image)["relu2_2"]
    double = FeatureExtractor("vgg16", ("relu2_2",), "random").to(torch.float64)(image.double())["relu2_2"]
    assert double.dtype == torch.float64
    assert_close(double.float(), features, rtol=1e-4, atol=1e-5)


def test_random_weights_are_the_same_each_time_and_leave_the_global_generator_alone(image):
    def features(seed):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        values = FeatureExtractor("vgg16", ("relu1_2",), "random")(image)["relu1_2"]
        assert torch.equal(before, torch.get_rng_state())
        return values

    assert torch.equal(features(1), features(2))


def test_random_weights_do_not_depend_on_which_layers_are_asked_for(image):
    alone = FeatureExtractor("vgg16", ("relu3_1",), "random")(image)
    together = FeatureExtractor("vgg16", ("relu1_1", "relu4_1", "relu3_1"), "random")(image)
    assert torch.equal(alone["relu3_1"], together["relu3_1"])


def test_up_to_stops_sooner_and_shares_the_weights(extractor, image):
    fewer = extractor.up_to(("relu1_1",))
    features = fewer(image)
    assert list(features) == ["relu1_1"]
    assert torch.equal(features["relu1_1"], extractor(image)["relu1_1"])
    assert count(fewer) == CONV1_1
    held = {id(parameter) for parameter in extractor.parameters()}
    assert all(id(parameter) in held for parameter in fewer.parameters())
    assert set(extractor(image)) == {"conv1_1", "relu1_1", "relu2_2"}  # unchanged itself


def test_up_to_gives_some_of_its_own_layers(extractor):
    fewer = extractor.up_to(("relu1_1",))
    assert fewer.layers == ("relu1_1",)
    assert extractor.up_to(()).layers == ()
    assert count(extractor.up_to(())) == 0
    with pytest.raises(InputError, match="unknown layer of this extractor 'relu2_2': .*known are relu1_1"):
        fewer.up_to(("relu2_2",))


def test_features_come_in_the_order_asked_for(image):
    layers = ("relu2_2", "conv1_1", "relu1_2")
    assert tuple(FeatureExtractor("vgg16", layers, "random")(image)) == layers


@pytest.mark.parametrize("backbone", [name for name in BACKBONES if name != "vit_b_16"])
def test_images_in_channels_last_give_features_in_channels_last(backbone):
    layers = get_backbone(backbone).style_layers
    image = torch.rand(2, 3, 48, 48).contiguous(memory_format=torch.channels_last)
    for layer, values in FeatureExtractor(backbone, layers, "random")(image).items():
        assert values.is_contiguous(memory_format=torch.channels_last), layer


@pytest.mark.parametrize(
    ("backbone", "layer", "size"),
    [
        ("vgg16", "relu5_3", 16),
        ("vgg_normalised", "relu5_1", 17),
        ("resnet50", "layer4", 32),
        ("densenet121", "features.norm5", 29),
        ("squeezenet1_1", "features.12", 17),
        ("vit_b_16", "encoder.layers.encoder_layer_0", 16),
    ],
)
def test_too_small_images_are_refused_and_the_smallest_are_not(backbone, layer, size):
    extractor = FeatureExtractor(backbone, (layer,), "random")
    assert extractor(torch.rand(1, 3, size, size))[layer].isfinite().all()
    with pytest.raises(InputError, match=f"an image of 40x{size - 1} pixels .* at least {size}x{size}"):
        extractor(torch.rand(1, 3, size - 1, 40))


@pytest.mark.parametrize(
    ("backbone", "layer", "message"),
    [
        ("vgg61", "relu2_2", "unknown backbone 'vgg61': did you mean 'vgg1[69]'"),
        ("vgg16", "relu2_22", "unknown layer of vgg16 'relu2_22': did you mean 'relu2_2'"),
        ("vgg16", "relu3_4", "unknown layer of vgg16 'relu3_4': did you mean 'relu3_3'"),
        ("vgg_normalised", "conv9", "known are relu1_1, .*relu5_1"),
    ],
)
def test_unknown_names_are_answered_with_the_nearest(backbone, layer, message):
    with pytest.raises(InputError, match=message):
        FeatureExtractor(backbone, (layer,), "random")


PLACES = {"relu1_1": 0, "relu1_2": 2, "relu2_1": 5, "relu2_2": 7, "relu3_1": 10}


def run_by_hand(extractor, image, mode):
    """Return VGG16's maps with borders of convolutions padded by a mode of `F.pad`."""
    x, maps = (image - extractor.mean) / extractor.std, {}
    for layer, place in PLACES.items():
        if layer in ("relu2_1", "relu3_1"):
            x = F.max_pool2d(x, 2)
        weight, bias = (extractor.body.get_parameter(f"features.{place}.{kind}") for kind in ("weight", "bias"))
        x = maps[layer] = F.conv2d(F.pad(x, (1, 1, 1, 1), mode=mode), weight, bias).relu()
    return maps


@pytest.mark.parametrize(("padding", "mode"), [("zeros", "constant"), ("reflect", "reflect")])
@pytest.mark.parametrize("size", [(16, 18), (80, 72)], ids=["small", "large"])  # large maps go by Winograd's method
def test_convolutions_are_padded_as_asked(padding, mode, size):
    single = FeatureExtractor("vgg16", tuple(PLACES), "random", padding=padding)
    extractor = copy.deepcopy(single).double()
    image = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0)).requires_grad_()
    rounded, found = single(image), extractor(image.double())
    expected = run_by_hand(extractor, image.double(), mode)
    for layer, maps in expected.items():
        assert_close(found[layer], maps, rtol=1e-9, atol=1e-9)
        assert (rounded[layer] - maps).norm() < 1e-5 * maps.norm(), layer
    slopes = [torch.autograd.grad(maps["relu3_1"].square().mean(), image)[0] for maps in (rounded, expected)]
    assert (slopes[0] - slopes[1]).norm() < 1e-4 * slopes[1].norm()


def test_reflection_makes_no_frame_around_a_plain_image():
    plain = torch.full((1, 3, 32, 32), 0.7)
    for padding in ("zeros", "reflect"):
        maps = FeatureExtractor("vgg16", ("relu3_1",), "bundled", padding=padding)(plain)["relu3_1"]
        frame = (maps - maps[..., 4:5, 4:5]).norm() / maps.norm()
        assert frame > 0.1 if padding == "zeros" else frame < 1e-5


def test_up_to_and_copies_keep_the_padding(image):
    extractor = FeatureExtractor("vgg16", ("relu1_2", "relu2_1"), "random", padding="reflect")
    expected = extractor(image)["relu1_2"]
    for other in (extractor.up_to(("relu1_2",)), copy.deepcopy(extractor), pickle.loads(pickle.dumps(extractor))):
        assert torch.equal(other(image)["relu1_2"], expected)


def test_an_unknown_padding_is_answered_with_the_nearest():
    with pytest.raises(
        InputError, match="unknown padding 'reflection': did you mean 'reflect'.*known are reflect, zeros"
    ):
        FeatureExtractor("vgg16", ("relu1_1",), "random", padding="reflection")


@pytest.mark.parametrize("padding", ["zeros", "reflect"])
def test_under_autocast_maps_are_in_bfloat16_and_near_those_of_float32(padding, image):
    extractor = FeatureExtractor("vgg16", ("relu1_2", "relu4_3"), "bundled", padding=padding)
    expected = extractor(image)
    with torch.autocast("cpu", torch.bfloat16):
        found = extractor(image)
    for layer, maps in found.items():
        assert maps.dtype == torch.bfloat16
        assert (maps.float() - expected[layer]).norm() < 0.02 * expected[layer].norm()


def test_a_layer_is_read_before_the_next_are_computed(extractor, image):
    order = []
    handles = [
        extractor.body.get_submodule(path).register_forward_hook(lambda *_, path=path: order.append(path))
        for path in ("features.1", "features.2", "features.7")
    ]
    found = extractor(image, lambda layer, maps: order.append(layer) or maps.mean())
    for handle in handles:
        handle.remove()
    assert order == ["conv1_1", "features.1", "relu1_1", "features.2", "features.7", "relu2_2"]
    assert {layer: value.item() for layer, value in found.items()} == {
        layer: maps.mean().item() for layer, maps in extractor(image).items()
    }


def test_two_names_of_one_layer_are_both_read(image):
    found = FeatureExtractor("resnet50", ("layer1", "rb1"), "random")(image, lambda layer, maps: (layer, maps.shape))
    assert found == {"layer1": ("layer1", (2, 256, 8, 8)), "rb1": ("rb1", (2, 256, 8, 8))}


def test_extractors_made_alike_share_no_layer():
    one, other = (FeatureExtractor("vgg16", ("relu1_2",), "random") for _ in range(2))
    assert not {*map(id, one.body.modules())} & {*map(id, other.body.modules())}
    with torch.no_grad():
        one.body.features.get_submodule("0").weight.zero_()
    assert other.body.features.get_submodule("0").weight.any()
