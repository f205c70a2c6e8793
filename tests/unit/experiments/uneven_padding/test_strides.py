"""Strides that pad one side only, counted by hand."""

from posinfo.experiments.uneven_padding.strides import strides


def test_a_resnet_pads_unevenly_at_224_and_evenly_at_225() -> None:
    at_224 = strides("torchvision/resnet18", 224).set_index("layer")
    assert tuple(at_224.loc["conv1", ["before", "after"]]) == (3, 2)
    assert tuple(at_224.loc["maxpool", ["before", "after"]]) == (1, 0)
    assert tuple(at_224.loc["layer2.0.downsample.0", ["before", "after"]]) == (0, -1)  # never read
    assert (at_224["before"] != at_224["after"]).all()
    at_225 = strides("torchvision/resnet18", 225)
    assert (at_225["before"] == at_225["after"]).all()


def test_the_half_width_resnet_pads_evenly_at_229_alone() -> None:
    found = {side: strides("resnet50-thin", side) for side in (224, 225, 229)}
    uneven = {side: (rows["before"] != rows["after"]).sum() for side, rows in found.items()}
    assert uneven == {224: 8, 225: 6, 229: 0}  # its own padding before the pool counts to the pool


def test_vgg_has_no_padded_stride() -> None:
    assert (strides("vgg16", 224)[["before", "after"]] == 0).all(axis=None)
