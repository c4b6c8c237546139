"""What a study is made of: the entries of its config that are no experiment's."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from uphill.datasets.looks import Limit
from uphill.datasets.pools import Pools
from uphill.datasets.stress import Stress
from uphill.experiments.arms import Entry
from uphill.hardness.levels import Cuts
from uphill.running.hub import HUB_ID, pinned
from uphill.running.places import shipped
from uphill.schemas.spelling import Name, distinct

GGUF_MAGIC = b"GGUF"
PLACES = ("path", "gguf", "trained", "hub_id")
"""Where a model is from: one of these keys."""


class Dataset(Entry):
    """Where a dataset's questions come from, how they are asked, and which of its columns people graded."""

    source: dict[str, Any] = Field(description="`kind` names a module of uphill/datasets; the rest are its settings.")
    binary: bool = Field(
        False,
        description="Each question is shown with one of its choices, right or wrong by the toss of a coin, and asked "
        "whether it is right: true or false. Of sets with choices, multiple choice or yes and no.",
    )
    stress: Stress | None = Field(
        None,
        description="Items are changed so that training data mislead: docs/questions.md. Needs `pools.test`.",
    )
    prompt: str = Field(
        description="Template id of the prompt that asks for the answer at once: four keys, such as 0040, of an "
        "instruction, a question, a choices and a label template."
    )
    cot_prompt: str | None = Field(
        None,
        description="Template id of the prompt that asks for reasoning first, or for a written answer; a fifth key "
        "names its preface (0: A:, 1: step by step, 2 and 3: the answer alone, 4: nothing),",
    )
    zero_shot_cot_prompt: str | None = Field(
        None, description="and of the one that does so without examples or training, where it differs (GSM8K: 5305)."
    )
    human: Annotated[list[Name], AfterValidator(distinct)] = Field(
        [], description="Columns that hold a human (or true) grade of difficulty."
    )
    cuts: dict[str, Cuts] = Field({}, description="Levels by variable; one without is cut at its .3 and .7 quantiles.")
    pools: Pools = Field(
        Pools.model_construct(),
        description="Items that are set aside: to measure hardness on, to teach a teacher, to test.",
        validate_default=True,
    )

    limit: Limit | None = Field(None, description="Keep so many items, for a look, whatever the study's `limit` says.")
    cluster: str | None = Field(
        None,
        description="Column that says which items belong together, such as those of one passage or template; intervals "
        "then take clusters, not items, as drawn one by one.",
    )
    n_test: int | None = Field(None, ge=3, le=1_000_000, description="Test items of a boot, instead of splits.n_test.")
    unsupervised: str = Field("zero_shot", description="The method whose accuracy is Unsupervised in SGR.")
    grader: dict[str, Any] | None = Field(
        None,
        description="How answers are graded: `kind` names a module of uphill/grading; the rest are its settings. Texts "
        "are graded by `stated` and scores of choices by `choice`, unless the grader that is named here is for them.",
    )
    also_graded_by: dict[Name, dict[str, Any]] = Field(
        {},
        description="Further graders by name, written as `grader` is, such as published extractions: tables have their "
        "accuracy of the same outputs in `accuracy_NAME`. One reads what it can, texts or scores of choices.",
    )
    max_new_tokens: int = Field(100, ge=1, le=32_768, description="Longest generated answer, in tokens.")


class Trained(Entry):
    """A model that is trained here: another entry's weights, fitted to labels."""

    base: Name = Field(description="The model that is trained: a name from `models`, of one that is trained here too.")
    labels: Name = Field(description="What it is trained on, every item of them: a name from `labels`.")
    recipe: Name = Field(description="How: a name from `recipes`.")
    seed: int = Field(0, ge=0, le=2**32 - 1, description="Another number is another training of the same.")


