"""Load a model once, ready to score, extract, generate and adapt."""

import logging
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig
from transformers.utils import logging as transformers_logging

from uphill.engine import chat, weights
from uphill.engine.attention import Attention
from uphill.engine.checks import Checks
from uphill.engine.sizes import text_config
from uphill.engine.vetting import vet
from uphill.errors import UphillError
from uphill.identity.checkpoints import CONFIG
from uphill.prompts.forms import Answers
from uphill.running.devices import assigned_by_scheduler, lease, visible_devices
from uphill.running.hub import fetch, fetched, offline
from uphill.running.places import shipped

log = logging.getLogger(__name__)
Bos = Literal["auto", "always", "never"]
CPU_PACK = 512
"""Tokens where GPUs were asked for and there are none: a CPU attends to a pack as a whole, in time by its square."""
COMPILE_FROM = 1_000_000
"""Compiling takes some 10 s, and saves 6 to 10 s in a million tokens of a 7B model (benchmarks/RESULTS.md)."""
CONTEXT_BYTES = 0.6 * 2**30
"""What CUDA itself takes of a GPU for each process, beside what PyTorch counts. Not measured."""
# Our own bars say how far a job is; one for reading a file says nothing.
transformers_logging.disable_progress_bar()
# LLM.int8 computes in float16 whatever the model's type, and says so at every call.
logging.getLogger("bitsandbytes.autograd._functions").addFilter(lambda record: "will be cast" not in record.msg)


@dataclass
class Loaded:
    """A model with its tokenizer, on its device.

    Attributes:
        model: a causal language model in evaluation mode.
        tokenizer: its fast tokenizer.
        device: where inputs go.
        pack_tokens: how many tokens a packed sequence may hold (hardware, not identity).
        attention: how a pack is attended to.
        compiled: whether the model's blocks run compiled while a pack is scored.
        packed: whether the items at hand are scored in packs, as `attention` and `compiled` say; None until a call
            has found out; a value that is set by hand is not checked.
        compile_from: tokens that a job reads before its blocks are compiled; None for never.
        read_tokens: tokens that were packed so far.
        chat: variables of the tokenizer's chat template, which prompts are put into; None puts them as plain text.
        alone: whether the items at hand are scored one sequence at a time.
        checks: what was found out of the model's ways to score.
        answers: whether prompt and answer are tokenized as one text or apart.
        bos: whether plain texts open with BOS; auto is what the tokenizer itself does.
        max_prompt_tokens: published limit that prompts are cut to; None leaves them whole.
        batch: answers that are generated side by side (hardware, not identity).
    """

    model: Any
    tokenizer: Any
    device: torch.device
    pack_tokens: int
    attention: Attention = field(default="dense")
    compiled: bool = field(default=False)
    packed: bool | None = field(default=None)
    compile_from: int | None = field(default=None)
    read_tokens: int = field(default=0)
    chat: Mapping[str, Any] | None = field(default=None)
    alone: bool = field(default=False)
    checks: Checks = field(init=False, default_factory=Checks, repr=False)
    answers: Answers = field(default="joined")
    bos: Bos = field(default="auto")
    max_prompt_tokens: int | None = field(default=None)
    batch: int = field(default=64)

    @property
    def window(self) -> int:
        """The longest sequence, in tokens, that the model was made for."""
        config = text_config(self.model)
        # MPT calls it max_seq_len; XLNet's is -1, for none.
        found = (getattr(config, name, None) for name in ("max_position_embeddings", "max_seq_len"))
        return next((int(size) for size in found if size and size > 0), 2**31)

    @property
    def span(self) -> int:
        """How far back, in tokens, every layer sees: the sliding window of a model that has one."""
        return int(getattr(text_config(self.model), "sliding_window", None) or 2**31)


def load(entry: Mapping[str, Any], pack_tokens: int, gpus: float = 0, batch: int = 64) -> Loaded:
    """Load a model's weights (safetensors only) and tokenizer.

    Args:
        entry: a model's config entry: path or hub_id, revision, dtype, quantization, trust_remote_code, chat;
            answers, bos and max_prompt_tokens where they are not the defaults; adapters, folders of
            those that lie over the weights.
        pack_tokens: token budget of a packed sequence on this machine.
        gpus: GPUs that the job asked for, or its share of one; with 0, or on a machine without any, the model runs on
            the CPU.
        batch: answers that are generated side by side on this machine.

    Raises:
        UphillError: the folder or the hub has no such model, it has no chat template though `chat` asks for one, or
            this machine cannot run the quantization.
    """
    where, folder, quantized = _place(entry), folder_of(entry), entry["quantization"] not in (None, "none")
    vet(folder, entry)
    tensors = weights.stored(folder)
    if entry["trust_remote_code"]:
        log.warning("%s: running code that comes with the model (trust_remote_code)", where)
    common = {"revision": entry.get("revision"), "trust_remote_code": entry["trust_remote_code"]}
    described = weights.check_size(folder, tensors, entry["trust_remote_code"], packed=quantized)
    tokenizer, variables = _tokenizer(where, common), chat.chat_variables(entry.get("chat", False))
    if variables is not None:
        chat.check(tokenizer, variables, where)
    placed = _take_gpus(gpus, where) if gpus > 0 else None
    try:
        model, told = AutoModelForCausalLM.from_pretrained(
            where,
            **common,
            dtype=getattr(torch, entry["dtype"]),
            use_safetensors=True,
            quantization_config=_quantization(entry),
            device_map=placed,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # so that they are named below
        )
    except Exception as error:  # a wrong file, a library that is missing, a quantization that this machine has not
        how = f" in {entry['quantization']}" if quantized else ""
        said = weights.report.unmade() or " ".join(str(error).split())
        raise UphillError(f"{where}: cannot be loaded{how}: {said}") from error
    weights.check_loaded(where, model, told, tensors, described)
    if quantized or any(weight.is_meta for weight in model.parameters()):
        weights.check_on_disk(folder, tensors)
    weights.check_tokens(where, folder, tokenizer, model)
    if entry.get("adapters"):
        from uphill.engine.merging import with_adapters  # peft, which takes its time to import

        model = with_adapters(model, [Path(folder) for folder in entry["adapters"]])
    if getattr(text_config(model), "attn_logit_softcapping", None):
        # The default attention of some versions of transformers leaves the cap of Gemma-2 out, and says nothing.
        model.set_attn_implementation("eager")
    model.eval()
    device = model.get_input_embeddings().weight.device
    asked = {"batch": batch, **{key: entry[key] for key in ("answers", "bos", "max_prompt_tokens") if key in entry}}
    if device.type != "cuda":
        # What is said of packs is said for the GPUs that were asked for.
        budget = min(pack_tokens, CPU_PACK) if gpus > 0 else pack_tokens
        return Loaded(model, tokenizer, device, budget, chat=variables, **asked)
    plain = entry["quantization"] in (None, "none")
    compile_from = COMPILE_FROM if plain else None
    return Loaded(model, tokenizer, device, pack_tokens, "blocks", compile_from=compile_from, chat=variables, **asked)


