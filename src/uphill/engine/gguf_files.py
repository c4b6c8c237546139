"""A model in a GGUF file, read by transformers and held against the file: its config, its tensors, its tokenizer.

The one format beside safetensors that weights come in here, since many small models are published in no other. It is
converted once, and then loaded as any local folder. What transformers would read in another way than the file means,
or would leave out without a word, is refused: other architectures than those below, keys and tensors that it does not
read, splits of text that it does not know.

Format: the GGUF specification of ggml. Rows of a Llama's query and key projections are stored in another order, which
transformers undoes.
"""

import json
import logging
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from gguf import GGUFReader, dequantize
from tokenizers import Regex, normalizers, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer

from uphill.engine.weights import report
from uphill.errors import UphillError
from uphill.schemas.files import written_whole

log = logging.getLogger(__name__)
# That it takes the packed weights apart at once is what is wanted here.
logging.getLogger("transformers.quantizers").setLevel(logging.ERROR)
ARCHITECTURES = ("llama", "qwen2")
"""Whose conversion the tests hold against a model that was written to such a file."""
SIZES = {
    "block_count": "num_hidden_layers",
    "context_length": "max_position_embeddings",
    "embedding_length": "hidden_size",
    "feed_forward_length": "intermediate_size",
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
    "attention.layer_norm_rms_epsilon": "rms_norm_eps",
    "vocab_size": "vocab_size",
}
"""Keys of an architecture, and what its config calls them."""
HEADS = ("rope.dimension_count", "attention.key_length", "attention.value_length")
"""Sizes of one head, which here are what the width and the number of heads give."""
THETA = "rope.freq_base"
SPECIAL = {
    "bos_token": "bos_token_id",
    "eos_token": "eos_token_id",
    "unk_token": "unknown_token_id",
    "pad_token": "padding_token_id",
}
"""What a tokenizer calls the tokens that the file names, which some versions of transformers read as others."""
FILE = "model.gguf"
CONTROL, USER_DEFINED = 3, 4
"""Types of tokens that no text is split within."""
_QWEN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def convert(path: Path, folder: Path, dtype: str) -> None:
    """Write a GGUF file's model as a folder of config.json, model.safetensors, tokenizer.json, tokenizer_config.json.

    Args:
        path: the file.
        folder: an empty folder.
        dtype: number format of the weights that are written: float32, bfloat16 or float16.

    Raises:
        UphillError: the file is no whole GGUF file, or holds something that would be read as something else.
    """
    reader = read(path)
    told = {key: field.contents() for key, field in reader.fields.items()}
    for misfit in _misfits(told):
        raise UphillError(f"{path}: {misfit}")
    with _read_already(reader):
        model, found, tokenizer = _opened(path, dtype)
    _split(tokenizer, told)
    misfits = (*_keys(found), *_config(model.config, told), *_tensors(model, reader), *_vocabulary(tokenizer, told))
    for misfit in misfits:
        raise UphillError(f"{path}: {misfit}")
    _plain(model).save_pretrained(folder, max_shard_size="1000GB")
    tokenizer.save_pretrained(folder, save_jinja_files=False)
    log.info("%s: %d tensors, %d tokens", path, len(reader.tensors), len(tokenizer))


@contextmanager
def _read_already(reader: GGUFReader) -> Iterator[None]:
    """Have transformers take this reader, instead of reading the header anew for config, weights and tokenizer.

    Each of the three reads asks the library for a reader of the same file, in this thread.
    """
    gguf.GGUFReader = lambda _: reader
    try:
        yield
    finally:
        gguf.GGUFReader = GGUFReader


def _opened(path: Path, dtype: str) -> tuple[Any, Mapping[str, Any], Any]:
    """The model, what transformers says of its loading, and the tokenizer, of the file alone.

    It is opened in a folder of its own: transformers would read configs, templates and adapters that lie beside it.
    """
    with tempfile.TemporaryDirectory() as alone:
        (Path(alone) / FILE).symlink_to(path.resolve())
        try:
            model, found = AutoModelForCausalLM.from_pretrained(
                alone,
                gguf_file=FILE,
                dtype=getattr(torch, dtype),
                output_loading_info=True,
                ignore_mismatched_sizes=True,
            )
            return model, found, AutoTokenizer.from_pretrained(alone, gguf_file=FILE)
        except Exception as error:  # whatever a reader of a damaged file raises
            said = report.unmade() or " ".join(str(error).replace(alone, str(path.parent)).split())
            raise UphillError(f"{path}: cannot be read as a model: {said}") from error


