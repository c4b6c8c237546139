"""Training of the demo model: a Llama of about 3.2 million parameters, from scratch, on `uphill.demo_model.text`."""

import math
import random
from collections.abc import Iterator

import numpy as np
import torch
from pydantic import BaseModel, Field
from torch.utils.data import DataLoader, Dataset
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from uphill.demo_model.text import TextSettings, draw_domains, draw_format, draw_kind, draw_steps, examples
from uphill.demo_model.tokenizer import BOS, CONTEXT, split
from uphill.prompts.templates import SEPARATOR


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


class Batches(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """The training text in order: item i is the batch of optimiser step i, token ids and their weights in the loss.

    Both are (documents, tokens), int64 and float32. A batch is a pure function of the settings and its index, so the
    number of worker processes changes nothing.
    """

    def __init__(self, settings: TrainSettings, tokenizer: PreTrainedTokenizerFast) -> None:
        self.settings = settings
        self.vocabulary = tokenizer.get_vocab()  # with `split`, several times as fast as the tokenizer itself

    def __len__(self) -> int:
        return self.settings.steps

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        documents = [self.document(index, row) for row in range(self.settings.documents_per_step)]
        ids, weights = zip(*documents, strict=True)
        # By way of NumPy: several times as fast as `torch.tensor` of lists.
        return torch.from_numpy(np.array(ids, dtype=np.int64)), torch.from_numpy(np.array(weights, dtype=np.float32))

    def document(self, index: int, row: int) -> tuple[list[int], list[float]]:
        """Token ids and loss weights of one document: BOS, then questions as `assemble` joins them, cut to length."""
        text, progress = self.settings.text, index / self.settings.steps
        rng = random.Random(f"{self.settings.seed}/{index}/{row}")
        format_name, domains, kind = draw_format(rng, text), draw_domains(rng, text), draw_kind(rng, text, progress)
        ids, weights = [self.vocabulary[BOS]], [0.0]
        steps = draw_steps(rng, text, text.max_steps(progress))
        for example, query in examples(rng, text, steps, format_name, domains, kind):
            # Words and newlines never merge, so pieces encode like the whole. The blank line ends the answer.
            encoded = split(example + SEPARATOR)
            n_query = len(split(query))
            ids += [self.vocabulary[token] for token in encoded]
            weights += [self.settings.query_weight] * n_query + [1.0] * (len(encoded) - n_query)
            if len(ids) >= self.settings.document_tokens:
                break
        return ids[: self.settings.document_tokens], weights[: self.settings.document_tokens]


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
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    settings: TrainSettings,
    device: torch.device,
    workers: int,
) -> Iterator[torch.Tensor]:
    """Train `model` in place on `device`, yielding the loss (nats a token, on the device) after each optimiser step.

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
    loader = DataLoader(Batches(settings, tokenizer), batch_size=None, num_workers=workers, pin_memory=on_gpu)
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
