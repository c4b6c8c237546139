"""Whether the weights of a model are all there, and what its config says: before they are loaded, and after."""

import json
import logging
import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from transformers import AutoConfig, AutoModelForCausalLM

from uphill.errors import UphillError
from uphill.identity.checkpoints import CONFIG, index_of, weight_files

log = logging.getLogger(__name__)
SHOWN = 3
"""Names that a message gives of many."""
PLAIN = ("F64", "F32", "F16", "BF16")
"""Number formats that a weight may be stored in and be read as the number that it is."""
SPARE = 2**20
"""Numbers that a model may have beyond those on disk, such as tables of positions that are computed."""


class Report(logging.Filter):
    """Takes transformers' table of what does not fit out of the log: one line of ours says it."""

    def __init__(self) -> None:
        super().__init__()
        self._unmade: list[str] = []
        logging.getLogger("transformers.modeling_utils").addFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is something else."""
        text = record.getMessage()
        if "LOAD REPORT" not in text:
            return True
        rows = [[cell.strip() for cell in line.split("|")] for line in text.splitlines()]
        self._unmade = [row[0] for row in rows if len(row) > 1 and "CONVERSION" in row[1]]
        return False

    def unmade(self) -> str:
        """Weights that could not be put together from what is on disk, in words; said once."""
        names, self._unmade = self._unmade, []
        return f"{_listed(names)} not to be made of what is on disk" if names else ""


report = Report()


@dataclass(frozen=True)
class Stored:
    """A tensor on disk."""

    file: str
    shape: tuple[int, ...]
    dtype: str


def stored(folder: Path) -> dict[str, Stored]:
    """Every tensor of a model's weights, by name; of each file the header alone is read.

    Raises:
        UphillError: a file is no whole safetensors file, two hold the same tensor, or the index says otherwise.
    """
    found: dict[str, Stored] = {}
    for file in weight_files(folder):
        for name, tensor in _header(folder, file):
            if name in found:
                raise UphillError(f"{folder}: {name} is held by {found[name].file} and by {file}, expected one of them")
            found[name] = tensor
    lost = [name for name, file in index_of(folder).items() if name not in found or found[name].file != file]
    if lost:
        raise UphillError(f"{folder}: {_listed(lost)} not in the files that the index names for them")
    if not found:
        raise UphillError(f"{folder}: no tensors in {', '.join(weight_files(folder))}, expected a model's weights")
    return found


def _header(folder: Path, file: str) -> Iterator[tuple[str, Stored]]:
    try:
        with safe_open(str(folder / file), framework="pt") as opened:
            for name in opened.keys():  # noqa: SIM118 - it is no mapping
                part = opened.get_slice(name)
                yield name, Stored(file, tuple(part.get_shape()), str(part.get_dtype()))
    except (SafetensorError, OSError, ValueError) as error:
        raise UphillError(f"{folder}/{file}: no whole safetensors file ({' '.join(str(error).split())})") from None


def check_size(folder: Path, tensors: Mapping[str, Stored], code: bool, packed: bool) -> dict[str, tuple[int, ...]]:
    """Compare the config with the weights before memory is taken for what it describes.

    Args:
        folder: the model's. Code of a model is taken from there too: by its id, the hub would give the newest.
        tensors: its weights.
        code: whether code that comes with it runs.
        packed: whether the weights are quantized on disk, with several in a number.

    Returns:
        The shape of each weight that the config describes.

    Raises:
        UphillError: the config describes far more than there is, or cannot be made a model of.
    """
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=code)
        _check_text_config(config.get_text_config(), folder, tensors)
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config, trust_remote_code=code)
    except UphillError:
        raise
    except Exception as error:  # whatever a config class or a model raises
        raise UphillError(f"{folder}: cannot be loaded: {' '.join(str(error).split())}") from error
    described = sum(one.numel() for one in {id(one): one for one in (*model.parameters(), *model.buffers())}.values())
    there = sum(math.prod(tensor.shape) for tensor in tensors.values())
    if not packed and described > 2 * there + SPARE:
        raise UphillError(f"{folder}: {CONFIG} describes {described:,} numbers, but the weights hold {there:,}")
    return {name: tuple(weight.shape) for name, weight in model.named_parameters()}


def _check_text_config(config: Any, folder: Path, tensors: Collection[str]) -> None:
    layers, heads, groups = (
        getattr(config, key, None) for key in ("num_hidden_layers", "num_attention_heads", "num_key_value_heads")
    )
    if isinstance(layers, int) and layers > len(tensors):
        raise UphillError(f"{folder}: {CONFIG} has {layers} layers, but the weights are {len(tensors)} tensors in all")
    if isinstance(heads, int) and isinstance(groups, int) and heads % groups:
        raise UphillError(f"{folder}: {CONFIG} has {heads} heads in {groups} groups, expected groups of one size")


def check_loaded(
    where: str,
    model: Any,
    told: Mapping[str, Any],
    tensors: Mapping[str, Stored],
    described: Mapping[str, tuple[int, ...]],
) -> None:
    """Refuse a model of which a weight is not the one on disk, or is no number.

    Args:
        where: the model's folder, or its id on the hub.
        model: as transformers loaded it.
        told: what it says of that: keys that are missing, unexpected and mismatched. Tied ones are not missing.
        tensors: what is on disk.
        described: the shape of each weight by the config.

    Raises:
        UphillError: what is wrong, and with which tensors.
    """
    unexpected = [name for name in told["unexpected_keys"] if not _unused(name, model, tensors.get(name))]
    parameters = dict(model.named_parameters())
    shapes = {name: tuple(disk) for name, disk, _ in told["mismatched_keys"]}
    # Of weights that it quantizes, transformers compares no shapes.
    shapes = {name: _shape(weight) for name, weight in parameters.items()} | shapes
    tied = model.get_expanded_tied_weights_keys(all_submodels=True).keys() - model.all_tied_weights_keys.keys()
    wrong = {
        "missing": told["missing_keys"],
        "not of this model": unexpected,
        "of another shape": [
            f"{name} {shape} for {described[name]}"
            for name, shape in shapes.items()
            if described.get(name, shape) != shape
        ],
        "not stored as plain numbers": _coded(tensors, parameters, model.base_model_prefix),
        "stored twice": _twice(tensors, model.base_model_prefix),
        "tied by the config but stored with other numbers": tied,
        "not finite": _not_finite(model),
    }
    said = [f"{_listed(sorted(names))} {kind}" for kind, names in wrong.items() if names]
    if said:
        raise UphillError(f"{where}: cannot be used with these weights: {'; '.join(said)}")


def _shape(weight: Any) -> tuple[int, ...]:
    """A weight's shape, though it may be packed."""
    state = getattr(weight, "quant_state", None)
    return tuple(weight.shape if state is None else state.shape)


