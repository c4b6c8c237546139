"""The setting by which a method's training items are put in several forms."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationInfo

from uphill.schemas.spelling import distinct


def _no_reasoning(templates: list[str], info: ValidationInfo) -> list[str]:
    if templates and info.data.get("cot"):
        raise ValueError(f"is {templates!r}, expected none with cot: what is written has the dataset's own form")
    distinct(templates)
    return templates


TrainPrompts = Annotated[list[str], AfterValidator(_no_reasoning)]
TRAIN_PROMPTS: Any = Field(
    [],
    description="Template ids: each training item is put in one of them, by a draw keyed by dataset and item. Test "
    "items are put in their dataset's own.",
)
