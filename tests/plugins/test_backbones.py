"""Released backbones: the networks their weights were made for, and only those weights.

Numbers known from outside come from the reference implementations (insightface, timm)
with every weight drawn by the formula of ``tests.parity``, which compares whole outputs.
"""

import copy

import pytest
import torch
from fusionbench_backbones.efficientnet_b0 import EfficientNetB0, EfficientNetB0Backbone
from fusionbench_backbones.inception_resnet_v1 import InceptionResNetV1, InceptionResNetV1Backbone
from fusionbench_backbones.iresnet50 import IResNet50, IResNet50Backbone, interpolate_fc
from safetensors.torch import save_file
from torch import nn

import fusionbench as fb
from tests.parity.fixture import formula_input, weight


def drawn(trunk: nn.Module, gain: float) -> nn.Module:
    """The trunk in eval mode, each weight a hash of its name."""
    shapes = {key: tuple(value.shape) for key, value in trunk.state_dict().items()}
    trunk.load_state_dict({key: weight("", key, shape, gain) for key, shape in shapes.items()})
    return trunk.eval()


def build(backbone: type[fb.Backbone], **options) -> fb.Backbone:
    return backbone(backbone.Config(**options))


# The networks


@pytest.mark.parametrize(
    ("make", "entries", "parameters"),
    [
        (IResNet50, 475, 43_590_848),
        (InceptionResNetV1, 714, 23_482_624),
        # the 1000-class head, which is not built, would add 2 entries: 360 and 5,288,548
        (lambda: EfficientNetB0(tensorflow=True), 358, 5_288_548 - 1000 * 1281),
    ],
)
def test_sizes_are_those_of_the_released_networks(make, entries, parameters):
    with torch.device("meta"):
        trunk = make()
    assert len(trunk.state_dict()) == entries
    assert sum(p.numel() for p in trunk.parameters()) == parameters


@pytest.mark.parametrize(
    ("backbone", "options", "dim", "map_shape"),
    [
        (IResNet50Backbone, {}, 512, (256, 12, 12)),
        (IResNet50Backbone, {"fc": "interpolate"}, 512, (256, 12, 12)),
        (IResNet50Backbone, {"fc": "resize112"}, 512, (256, 14, 14)),
        (IResNet50Backbone, {"input_size": 112}, 512, (256, 14, 14)),
        (InceptionResNetV1Backbone, {}, 512, (896, 8, 8)),
        (InceptionResNetV1Backbone, {"map": "repeat_1"}, 512, (256, 17, 17)),
        (InceptionResNetV1Backbone, {"input_size": 112, "width": 128}, 128, (896, 5, 5)),
        (InceptionResNetV1Backbone, {"input_size": 112, "map": "repeat_1"}, 512, (256, 11, 11)),
        (InceptionResNetV1Backbone, {"input_size": 96}, 512, (896, 4, 4)),
        (InceptionResNetV1Backbone, {"input_size": 96, "map": "repeat_1"}, 512, (256, 9, 9)),
        (EfficientNetB0Backbone, {}, 512, (112, 14, 14)),
        (EfficientNetB0Backbone, {"width": None}, 1280, (112, 14, 14)),
        (EfficientNetB0Backbone, {"input_size": 96, "map": "blocks.2"}, 512, (40, 12, 12)),
        (EfficientNetB0Backbone, {"input_size": 112, "map": "blocks.6"}, 512, (320, 4, 4)),
        (EfficientNetB0Backbone, {"map": "blocks.6", "variant": "plain"}, 512, (320, 7, 7)),
    ],
)
def test_announced_shapes_are_the_returned_ones(backbone, options, dim, map_shape):
    config = backbone.Config(**options)
    side = backbone.input_size(config)
    with torch.device("meta"):
        made = backbone(config).eval()
        features = made(torch.rand(2, 3, side, side))
    assert (made.dim, made.map_shape) == (dim, map_shape)
    assert features.embedding.shape == (2, dim)
    assert features.map.shape == (2, *map_shape)


@pytest.mark.slow
def test_iresnet50_gives_the_numbers_of_insightface():
    trunk = drawn(IResNet50(), gain=0.6)
    with torch.no_grad():
        embedding, _ = trunk(formula_input("", "input112", (1, 3, 112, 112)))
        third_block = nn.Sequential(
            trunk.conv1, trunk.bn1, trunk.prelu, trunk.layer1, trunk.layer2, trunk.layer3
        )
        block3 = third_block(formula_input("", "input96", (1, 3, 96, 96)))
    torch.testing.assert_close(
        embedding[0, :4], torch.tensor([0.139750, -0.235261, -0.075272, -0.064793]), rtol=0, atol=1e-5
    )
    torch.testing.assert_close(
        block3[0, 0, 0, :3], torch.tensor([0.140323, -0.159194, -0.006801]), rtol=0, atol=1e-5
    )


@pytest.mark.slow
def test_the_two_efficientnets_share_weights_and_not_numbers():
    tf, plain = (drawn(EfficientNetB0(tensorflow), gain=1.6) for tensorflow in (True, False))
    assert list(tf.state_dict()) == list(plain.state_dict())
    image = formula_input("", "input224", (1, 3, 224, 224))
    with torch.no_grad():
        ours, other = tf(image)[0], plain(image)[0]
    scale = ours.abs().max()
    torch.testing.assert_close(
        ours[0, :3] / scale,
        torch.tensor([53.30224228, -4.409968e-05, 11.87945366]) / 140.860443,
        rtol=0,
        atol=1e-5,
    )
    torch.testing.assert_close(
        other[0, :3] / scale,
        torch.tensor([69.051551819, 0.098108530, 17.197919846]) / 140.860443,
        rtol=0,
        atol=1e-5,
    )
    assert ((ours - other).norm() / ours.norm()).item() == pytest.approx(0.370, abs=1e-3)


