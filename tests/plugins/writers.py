"""Small files of each format, written as its public writer writes them."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

SPLITS = {"train": 8, "valid": 4, "test": 4}
SENTIMENT = (-3.0, -1.6, -0.4, 0.0, 0.4, 1.2, 2.5, 3.0)
OPENFACE = (
    "frame,face_id,timestamp,confidence,success,gaze_0_x,gaze_angle_x,pose_Tx,pose_Rx,AU01_r,AU12_r,AU28_c"
)


def padded(time: int, real: Sequence[int], dim: int, seed: int, front: bool = False) -> np.ndarray:
    """``(clips, time, dim)``: ``real`` frames of numbers, the rest zeros."""
    made = np.zeros((len(real), time, dim), np.float32)
    draw = np.random.default_rng(seed)
    for clip, length in enumerate(real):
        where = slice(time - length, time) if front else slice(0, length)
        made[clip, where] = draw.normal(size=(length, dim)) + 0.1
    return made


def mmsa_parts(times: Mapping[str, int] | None = None) -> dict[str, dict[str, Any]]:
    """What MMSA-FET's ``run_dataset`` puts into its pickle: padded at the end, ids ``VIDEO$_$CLIP``.

    Args:
        times: stream -> frames with padding; None = all 6, as of aligned files.
    """
    times = times or {"text": 6, "audio": 6, "vision": 6}
    dims = {"text": 5, "audio": 3, "vision": 2}
    parts: dict[str, dict[str, Any]] = {}
    for number, (split, count) in enumerate(SPLITS.items()):
        labels = np.array((SENTIMENT * 2)[:count])
        parts[split] = {
            "raw_text": np.array(["a text"] * count),
            "audio": np.zeros(0),
            "vision": np.zeros(0),
            "id": np.array([f"{split}{k // 2}$_${k % 2}" for k in range(count)]),
            "text": np.zeros(0),
            "text_bert": np.zeros((count, 3, times["text"]), np.float32),
            "audio_lengths": [times["audio"]] * count,
            "vision_lengths": [times["vision"]] * count,
            "annotations": np.array(
                [("Negative", "Neutral", "Positive")[int(np.sign(v)) + 1] for v in labels]
            ),
            "regression_labels": labels,
            "regression_labels_T": labels[::-1].copy(),
        }
        for stream, time in times.items():
            real = [time // 2 + k % (time // 2) for k in range(count)]
            parts[split][stream] = padded(time, real, dims[stream], 10 * number + len(stream))
    return parts


def write_mmsa(path: Path, parts: Mapping[str, Any] | None = None, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(parts or mmsa_parts(), protocol))
    return path


def write_multibench(path: Path) -> Path:
    """Padded in front; labels (n, 1, 1); ids as rows of video, start and end. Pickled as by Python 2."""
    parts = {}
    for number, (split, count) in enumerate(SPLITS.items()):
        real = [3 + k % 3 for k in range(count)]
        parts[split] = {
            "vision": padded(6, real, 4, number, front=True),
            "audio": padded(6, real, 3, number + 1, front=True),
            "text": padded(6, real, 5, number + 2, front=True),
            "labels": np.array((SENTIMENT * 2)[:count], np.float32).reshape(-1, 1, 1),
            "id": np.array([[f"{split}{k}".encode(), b"1.5", b"4.0"] for k in range(count)]),
        }
    path.write_bytes(pickle.dumps(parts, 2))
    return path


def write_csd(
    path: Path, root: str, videos: Mapping[str, tuple[Any, Any]], names: Sequence[str] = ()
) -> Path:
    """As the SDK's ``write_CSD``: gzipped features and intervals, metadata as JSON texts of shape (1,)."""
    import h5py

    with h5py.File(path, "w") as file:
        group = file.create_group(root)
        data = group.create_group("data")
        for video, (features, intervals) in videos.items():
            one = data.create_group(video)
            one.create_dataset("features", data=np.asarray(features, np.float32), compression="gzip")
            one.create_dataset("intervals", data=np.asarray(intervals, np.float64), compression="gzip")
        metadata = group.create_group("metadata")
        for key, value in {"root name": root, "dimension names": list(names)}.items():
            metadata.create_dataset(key, (1,), dtype=h5py.special_dtype(vlen=str))
            metadata[key][0] = json.dumps(value)
    return path


def write_csds(folder: Path) -> Path:
    """Words at their own times, audio every quarter of a second, and two labelled segments a video."""
    folder.mkdir(parents=True, exist_ok=True)
    videos = [f"video{k}" for k in range(4)]
    words = np.array([[0, 0.5], [0.5, 1.5], [2, 3], [3, 4]])
    ticks = np.arange(16)[:, None] * 0.25 + [0, 0.25]
    write_csd(folder / "words.csd", "words", {v: (np.eye(4) + k, words) for k, v in enumerate(videos)})
    write_csd(folder / "audio.csd", "audio", {v: (np.arange(16.0)[:, None], ticks) for v in videos})
    segments = {v: ([[1.2, 0], [-0.6, 1]], [[0, 1.5], [2, 4]]) for v in videos}
    write_csd(folder / "labels.csd", "All Labels", segments, ["sentiment", "happy"])
    return folder


