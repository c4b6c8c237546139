"""What differs between the spec that made a file and today's, in the config's words."""

from collections.abc import Container, Iterator, Mapping
from typing import Any

from uphill.planning.jobs import Job
from uphill.why.codes import recorded
from uphill.why.jobs import shares
from uphill.workflow.plan import Spec, code_of

CONFIG_KEYS = {
    "items": {
        "source": "datasets.{dataset}.source",
        "pools": "datasets.{dataset}.pools",
        "pool_content": "datasets.{dataset}.pools.hardness.ids",
    },
    "responses": {"model": "models.{model}", "asked": "datasets.{dataset}", "": "responses"},
    "measure": {
        "settings": "hardness.{name}",
        "dataset": "datasets.{dataset}",
        "model": "models.{model}",
        "asked": "datasets.{dataset}",
    },
    "hardness": {"cuts": "datasets.{dataset}.cuts"},
    "splits": {"cuts": "datasets.{dataset}.cuts", "draw": "splits.{name}"},
    "predictions": {"settings": "methods.{name}", "model": "models.{model}"},
    "table": {"": "statistics"},
    "correlations": {"draws": "statistics.correlation_draws", "": "statistics"},
    "report": {"config": ""},
}
"""By stage, the key of the config that a setting of a job is from; "" is for settings that have no entry."""
SAME_EVERYWHERE = ("seed", "datasets", "unsupervised", "shares")
OF_THE_STUDY = ("model.answers", "model.max_prompt_tokens")
"""What a model's identity holds that the config says once for all models."""
MISSING = "nothing"
TEMPLATE = "template"
"""A key that the form of a prompt has, and no other setting."""


def changes(job: Job, old: Spec, new: Spec, stale: Container[str] = ()) -> list[str]:
    """Everything that differs and is no other job's doing: settings, modules of code, and what the job reads.

    Args:
        job: the job.
        old: what made its file.
        new: what would make it today.
        stale: identities of other jobs that would run; that their results are read says nothing more.
    """
    found = [*_settings(job, old, new), *_code(old["code"], new["code"])]
    before, now = shares(old), shares(new)
    for name in now.keys() & before.keys():
        if before[name]["id"] != now[name]["id"]:
            found += [
                *_settings(job, before[name], now[name], name),
                *_code(before[name]["code"], now[name]["code"]),
                *_reads(before[name], now[name], stale),
            ]
    if new["stage"] == "predictions":
        found += [f"{name}: asked for now" for name in now if name not in before]
        found += [f"{name}: no longer asked for" for name in before if name not in now]
    else:
        found += _reads(old, new, stale)
    if new["stage"] == "report" and _upstream(old) != _upstream(new):
        # The report shows the whole config: what of it matters elsewhere is told there.
        return [change for change in found if change.startswith("code ")]
    return list(dict.fromkeys(found))


def older_upstream(old: Spec, new: Spec) -> set[str]:
    """Today's identities of jobs whose results the file was made from when they were others."""
    found = {identity for name, identity in _upstream(new).items() if _upstream(old).get(name) not in (None, identity)}
    before, now = shares(old), shares(new)
    return found.union(*(older_upstream(before[name], now[name]) for name in now.keys() & before.keys()))


def _upstream(spec: Spec) -> dict[str, str]:
    """By name, the identity of whatever is read; of a table, also of each share of predictions."""
    if spec["stage"] == "predictions" and "shares" in spec["settings"]:
        return {}  # its shares say it
    read = dict(spec["upstream"])
    if spec["stage"] == "table":
        read |= {
            f"{path} ({share})": identity
            for path, own in spec["settings"]["shares"].items()
            for share, identity in own.items()
        }
    return read


def _reads(old: Spec, new: Spec, stale: Container[str]) -> Iterator[str]:
    before, now = _upstream(old), _upstream(new)
    yield from (f"{name}: read now" for name in now if name not in before and now[name] not in stale)
    yield from (f"{name}: no longer read" for name in before if name not in now)


def _settings(job: Job, old: Spec, new: Spec, share: str = "") -> Iterator[str]:
    before, now = flat(old["settings"]), flat(new["settings"])
    for key in dict.fromkeys([*now, *before]):
        was, value = before.get(key, MISSING), now.get(key, MISSING)
        if was == value or key.startswith("shares."):
            continue
        named = _config_key(job, new["stage"], key, share)
        content = key.endswith("content") and MISSING not in (was, value)
        yield f"{named}: other content" if content else f"{named}: {_shown_change(was, value)}"


def _config_key(job: Job, stage: str, key: str, share: str) -> str:
    if key.split(".")[0] in SAME_EVERYWHERE:
        return key
    if key in OF_THE_STUDY:
        return key.removeprefix("model.")
    names = CONFIG_KEYS.get(stage, {})
    first, _, rest = key.partition(".")
    if first in names:
        prefix = names[first].format(name=job.name, model=job.model, dataset=job.dataset)
        return ".".join(part for part in (prefix, rest) if part).removesuffix(".content")
    prefix = names.get("", share.split("/")[0])
    return f"{prefix}.{key}" if prefix else key


def flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as one map from dotted keys to values; lists are values, and so are the forms of prompts."""
    found: dict[str, Any] = {}
    for key, inner in value.items():
        found |= flat(inner, f"{prefix}{key}.") if _is_nested(inner) else {f"{prefix}{key}": inner}
    return found


def _is_nested(value: Any) -> bool:
    return isinstance(value, Mapping) and TEMPLATE not in value


def _code(old: str, new: str) -> Iterator[str]:
    if old == new:
        return
    before, now = recorded(old), code_of[new]
    if before is None:
        yield "code edited (no run wrote down of which modules it was made)"
        return
    edited = [name for name in now.keys() & before.keys() if before[name] != now[name]]
    # An edit that adds an import is told as the edit.
    joined = [] if edited else sorted(now.keys() ^ before.keys())
    yield from (f"code {name}: edited" for name in sorted(edited))
    yield from (f"code {name}: {'imported now' if name in now else 'no longer imported'}" for name in joined)


def _shown_change(was: Any, value: Any) -> str:
    """Two values; of a prompt's forms their ids, and where these are the same the texts that differ."""
    if isinstance(was, Mapping) and isinstance(value, Mapping):
        if was[TEMPLATE] == value[TEMPLATE]:
            parts = [part for part in value if was.get(part) != value[part]]
            was, value = ({part: form.get(part) for part in parts} for form in (was, value))
        else:
            was, value = was[TEMPLATE], value[TEMPLATE]
    return f"{_shown(was)} -> {_shown(value)}"


def _shown(value: Any) -> str:
    text = str(value[TEMPLATE] if isinstance(value, Mapping) and TEMPLATE in value else value).replace("\n", "\\n")
    return text if len(text) <= 60 else f"{text[:57]}..."