def load_tokenizer(entry: Mapping[str, Any]) -> Loaded:
    """As `load`, of the tokenizer and the config alone: prompts can be put, and nothing computed.

    Raises:
        UphillError: the folder or the hub has no such model, or no chat template though `chat` asks for one.
    """
    where = _place(entry)
    if entry.get("path") is not None:
        vet(folder_of(entry), entry)
    common = {"revision": entry.get("revision"), "trust_remote_code": entry["trust_remote_code"]}
    tokenizer, variables = _tokenizer(where, common), chat.chat_variables(entry.get("chat", False))
    if variables is not None:
        chat.check(tokenizer, variables, where)
    try:
        config = AutoConfig.from_pretrained(where, **common)
    except Exception as error:  # a wrong file, a library that is missing
        raise UphillError(f"{where}: cannot be loaded: {' '.join(str(error).split())}") from error
    asked = {key: entry[key] for key in ("answers", "bos", "max_prompt_tokens") if key in entry}
    return Loaded(SimpleNamespace(config=config), tokenizer, torch.device("cpu"), 1, chat=variables, **asked)


def _place(entry: Mapping[str, Any]) -> str:
    """What transformers knows the model by: its folder, or its id on the hub, which no folder here may pass for."""
    if entry.get("path") is not None:
        return shipped(entry["path"])
    if Path(entry["hub_id"]).exists():
        raise UphillError(
            f"{entry['hub_id']}: something of that name is here, expected path, or a name of the hub alone"
        )
    return str(entry["hub_id"])


def folder_of(entry: Mapping[str, Any], parts: bool = False) -> Path:
    """Where a model's files lie, once they are fetched.

    Args:
        entry: its config entry.
        parts: whether the folders of an embedder's parts are among them.

    Raises:
        UphillError: there is no such folder, or it cannot be fetched.
    """
    if entry.get("path") is not None:
        folder = Path(shipped(entry["path"]))
        if not (folder / CONFIG).is_file():
            raise UphillError(f"{entry['path'] or repr('')}: no {CONFIG}, expected a model's folder")
        return folder
    found = {"kind": "model", "hub_id": entry["hub_id"], "revision": entry["revision"]}
    return fetched(**found) if offline() else fetch(**found, code=entry["trust_remote_code"], parts=parts)


def _tokenizer(where: str, common: Mapping[str, Any]) -> Any:
    try:
        return AutoTokenizer.from_pretrained(where, **common)
    except Exception as error:  # a wrong file, a library that is missing
        raise UphillError(f"{where}: cannot be loaded: {' '.join(str(error).split())}") from error


def _take_gpus(gpus: float, where: str) -> str | dict[str, int] | None:
    """Where the model goes, as transformers is told; None for the CPU, where there is no GPU.

    On a workstation, lease as many as the job asked for; of a share of one, take no more memory than that share.
    """
    found = torch.cuda.device_count()
    if not found:
        log.warning("%s: %g GPUs asked for, none found: running on the CPU", where, gpus)
        return None
    if assigned_by_scheduler():
        return "auto"
    try:
        leased = lease(visible_devices(found), gpus)
    except ValueError as error:
        raise UphillError(f"{where}: {error}; set gpu in config/hardware.yaml to what this machine has") from None
    except OSError as error:
        place = error.filename or tempfile.gettempdir()
        raise UphillError(f"{place}: {error.strerror}, expected a file that a GPU can be leased by") from None
    # CUDA starts at the first use of a device, which comes after this.
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(leased)
    if gpus >= 1:
        return "auto"
    whole = torch.cuda.get_device_properties(0).total_memory
    # Over it PyTorch runs out of memory, as on a smaller GPU, and all that halves its packs then does.
    torch.cuda.set_per_process_memory_fraction(max(gpus - CONTEXT_BYTES / whole, gpus / 2), 0)
    # By itself, transformers goes by what is free of the whole GPU, and puts on the CPU what finds no room.
    return {"": 0}


def _quantization(entry: Mapping[str, Any]) -> BitsAndBytesConfig | None:
    if entry["quantization"] == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    if entry["quantization"] == "4bit":
        return BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=getattr(torch, entry["dtype"]),
        )
    return None