class Model(Entry):
    """A language model: what decides its numbers. What it runs on is in config/hardware.yaml."""

    path: str | None = Field(None, description="A local folder, or")
    gguf: str | None = Field(
        None, description="a GGUF file, which a job of its own turns into such a folder in the number format below, or"
    )
    trained: Trained | None = Field(
        None,
        description="a training of another model, whose dtype, quantization, chat, trailing_space and bos it has "
        "unless it says its own, or",
    )
    hub_id: str | None = Field(None, description="a Hugging Face hub id, with a")
    revision: str | None = Field(None, description="pinned commit of the hub's repository, 40 hex digits.")
    dtype: Literal["float32", "bfloat16", "float16"] = Field("bfloat16", description="Number format of the weights.")
    quantization: Literal["none", "8bit", "4bit"] = Field("none", description="bitsandbytes: LLM.int8 or NF4.")
    trust_remote_code: bool = Field(False, description="Run code that comes with the model. Read it first.")
    chat: bool | dict[str, Any] = Field(
        False,
        description="Put prompts as a user's turn in the tokenizer's chat template; a map gives the template "
        "variables, such as {enable_thinking: false}.",
    )
    trailing_space: bool = Field(
        False,
        description="Published for models not named Llama: prompts keep the space that the label template ends in, "
        "such as that of `Answer: `. It moves no score where `answers` are joined, for then it is the answer's own.",
    )
    bos: Literal["auto", "always", "never"] = Field(
        "auto",
        description="Whether a text opens with BOS: auto as the tokenizer itself does it, always, or never. A chat "
        "template writes its own.",
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        places = {key: getattr(self, key) for key in PLACES if getattr(self, key) is not None}
        if len(places) != 1:
            raise ValueError(f"expected one of {', '.join(PLACES)}, found {' and '.join(places) or 'none'}")
        [place] = places
        if self.hub_id is not None:
            self._pinned(self.hub_id)
        elif self.revision is not None:
            raise ValueError(f"revision is {self.revision!r} beside {place}, expected it beside hub_id alone")
        elif self.gguf is not None:
            self._is_file(self.gguf)
        elif self.trained is not None:
            if "trust_remote_code" in self.model_fields_set:
                raise ValueError("trust_remote_code beside trained, expected it of the base alone")
        elif not self.path or not Path(shipped(f"{self.path}/config.json")).is_file():
            raise ValueError(f"no model in the folder {self.path!r}, expected a config.json and safetensors there")
        return self

    def _is_file(self, gguf: str) -> None:
        try:
            with Path(shipped(gguf)).open("rb") as file:
                found = file.read(len(GGUF_MAGIC))
        except OSError as error:
            raise ValueError(f"gguf is {gguf!r}: cannot be read ({error.strerror}), expected a GGUF file") from None
        if found != GGUF_MAGIC:
            raise ValueError(f"gguf is {gguf!r}, which begins with {found!r}, expected a GGUF file: {GGUF_MAGIC!r}")
        if self.trust_remote_code:
            raise ValueError("trust_remote_code is on beside gguf, expected it off: no code comes with such a file")

    def _pinned(self, hub_id: str) -> None:
        if not HUB_ID.fullmatch(hub_id):
            raise ValueError(f"hub_id is {hub_id!r}, expected a name such as owner/model")
        if self.revision is None:
            raise ValueError("expected a revision beside hub_id, so that results can be made again")
        try:
            pinned(self.revision)
        except ValueError as error:
            raise ValueError(f"revision {error}") from None


class Splits(Entry):
    """Who trains and who tests."""

    boots: int = Field(5, ge=1, le=1000, description="Independent draws of the training items.")
    n_train: int = Field(
        160, ge=1, le=100_000, description="Training items of a cell; a method may use the first few of them."
    )
    n_test: int | None = Field(
        None, ge=3, le=1_000_000, description="Test items of a boot, equal shares a level; null tests all."
    )
    min_test: int = Field(
        50, ge=0, le=1_000_000, description="Items that each level must keep for testing after training is drawn."
    )
    own_test: bool = Field(False, description="Published: a level tests on what other levels train on. Not paired.")
    fresh_test: bool = Field(False, description="Published: the n_test items are drawn anew for each boot.")
    fixed_noise: bool = Field(False, description="Published: noise falls on the same places in every boot.")

    folds: int | None = Field(
        None,
        ge=2,
        le=1000,
        description="The boots are so many folds of each level: boot b tests fold b, on which no level trains, so that "
        "each item is tested once. null: boots are drawn.",
    )
    train_on_test: bool = Field(
        False, description="Published: what is tested may be trained on too; tables say how much of it was (seen)."
    )

    @property
    def draws(self) -> int:
        """How many boots there are."""
        return self.folds or self.boots

    @model_validator(mode="after")
    def _one_kind_of_test(self) -> Self:
        if self.own_test and self.n_test is not None:
            raise ValueError(
                f"own_test is on and n_test {self.n_test}, expected n_test null: it tests all that is left"
            )
        if self.own_test and self.train_on_test:
            raise ValueError("own_test and train_on_test are on, expected one of them")
        if self.folds:
            for key in ("own_test", "fresh_test", "train_on_test"):
                if getattr(self, key):
                    raise ValueError(f"folds is {self.folds} and {key} on, expected one of them")
            if "boots" in self.model_fields_set and self.boots != self.folds:
                raise ValueError(f"folds is {self.folds} and boots {self.boots}, expected no boots: each fold is one")
        return self


class Statistics(Entry):
    """How intervals are made."""

    draws: int = Field(
        10_000,
        ge=100,
        le=1_000_000,
        description="Bootstrap draws of what has no variance in closed form: which train level is the best, and how "
        "many cells of a grid lose.",
    )
    correlation_draws: int = Field(1_000, ge=100, le=1_000_000, description="Bootstrap draws of a rank correlation.")
    coverage: float = Field(0.95, gt=0, lt=1, description="Coverage of intervals.")
    margin: float = Field(
        0.03, gt=0, lt=1, description="Easy data is as good as hard data where it is worse by less than this accuracy."
    )


class Responses(Entry):
    """The zero-shot pass over every item."""

    shards: int = Field(1, ge=1, le=1000, description="Parquet files a (model, dataset) pair is written to.")
    layers: Annotated[list[Annotated[int, Field(ge=0, le=1000)]], AfterValidator(distinct)] | None = Field(
        None,
        min_length=1,
        description="Hidden states of the L+1 that are kept where a method or measure reads them; null keeps "
        "ceil((L+1)/2) and L, the published two.",
    )