@pytest.mark.parametrize(
    ("backbone", "black", "white"),
    [
        (IResNet50Backbone, [-1.0] * 3, [1.0] * 3),  # (x - 0.5) / 0.5
        (InceptionResNetV1Backbone, [-0.99609375] * 3, [0.99609375] * 3),  # (255 x - 127.5) / 128
        # ImageNet: red (0 - 0.485) / 0.229, ...
        (EfficientNetB0Backbone, [-2.117904, -2.035714, -1.804444], [2.248908, 2.428571, 2.64]),
    ],
)
def test_frames_are_normalised_as_the_weights_expect(backbone, black, white):
    class Input(nn.Module):
        def forward(self, x):
            return x.mean((2, 3)), dict.fromkeys(("repeat_2", "blocks.4"), x)

    made = build(backbone, **({} if backbone is IResNet50Backbone else {"width": None}))
    made.trunk = Input()
    side = backbone.input_size(made.config)
    for value, expected in ((0.0, black), (1.0, white)):
        seen = made(torch.full((1, 3, side, side), value))[0][0]
        torch.testing.assert_close(seen, torch.tensor(expected), rtol=0, atol=1e-5)


# Their weights


@pytest.fixture(scope="module")
def insightface(tmp_path_factory):
    """A file in insightface's form, as an all-state checkpoint nests it."""
    path = tmp_path_factory.mktemp("weights") / "checkpoint.pt"
    torch.manual_seed(0)
    torch.save({"epoch": 19, "state_dict_backbone": IResNet50().state_dict()}, path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "new"),
    [
        ({"fc": "reinit"}, {"fc.weight", "fc.bias", "features.weight", "features.bias"}),
        ({"fc": "resize112"}, set()),
        ({"fc": "interpolate"}, set()),
        ({"input_size": 112}, set()),
    ],
)
def test_only_a_new_embedding_layer_is_not_pretrained(insightface, options, new):
    made = build(IResNet50Backbone, weights=insightface, **options)
    # the trunks may be copied, one for each stream: the list must follow the copy
    for backbone in (made, copy.deepcopy(made)):
        slow = {id(p) for p in backbone.pretrained()}
        assert {name for name, p in backbone.trunk.named_parameters() if id(p) not in slow} == new
    assert made.weights(made.config) == insightface


@pytest.mark.slow
def test_the_released_embedding_layer_does_not_fit_96_pixels(insightface):
    with pytest.raises(fb.UserError, match=r"fc\.weight \(512, 25088\) for \(512, 18432\)"):
        fb.load_weights(IResNet50(side=6), insightface)


def test_interpolating_the_embedding_layer_keeps_the_sum_over_the_map():
    kernel = torch.full((512, 512 * 49), 2.0)
    assert interpolate_fc(kernel, 6).shape == (512, 18432)
    torch.testing.assert_close(interpolate_fc(kernel, 6).sum(1), kernel.sum(1))


def test_the_other_ir_50_is_named(tmp_path):
    save_file(
        {"input_layer.0.weight": torch.zeros(1), "body.0.x": torch.zeros(1)}, tmp_path / "w.safetensors"
    )
    with pytest.raises(fb.UserError, match=r"face\.evoLVe.*another network.*insightface"):
        build(IResNet50Backbone, weights=tmp_path / "w.safetensors")


def test_the_face_classifier_of_facenet_files_is_left_aside(tmp_path):
    path = tmp_path / "vggface2.pt"
    released = InceptionResNetV1()
    logits = {"logits.weight": torch.zeros(8631, 512), "logits.bias": torch.zeros(8631)}
    torch.save({**released.state_dict(), **logits}, path)
    made = build(InceptionResNetV1Backbone, weights=path, width=64)
    slow = {id(p) for p in made.pretrained()}
    assert {n for n, p in made.named_parameters() if id(p) not in slow} == {"project.weight", "project.bias"}


@pytest.mark.parametrize(
    ("file", "classifier", "loads_into"),
    [
        ("state_vggface2_enet0_new.pt", None, "tf"),  # HSEmotion, classifier taken off
        ("enet_b0_8_best_vgaf.pt", ("classifier.0.weight", 8), "tf"),  # HSEmotion, converted
        ("enet_b0_8_va_mtl.pt", ("classifier.weight", 10), "tf"),
        ("tf_efficientnet_b0_ns-c0e6a31c.pth", ("classifier.weight", 1000), "tf"),
        ("efficientnet_b0_ra-3dd342df.pth", ("classifier.weight", 1000), "plain"),
    ],
)
def test_each_efficientnet_file_loads_into_its_own_variant_only(tmp_path, file, classifier, loads_into):
    weights = EfficientNetB0(tensorflow=True).state_dict()
    if classifier:
        name, classes = classifier
        weights |= {name: torch.zeros(classes, 1280), name.replace("weight", "bias"): torch.zeros(classes)}
    torch.save(weights, tmp_path / file)
    other = {"tf": "plain", "plain": "tf"}[loads_into]
    assert build(EfficientNetB0Backbone, weights=tmp_path / file, variant=loads_into).pretrained()
    with pytest.raises(fb.UserError, match=rf"every key fits\. Set backbone\.variant={loads_into}"):
        build(EfficientNetB0Backbone, weights=tmp_path / file, variant=other)


def test_without_weights_nothing_is_pretrained():
    made = build(EfficientNetB0Backbone)
    assert made.pretrained() == []
    assert made.weights(made.config) is None
