"""Training of a demo model: a small Llama, from scratch, on `uphill.demo_model.text`."""

import math
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, Field
from torch.utils.data import DataLoader, Dataset
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from uphill.demo_model.text import TextSettings, document
from uphill.demo_model.tokenizer import BOS, CONTEXT, split
from uphill.prompts.templates import SEPARATOR

Batch = tuple[torch.Tensor, torch.Tensor]


class TrainSettings(BaseModel, extra="forbid", frozen=True):
    """What decides the model, but for rounding and the order of sums on the device."""

    seed: int = Field(default=0, ge=0)
    steps: int = Field(default=21000, ge=1)
    documents_per_step: int = Field(default=32, ge=1)
    document_tokens: int = Field(default=768, ge=2, le=CONTEXT)
    learning_rate: float = Field(default=1e-3, gt=0)
    warmup: float = Field(default=0.03, ge=0, lt=1, description="share of the steps in which the learning rate grows")
    weight_decay: float = Field(default=0.1, ge=0)
    max_gradient_norm: float = Field(default=1.0, gt=0)
    query_weight: float = Field(
        default=0.05, ge=0, description="weight of a question's tokens in the loss; an answer's is 1"
    )
    layers: int = Field(default=4, ge=1)
    width: int = Field(default=256, ge=1)
    heads: int = Field(default=4, ge=1)
    mlp_width: int = Field(default=704, ge=1)
    text: TextSettings = TextSettings()

    def learning_rate_factor(self, step: int) -> float:
        """Linear growth, then a cosine to zero at the last step."""
        warmup_steps = max(1, round(self.warmup * self.steps))
        if step < warmup_steps:
            return (step + 1) / warmup_steps
        return 0.5 + 0.5 * math.cos(math.pi * (step - warmup_steps) / max(1, self.steps - warmup_steps))


class Batches(Dataset[Batch]):
    """The training text in order: item i is the batch of optimiser step i, token ids and their weights in the loss.

    Both are (documents, tokens), int64 and float32. A batch is a pure function of the settings and its index, so the
    number of worker processes changes nothing.
    """

    def __init__(self, settings: TrainSettings, tokenizer: PreTrainedTokenizerFast) -> None:
        self.settings = settings
        self.vocabulary = tokenizer.get_vocab()  # with `split`, several times as fast as the tokenizer itself

    def __len__(self) -> int:
        return self.settings.steps

    def __getitem__(self, index: int) -> Batch:
        return weighed(*self.written(index), self.settings.query_weight)

    def written(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Token ids of a batch, and which of them are part of an answer, both (documents, tokens)."""
        documents = [self.document(index, row) for row in range(self.settings.documents_per_step)]
        ids, answers = zip(*documents, strict=True)
        return np.array(ids, dtype=np.uint8), np.array(answers, dtype=np.bool_)

    def document(self, index: int, row: int) -> tuple[list[int], list[bool]]:
        """Token ids of one document, and whether each is an answer's: BOS, then questions as `assemble` joins them.

        Both are cut to length.
        """
        key, length = f"{self.settings.seed}/{index}/{row}", self.settings.document_tokens
        ids, answers = [self.vocabulary[BOS]], [False]
        for example, query in document(key, self.settings.text, index / self.settings.steps):
            # Words and newlines never merge, so pieces encode like the whole. The blank line ends the answer.
            encoded = split(example + SEPARATOR)
            n_query = len(split(query))
            ids += [self.vocabulary[token] for token in encoded]
            answers += [False] * n_query + [True] * (len(encoded) - n_query)
            if len(ids) >= length:
                break
        return ids[:length], answers[:length]


def weighed(ids: NDArray[np.uint8], answers: NDArray[np.bool_], query_weight: float) -> Batch:
    """A batch for training: ids, and weights of 1 for an answer's tokens, `query_weight` for others, 0 for BOS."""
    weights = np.where(answers, np.float32(1), np.float32(query_weight))
    weights[:, 0] = 0
    return torch.from_numpy(ids.astype(np.int64)), torch.from_numpy(weights)


def new_model(settings: TrainSettings, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """The untrained model; its weights follow from the seed."""
    torch.manual_seed(settings.seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=settings.width,
        intermediate_size=settings.mlp_width,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


def train(
    model: LlamaForCausalLM, batches: Dataset[Batch], settings: TrainSettings, device: torch.device, workers: int
) -> Iterator[torch.Tensor]:
    """Train `model` in place on `device`, yielding the loss (nats a token, on the device) after each optimiser step.

    `batches` is the text, item i for step i, and `workers` the number of processes that take it from there.
    Mixed precision and compilation are for GPUs only: on a CPU they cost more than they save.
    """
    on_gpu = device.type == "cuda"
    model.to(device).train()
    loss_of = torch.compile(_loss) if on_gpu else _loss
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=settings.learning_rate,
        betas=(0.9, 0.98),
        weight_decay=settings.weight_decay,
        fused=on_gpu,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, settings.learning_rate_factor)
    loader = DataLoader(batches, batch_size=None, num_workers=workers, pin_memory=on_gpu)
    for ids, weights in loader:
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=on_gpu):
            loss = loss_of(model, ids.to(device, non_blocking=True), weights.to(device, non_blocking=True))
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.max_gradient_norm)
        optimizer.step()
        schedule.step()
        yield loss.detach()


def _loss(model: LlamaForCausalLM, ids: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Weighted mean of the next-token losses, documents alike.

    What a question asks is drawn at random and cannot be foreseen: at full weight most of the gradient would be noise.
    """
    logits = model(input_ids=ids, use_cache=False).logits[:, :-1].flatten(0, 1).float()
    losses = torch.nn.functional.cross_entropy(logits, ids[:, 1:].flatten(), reduction="none")
    shares = weights[:, 1:] / weights[:, 1:].sum(1, keepdim=True)
    return (losses * shares.flatten()).sum() / len(ids)