def convert_to(files: Sequence[Path], path: Path, dtype: str, scratch: Path) -> None:
    """As `convert`, to some files, each of which is written whole.

    Args:
        files: what is to be made, by the names that `convert` gives.
        path: the GGUF file.
        dtype: number format of the weights.
        scratch: a folder beside them, which is emptied before and removed after.

    Raises:
        UphillError: see `convert`; or the files cannot be written.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    convert(path, scratch, dtype)
    for file in files:
        with written_whole(file) as temporary:
            (scratch / file.name).replace(temporary)
    shutil.rmtree(scratch)


def _plain(model: Any) -> Any:
    """The model without a word of the file that it is from, which would have it taken for a quantized one."""
    stated = {
        key: value for key, value in model.config.to_dict().items() if key not in ("quantization_config", "dtype")
    }
    config = type(model.config)(**{key: value for key, value in stated.items() if not key.startswith("_")})
    plain = AutoModelForCausalLM.from_config(config, dtype=model.dtype)
    plain.load_state_dict(model.state_dict())
    return plain


def read(path: Path) -> GGUFReader:
    """The file, mapped into memory.

    Raises:
        UphillError: it is no whole GGUF file.
    """
    try:
        reader = GGUFReader(path)
    except Exception as error:  # the reader raises whatever its arrays do
        raise UphillError(f"{path}: no whole GGUF file ({' '.join(str(error).split())})") from None
    twice = [name for name, times in Counter(tensor.name for tensor in reader.tensors).items() if times > 1]
    if twice:
        raise UphillError(f"{path}: {twice[0]} is there twice, expected each tensor once")
    return reader


def _misfits(told: Mapping[str, Any]) -> Iterator[str]:
    """What of the metadata is not read here."""
    kind = told.get("general.architecture")
    if kind not in ARCHITECTURES:
        yield f"general.architecture is {kind!r}, expected one of {', '.join(ARCHITECTURES)}; others as safetensors"
        return
    known = {f"{kind}.{key}" for key in (*SIZES, *HEADS, THETA)}
    for key in told:
        if key.startswith(f"{kind}.") and key not in known:
            yield f"{key} is {told[key]!r:.60}, which is not read, expected none; use the model's safetensors"
    if told.get("tokenizer.ggml.model") != "gpt2" or told.get("tokenizer.ggml.pre") not in _SPLITS:
        yield (
            f"its tokenizer is {told.get('tokenizer.ggml.model')!r} with tokenizer.ggml.pre "
            f"{told.get('tokenizer.ggml.pre')!r}, expected 'gpt2' with one of {', '.join(_SPLITS)}"
        )


def _keys(found: Mapping[str, Any]) -> Iterator[str]:
    for kind, word in (("missing_keys", "missing"), ("unexpected_keys", "not of this model")):
        if found[kind]:
            yield f"{sorted(found[kind])[0]} is {word}"
    for name, there, described in sorted(found["mismatched_keys"]):
        yield f"{name} is of shape {tuple(there)}, expected {tuple(described)}"


def _config(config: Any, told: Mapping[str, Any]) -> Iterator[str]:
    """Where the config that was read says something else than the file."""
    kind = told["general.architecture"]
    stated = {key: told[f"{kind}.{key}"] for key in (*SIZES, *HEADS, THETA) if f"{kind}.{key}" in told}
    head = config.hidden_size // config.num_attention_heads
    read = {key: getattr(config, name) for key, name in SIZES.items()}
    read |= dict.fromkeys(HEADS, head) | {THETA: config.rope_parameters["rope_theta"]}
    for key, value in stated.items():
        if read[key] != value:
            yield f"{kind}.{key} is {value!r}, but is read as {read[key]!r}"
    own = getattr(config, "head_dim", None) or head
    if own != head or config.rope_parameters["rope_type"] != "default":
        yield f"its heads or positions are read as {own} and {config.rope_parameters}"
    if config.vocab_size != len(told["tokenizer.ggml.tokens"]):
        yield f"{len(told['tokenizer.ggml.tokens'])} tokens, but embeddings of {config.vocab_size}"


def _tensors(model: Any, reader: GGUFReader) -> Iterator[str]:
    """Where the weights that were read are not the tensors of the file, whatever the order of their rows.

    A tensor that transformers does not know is left out without a word: so both sides are listed.
    """
    weights = {id(weight): (name, weight) for name, weight in model.named_parameters()}  # a tied one once
    there: dict[tuple[int, ...], list[str]] = {}
    for name, weight in weights.values():
        if not torch.isfinite(weight).all():
            yield f"{name} is not finite"
        there.setdefault(_fingerprint(weight.detach()), []).append(name)
    for tensor in reader.tensors:
        values = torch.from_numpy(np.array(dequantize(tensor.data, tensor.tensor_type))).to(model.dtype)
        names = there.get(_fingerprint(values), [])
        if not names:
            yield f"{tensor.name} is not read into the model"
            return
        names.pop()
    left = [name for names in there.values() for name in names]
    if left:
        yield f"{left[0]} of the model is of no tensor of the file"


def _fingerprint(values: torch.Tensor) -> tuple[int, ...]:
    """What no order of a tensor's numbers changes: their count, and sums of powers of their bits, modulo 2**64."""
    bits = values.flatten().view(torch.int32 if values.dtype == torch.float32 else torch.int16).long()
    return bits.numel(), int(bits.sum()), int((bits * bits).sum()), int((bits * bits * bits).sum())