def _unused(name: str, model: Any, tensor: Stored | None) -> bool:
    """Whether a tensor is one that older versions stored though it is computed: rotary frequencies and causal masks."""
    computed = {buffer.rsplit(".", 1)[-1] for buffer, _ in model.named_buffers()}
    last = name.rsplit(".", 1)[-1]
    if last in ("inv_freq", "cos_cached", "sin_cached"):
        return "inv_freq" in computed
    shape = None if tensor is None else tensor.shape
    is_mask = shape is not None and len(shape) == 4 and shape[:2] == (1, 1) and shape[2] == shape[3]
    return bool(re.search(r"attn|attention", name)) and (
        (last == "bias" and is_mask) or (last == "masked_bias" and shape in ((), (1,)))
    )


def _twice(tensors: Mapping[str, Stored], prefix: str) -> list[str]:
    """Tensors that stand on disk with and without the prefix of the model's body, which transformers takes for one."""
    bare = [re.sub(rf"^({prefix}\.)+", "", name) for name in tensors]
    return [name for name, times in Counter(bare).items() if times > 1]


def _coded(tensors: Mapping[str, Stored], parameters: Mapping[str, Any], prefix: str) -> list[str]:
    """Weights that stand on disk as integers or eight bits, which mean something else than the number read."""
    plain = {name for name, weight in parameters.items() if weight.dtype.is_floating_point}
    return [
        f"{name} ({tensor.dtype})"
        for name, tensor in tensors.items()
        if tensor.dtype not in PLAIN and (tensor.dtype.startswith("F") or name in plain or f"{prefix}.{name}" in plain)
    ]


def _not_finite(model: Any) -> list[str]:
    """Names of loaded weights that hold a NaN or an infinity."""
    return [name for name, weight in model.state_dict().items() if weight.numel() and not _is_finite(weight)]


def _is_finite(weight: torch.Tensor) -> bool:
    if weight.is_meta or not weight.dtype.is_floating_point:
        return True
    # One pass and no copy; both ends are NaN where any number is.
    return bool(torch.isfinite(torch.stack(torch.aminmax(weight.detach()))).all())


def check_on_disk(folder: Path, tensors: Mapping[str, Stored]) -> None:
    """Read all weights for what is no finite number, where what is loaded no longer tells: quantized, or off the GPU.

    Raises:
        UphillError: the tensors.
    """
    bad = []
    for file in dict.fromkeys(tensor.file for tensor in tensors.values()):
        with safe_open(str(folder / file), framework="pt") as opened:
            names = [name for name, tensor in tensors.items() if tensor.file == file and tensor.dtype in PLAIN]
            bad += [name for name in names if not _is_finite(opened.get_tensor(name))]
    if bad:
        raise UphillError(f"{folder}: cannot be used with these weights: {_listed(bad)} not finite")


def check_tokens(where: str, folder: Path, tokenizer: Any, model: Any) -> None:
    """Refuse a tokenizer that gives tokens for which the model has no embedding.

    Raises:
        UphillError: there are such tokens; the first of them, and how many embeddings there are.
    """
    rows = int(model.get_input_embeddings().weight.shape[0])
    known = {number: token for token, number in tokenizer.get_vocab().items()}
    # A template of the tokenizer may put in tokens by numbers that its vocabulary has not.
    unknown = [f"token {number}" for number in tokenizer("a").input_ids if number not in known and number >= rows]
    beyond = [known[number] for number in sorted(known) if not 0 <= number < rows]
    named = [*_in_files(beyond, folder), *unknown]
    if named:
        raise UphillError(f"{where}: {_listed(named)} in the tokenizer, but not in the model's {rows} embeddings")
    if beyond:
        log.warning("%s: transformers adds %s to its tokenizer, without an embedding", where, ", ".join(beyond))


def _in_files(tokens: list[str], folder: Path) -> list[str]:
    """Those that the tokenizer's own files name; others are defaults of its class in transformers."""
    if not tokens or not (folder / "tokenizer.json").is_file():
        return tokens
    names = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
    text = "".join((folder / name).read_text(encoding="utf-8") for name in names if (folder / name).is_file())
    return [token for token in tokens if json.dumps(token) in text or json.dumps(token, ensure_ascii=False) in text]


def _listed(names: Iterable[str]) -> str:
    """The first few of some names, how many more, and the verb that fits."""
    every = list(names)
    more = f" and {len(every) - SHOWN} more" if len(every) > SHOWN else ""
    return f"{', '.join(every[:SHOWN])}{more} {'is' if len(every) == 1 else 'are'}"
