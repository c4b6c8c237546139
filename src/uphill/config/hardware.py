"""What jobs run on: GPUs, memory, time and pack size. Never part of a result's identity; changing it reruns nothing."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from uphill.config.complaints import first_problem, shown
from uphill.config.yaml_files import plain, read_yaml
from uphill.errors import UphillError
from uphill.registry import strict
from uphill.schemas.spelling import Name

GROWING = ("mem_mb", "runtime")


def _whole_or_share(gpu: float) -> float:
    """A whole number of GPUs, or hundredths of one; else a ValueError."""
    if gpu.is_integer() or (gpu < 1 and math.isclose(gpu, round(100 * gpu) / 100)):
        return gpu
    raise ValueError(f"is {gpu!r}, expected a whole number of GPUs, or a share of one in hundredths, as 0.25")


class Needs(BaseModel):
    """What one job asks for. Memory and time grow with each attempt."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    gpu: Annotated[float, AfterValidator(_whole_or_share)] = Field(
        0, ge=0, le=64, description="GPUs: a whole number, or a share of one, in hundredths; on a cluster whole ones."
    )
    gpu_model: str = Field(
        "", pattern=r"^[A-Za-z0-9_.]*$", description="Their type, as the cluster names it; any, unless given."
    )
    mem_mb: int = Field(2000, ge=1, le=100_000_000, description="Memory of the first attempt, MB.")
    runtime: int = Field(30, ge=1, le=525_600, description="Minutes of the first attempt.")
    pack_tokens: int = Field(
        512, ge=1, le=10_000_000, description="Tokens of a packed sequence; halved when memory runs out."
    )
    batch: int = Field(
        64, ge=1, le=4096, description="Answers that are generated side by side; halved when memory runs out."
    )
    threads: int = Field(1, ge=1, le=1024, description="CPU threads.")

    @property
    def gpu_percent(self) -> int:
        """Hundredths of a GPU, of which Snakemake's scheduler on one machine hands out as many as it has."""
        return round(100 * self.gpu)

    def grown(self, resource: str, attempt: int) -> int | str:
        """What attempt 1, 2, ... asks for: memory and time double, the rest stays.

        Of `gpu` whole ones, which is all that a cluster hands out; `gpu_percent` has the share.
        """
        asked: int | str = math.ceil(self.gpu) if resource == "gpu" else getattr(self, resource)
        return asked * 2 ** (attempt - 1) if resource in GROWING and isinstance(asked, int) else asked


class Limits(BaseModel):
    """What no attempt asks for more of: a scheduler would refuse the job, or let it wait for ever."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mem_mb: int | None = Field(None, ge=1, le=100_000_000, description="Memory of the largest node, MB.")
    runtime: int | None = Field(None, ge=1, le=525_600, description="Longest time that a job may have, minutes.")


class ModelNeeds(Needs):
    """What one job that loads a model asks for, and the model's size, from which `make plan` reckons its time."""

    parameters: float | None = Field(None, gt=0, description="Billions of weights.")
    active_parameters: float | None = Field(
        None, gt=0, description="Billions that a token passes through, in a mixture of experts; else all."
    )


class Hardware(BaseModel):
    """Needs of jobs that load a model, by model, and of those that do not."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limits: Limits = Field(Limits.model_construct(), validate_default=True, description="The most that is asked for.")
    cpu: Needs = Field(Needs.model_construct(), validate_default=True, description="Jobs that load no model.")
    default: ModelNeeds = Field(
        ModelNeeds.model_construct(), validate_default=True, description="Models without an entry."
    )
    models: dict[Name, ModelNeeds] = Field({}, description="Jobs that load a model, by its name in the config.")
    gpu_speed: float = Field(1.0, gt=0, description="For `make plan`: speed of these GPUs, an H200 being 1.")
    states_memory: float = Field(
        4.0, ge=0, description="Memory of a job that reads hidden states: at least this times their files."
    )
    read_gb_s: float = Field(1.0, gt=0, description="For `make plan`: GB a second that weights are read at.")

    def of(self, model: str | None) -> Needs:
        """Needs of a job that loads `model`, or of one that loads none."""
        return self.cpu if model is None else self.of_model(model)

    def of_model(self, model: str) -> ModelNeeds:
        """Needs of a job that loads `model`."""
        return self.models.get(model, self.default)

    def following(self, bases: Mapping[str, str]) -> Self:
        """The same, in which a model without an entry has that of its base, or of the base of that.

        Args:
            bases: the base of each model that is trained here.
        """
        found = dict(self.models)
        for model in bases:
            at = model
            while at not in self.models and at in bases:
                at = bases[at]
            if at in self.models:
                found[model] = self.models[at]
        return self.model_copy(update={"models": found})

    def asked(self, model: str | None, resource: str, attempt: int) -> int | str:
        """What attempt 1, 2, ... of a job that loads `model`, or none, asks for: grown, but within the limits."""
        return self._limited(resource, self.of(model).grown(resource, attempt))

    def asked_to_read(self, files: Iterable[str], attempt: int) -> int | str:
        """Memory that attempt 1, 2, ... of a job that reads hidden states asks for, by the size of their files, MB.

        Files that are not made yet count as nothing: Snakemake asks again before the job runs.
        """
        size = sum(Path(path).stat().st_size for path in files if Path(path).is_file()) / 2**20
        first = max(self.cpu.mem_mb, math.ceil(self.states_memory * size))
        return self._limited("mem_mb", first * 2 ** (attempt - 1))

    def _limited(self, resource: str, asked: int | str) -> int | str:
        most = getattr(self.limits, resource, None)
        return min(asked, most) if isinstance(asked, int) and most is not None else asked


def read(path: Path | str) -> Hardware:
    """Read the hardware file.

    Raises:
        UphillError: it is missing or malformed.
    """
    found = read_yaml(path)
    told = {} if found is None else found
    if not isinstance(told, dict):
        raise UphillError(f"{path}: is {told!r:.80}, expected a map of keys")
    for complaint in plain(told):
        raise UphillError(f"{path}: {complaint}")
    try:
        return strict(Hardware, told)
    except ValidationError as error:
        said, value = first_problem(error, Hardware), error.errors(include_url=False)[0]["input"]
        raise UphillError(f"{path}: {said.replace(': unknown key', f': is {shown(value)}, unknown key', 1)}") from None
