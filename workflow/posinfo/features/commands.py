"""Extract feature maps."""

from pathlib import Path

from posinfo.store.devices import DeviceSetting


def features(
    encoder: str,
    *,
    entry: str,
    weights: Path | None = None,
    images: Path,
    alignment: str,
    device: DeviceSetting = "auto",
    threads: int = 1,
    output: Path,
) -> None:
    """Extract every stage of an encoder for a set of images, or take the maps that its entry names.

    Args:
        encoder: its name in the registry
        weights: safetensors file (or folder of saved steps) of the encoder, if it has weights
        images: uint8 .npy file
        alignment: JSON of the config's alignment section
        output: directory for {stage}.npy and features.json
    """
    from posinfo.encoders.reading.cell_order import warn_of_order
    from posinfo.encoders.steps import weights_file
    from posinfo.features.elsewhere import maps_from
    from posinfo.features.extraction import Preprocessing, extract, open_encoder, write_features
    from posinfo.images.decoded import read_origins
    from posinfo.protocol.alignment import Alignment
    from posinfo.registry.catalogue import fingerprint
    from posinfo.registry.entries import Encoder
    from posinfo.store.devices import choose_device
    from posinfo.store.errors import InputError
    from posinfo.store.files import sha256_of

    described = Encoder.model_validate_json(entry)
    if described.fit and described.variant_of:
        raise InputError(
            f"{encoder} has no features of its own: its readouts {described.fit.how} the maps of "
            f"{described.variant_of}; ask for the features of {described.variant_of}"
        )
    file = weights_file(weights, described.step) if weights else None
    metadata = {
        "encoder": encoder,
        "entry": fingerprint(described),
        "weights_sha256": sha256_of(file) if file else None,
    }
    common = Alignment.model_validate_json(alignment)
    if described.features:
        origins = read_origins(images.with_suffix(".csv"))
        metadata |= {"device": "elsewhere", "preprocessing": None}
        maps = maps_from(described, images, origins)
        write_features(maps, len(origins), images, output, metadata, common, threads=threads)
        return
    model = open_encoder(described, weights)
    if described.architecture.startswith("timm/"):  # some of its networks keep tokens in the order of windows
        warn_of_order(model, encoder)
    extract(
        model=model,
        preprocessing=Preprocessing.of(described.input),
        images=images,
        output=output,
        metadata=metadata,
        alignment=common,
        device=choose_device(device, threads),
    )


OF_RULES = (features,)
