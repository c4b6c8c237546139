"""One of several processes that fit all weights of a model together; what they are given lies in a folder.

`uphill.engine.ranks` writes the folder and starts them through torch's launcher, which says to each who it is.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any, cast

import torch
from transformers import AutoModelForCausalLM, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint
from transformers.utils import logging as transformers_logging

from uphill.engine.ranks import BASE, FULL, GIVEN, LOSSES, TRAINED
from uphill.engine.text_examples import Example
from uphill.engine.text_packs import NAME, collator
from uphill.engine.trainer import InOrder, Keeper, answer_loss, losses

SECONDS = 1.0
"""Between two looks at who the parent is."""


def main(folder: Path) -> None:
    """Fit, and leave the weights and the losses in the folder."""
    transformers_logging.disable_progress_bar()
    given = json.loads((folder / GIVEN).read_text())
    try:
        trainer = _trainer(folder, given)
        scratch = given["arguments"]["output_dir"]
        trainer.train(resume_from_checkpoint=get_last_checkpoint(scratch))
    except torch.OutOfMemoryError:
        (folder / FULL).touch()
        raise
    # All take part, the first writes.
    trainer.save_model(str(folder / TRAINED))
    if trainer.is_world_process_zero():
        (folder / LOSSES).write_text(json.dumps(losses(trainer)))


def _trainer(folder: Path, given: dict[str, Any]) -> InOrder:
    model = cast(Any, AutoModelForCausalLM).from_pretrained(
        folder / BASE, dtype=torch.float32, use_safetensors=True, attn_implementation=given["attention"]
    )
    if given["checkpointing"]:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    if given["packed"]:
        model.config._attn_implementation = NAME
    shared = {} if given["arguments"]["use_cpu"] else {"fsdp": True, "fsdp_config": {"version": 2}}
    texts = [Example(**text) for text in given["texts"]]
    return InOrder(
        model=model,
        args=TrainingArguments(**given["arguments"], **shared),
        train_dataset=[texts[row] for row in given["rows"]],
        data_collator=collator(model, given["packed"]),
        compute_loss_func=answer_loss,
        callbacks=[Keeper(given["kept_every"])],
    )


def die_with_parent() -> None:
    """End when the process that started this one has ended, however it did: a killed job leaves no GPU taken."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    die_with_parent()
    main(Path(sys.argv[1]))
    # All is written. Threads of torch that the interpreter finds at work at its end abort the process now and then, and
    # the whole fit with it.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