def write_merbench(folder: Path) -> Path:
    """Utterance vectors, sequences and a frame a file; labels as ``np.savez_compressed`` of dicts."""
    draw = np.random.default_rng(0)
    corpora: dict[str, dict[str, dict[str, Any]]] = {"train_corpus": {}, "test1_corpus": {}}
    for k in range(8):
        name = f"sample_{k:08d}"
        corpora["train_corpus" if k < 6 else "test1_corpus"][name] = {
            "emo": ("happy", "sad")[k % 2],
            "val": -10,
        }
        for feature, values in (
            ("hubert-UTT", draw.normal(size=4)),
            ("bert-UTT", draw.normal(size=(1, 3))),
        ):
            (folder / "features" / feature).mkdir(parents=True, exist_ok=True)
            np.save(folder / "features" / feature / f"{name}.npy", values.astype(np.float32))
        frames = folder / "features" / "clip-UTT" / name
        frames.mkdir(parents=True, exist_ok=True)
        np.save(frames / "1.npy", draw.normal(size=2))
    np.savez_compressed(folder / "label-6way.npz", **corpora)  # type: ignore[arg-type]
    return folder


def write_openface(path: Path, rows: Sequence[str], header: str = OPENFACE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def openface_rows(frames: Sequence[int], failed: Sequence[int] = (), face: int = 0) -> list[str]:
    """A row a frame; of a failed one the numbers are zeros, as FeatureExtraction writes them."""
    return [
        f"{n}, {face}, {n / 30:.3f}, {0.02 if n in failed else 0.98}, {int(n not in failed)}, "
        + (", ".join(["0"] * 7) if n in failed else f"0.1, 0.2, {n}.5, 0.4, {n / 10:.2f}, {n / 5:.2f}, 1")
        for n in frames
    ]


def write_openfaces(folder: Path) -> Path:
    """A class a folder; every clip has a failed frame."""
    for k in range(6):
        write_openface(
            folder / ("glad", "calm")[k % 2] / f"clip{k}.csv", openface_rows(range(1, 9), [3 + k % 3])
        )
    return folder


def write_arff(
    path: Path, rows: Sequence[str], features: Sequence[str] = ("F0_amean", "loudness_amean")
) -> Path:
    """As openSMILE's cArffSink: name, numbers, class."""
    attributes = [f"@attribute {name} numeric" for name in features]
    header = ["@relation openSMILE_features", "", "@attribute name string", *attributes]
    header += ["@attribute emotion {glad,calm}", "", "@data", ""]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*header, *rows]) + "\n")
    return path


def write_opensmile(folder: Path) -> Path:
    """Two sets of functionals of the same recordings."""
    for name in ("egemaps", "compare"):
        rows = [f"'wav_{k}',{k}.25,{-k}.5,{('glad', 'calm')[k % 2]}" for k in range(6)]
        write_arff(folder / f"{name}.arff", rows)
    return folder


def ts_lines(count: int, seed: int, time: int = 5) -> list[str]:
    """Series of four channels, with the label last."""
    draw = np.random.default_rng(seed)
    return [
        ":".join(",".join(f"{v:.4f}" for v in channel) for channel in draw.normal(size=(4, time)))
        + f":{('walk', 'run')[k % 2]}"
        for k in range(count)
    ]


def write_ts(path: Path, lines: Sequence[str], head: Sequence[str] = ("@classLabel true walk run",)) -> Path:
    fixed = ["#a comment", "@problemName Motions", "@timeStamps false", "@missing false", "@univariate false"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*fixed, "@dimensions 4", "@equalLength true", *head, "@data", *lines]) + "\n")
    return path


def write_motions(folder: Path) -> Path:
    for part, count in (("TRAIN", 6), ("TEST", 4)):
        write_ts(folder / f"Motions_{part}.ts", ts_lines(count, count))
    return folder


def write_table(path: Path, order: Sequence[int] = range(8)) -> Path:
    """One row a frame: five frames a clip, two streams."""
    rows = ["clip,subject,split,label,time,audio_0,audio_1,face_0"]
    for k in order:
        split = "train" if k < 6 else "test"
        rows += [f"c{k},p{k // 2},{split},{'ab'[k % 2]},{t},{t}.5,{k},{k + t}.25" for t in range(5)]
    path.write_text("\n".join(rows) + "\n")
    return path


def write_npz(path: Path, **changed: Any) -> Path:
    """Eight padded clips of six frames with lengths."""
    arrays: dict[str, Any] = {
        "voice": padded(6, [4] * 8, 3, 1),
        "face": padded(6, [4] * 8, 2, 2),
        "lengths": np.full(8, 4),
        "label": np.array(["a", "b"] * 4),
        "actor": np.arange(8) // 2,
        "split": np.array(["train"] * 6 + ["test"] * 2),
        "id": np.array([f"c{k}" for k in range(8)]),
    }
    np.savez_compressed(path, **{name: a for name, a in {**arrays, **changed}.items() if a is not None})
    return path


VOTES = (
    '"","A","D","F","H","N","S","fileName","numResponses","agreement","emoVote","meanEmoResp","meanAngerResp",'
    '"meanDisgustResp","meanFearResp","meanHappyResp","meanNeutralResp","meanSadResp","medianEmoResp"'
)
CLIPS = ("1001_IEO_NEU_XX", "1001_IEO_HAP_LO", "1002_IEO_NEU_XX", "1002_IEO_HAP_LO", "1003_IEO_NEU_XX",
         "1003_IEO_HAP_LO")  # fmt: skip


def write_votes(path: Path) -> Path:
    """Three actors, two emotions; of each clip the voice, the face and both."""
    rows = [VOTES]
    for way in (1, 2, 3):
        for number, clip in enumerate(CLIPS, start=1):
            happy = 9 if "HAP" in clip else 1
            strengths = f"-1,-1,-1,{40 + way}.5,{70 + number},-1"
            counts = f"0,0,0,{happy},{10 - happy},0"
            agreed = max(happy, 10 - happy) / 10
            rows.append(f'"{way}{number:05d}",{counts},"{clip}",10,{agreed},"N",60,{strengths},60')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n")
    return path