def _split(tokenizer: Any, told: Mapping[str, Any]) -> None:
    """Have texts split before merges as the published tokenizer does: the file holds only that split's name."""
    normalizer, pieces = _SPLITS[told["tokenizer.ggml.pre"]]
    tokenizer.backend_tokenizer.normalizer = normalizer
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(pieces)
    for name, key in SPECIAL.items():
        number = told.get(f"tokenizer.ggml.{key}")
        setattr(tokenizer, name, None if number is None else told["tokenizer.ggml.tokens"][number])


_SPLITS: Mapping[str, tuple[Any, list[Any]]] = {
    "smollm": (
        None,
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)],
    ),
    "gpt-2": (None, [pre_tokenizers.ByteLevel(add_prefix_space=False)]),
    "qwen2": (
        normalizers.NFC(),
        [
            pre_tokenizers.Split(Regex(_QWEN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ],
    ),
}
"""By llama.cpp's names: what a text becomes, and how it is split."""


def _vocabulary(tokenizer: Any, told: Mapping[str, Any]) -> Iterator[str]:
    """Where the tokenizer that was read gives other tokens than the file."""
    tokens, known = told["tokenizer.ggml.tokens"], tokenizer.get_vocab()
    wrong = next((number for number, token in enumerate(tokens) if known.get(token) != number), None)
    if wrong is not None or len(known) != len(tokens):
        yield f"token {len(tokens) if wrong is None else wrong} of {len(tokens)} is read as another"
    merges = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]
    if [" ".join(pair) for pair in merges] != list(told["tokenizer.ggml.merges"]):
        yield "its merges are read as others"
    for number, kind in enumerate(told.get("tokenizer.ggml.token_type", [])):
        if kind in (CONTROL, USER_DEFINED) and tokenizer.encode(tokens[number], add_special_tokens=False) != [number]:
            yield f"token {number}, {tokens[number]!r}, is not kept whole"
    if told.get("tokenizer.ggml.add_eos_token"):
        yield "tokenizer.ggml.add_eos_token is True, expected False: no prompt ends there"
    added = tokenizer.encode("a")
    for name in ("bos_token_id", "eos_token_id"):
        stated = told.get(f"tokenizer.ggml.{name}")
        if getattr(tokenizer, name) != stated:
            yield f"tokenizer.ggml.{name} is {stated!r}, but is read as {getattr(tokenizer, name)!r}"
    opens = bool(told.get("tokenizer.ggml.add_bos_token", False))
    if opens != (added[0] == told.get("tokenizer.ggml.bos_token_id")):
        yield f"tokenizer.ggml.add_bos_token is {opens}, but 'a' becomes tokens {added}"
