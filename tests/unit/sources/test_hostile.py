"""Malicious input: none of its code runs, nothing is written elsewhere, and the error names it."""

import io
import pickle
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from PIL import Image
from posinfo.encoders.weights import convert
from posinfo.images.decoded import (
    DecodedImage,
    crops,
    read_image_names,
    refuse_shared_photographs,
    write_images,
)
from posinfo.images.decoding import decode
from posinfo.store.errors import InputError


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


GREY = Image.new("L", (40, 30), 90)
BOMB = encoded(Image.new("1", (20_000, 20_000)), "PNG")
POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 40\n(touched) (w) file closefile\nshowpage\n"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (BOMB, "too large to be a photograph"),
        (encoded(Image.new("RGB", (1, 1)), "PNG"), "is 1 x 1 pixels"),
        (encoded(Image.new("L", (1, 60_000)), "PNG"), "is 1 x 60000 pixels"),
        (encoded(GREY, "GIF", save_all=True, append_images=[Image.new("L", (40, 30))]), "holds 2 images"),
        (encoded(GREY, "TIFF", save_all=True, append_images=[GREY]), "holds 2 images"),
        (POSTSCRIPT, "cannot be read as an image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>", "cannot be read"),
        (b"\x93NUMPY" + bytes(200), "cannot be read"),
        (b"", "cannot be read"),
        (encoded(GREY, "JPEG")[:100], "cannot be read"),
    ],
)
def test_files_that_are_no_photographs_are_named(data: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        decode(data, "folder/photo.jpg")
    assert str(caught.value).startswith("folder/photo.jpg")


def test_the_content_decides_the_format_not_the_suffix() -> None:
    assert decode(encoded(GREY, "PNG"), "photo.jpg")[0].size == (40, 30)
    camera = encoded(GREY, "MPO", save_all=True, append_images=[GREY])  # a photograph and its preview
    assert decode(camera, "photo.jpg")[0].size == (40, 30)


class Harm:
    """Unpickling this touches a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.target,)


def test_a_pickle_is_never_executed(tmp_path: Path) -> None:
    file = io.BytesIO()
    torch.save({"_fc.weight": torch.zeros(1), "harm": Harm(tmp_path / "touched")}, file)
    old = io.BytesIO()
    torch.save(Harm(tmp_path / "touched"), old, _use_new_zipfile_serialization=False)
    for data in (file.getvalue(), old.getvalue(), pickle.dumps(Harm(tmp_path / "touched"))):
        with pytest.raises(InputError, match=r"an object of|a pickle that torch\.save did not write"):
            convert("efficientnet-lite0-pth", data, "efficientnet-lite0", tmp_path / "out.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_onnx_data_outside_the_file_is_not_read(tmp_path: Path) -> None:
    tensor = TensorProto(name="weights", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../../../../etc/passwd")
    graph = helper.make_graph([], "graph", [], [], initializer=[tensor])
    data = helper.make_model(graph).SerializeToString()
    assert onnx.load_model_from_string(data).graph.initializer[0].data_location == TensorProto.EXTERNAL
    with pytest.raises(InputError, match="'weights' is stored outside the file"):
        convert("vgg16-keras-onnx", data, "vgg16", tmp_path / "out.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_a_photograph_under_two_names_is_found(tmp_path: Path) -> None:
    data = encoded(Image.fromarray(np.arange(40 * 40, dtype=np.uint8).reshape(40, 40)), "PNG")
    write_images(crops("train/cat.png", data, 2, seed=0), 2, tmp_path / "train.npy")
    with pytest.raises(InputError, match=r"test/dog\.png is the same photograph as train/cat\.png of train"):
        list(refuse_shared_photographs(crops("test/dog.png", data, 1, seed=3), tmp_path / "train.csv"))
    other = encoded(GREY, "PNG")
    kept = refuse_shared_photographs(crops("test/dog.png", other, 1, seed=3), tmp_path / "train.csv")
    assert [image.source for image in kept] == ["test/dog.png"]


def test_image_names_are_read_as_written(tmp_path: Path) -> None:
    names = ["a,b", 'quo"ted', "new\nline", "$(touch x)", "..", "-rf", " spaced ", "007", "nan", "日本"]
    images = [DecodedImage(name, np.zeros((8, 8, 3), np.uint8)) for name in names]
    write_images(iter(images), len(names), tmp_path / "set.npy", side=8)
    assert read_image_names(tmp_path / "set.csv") == names
