"""What differs between the spec that made a file and today's, in the config's words."""

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from uphill.running.places import root_around
from uphill.why.codes import recorded
from uphill.workflow.jobs import Job, Spec, code_of, identities

SAME_EVERYWHERE = ("seed", "datasets", "unsupervised")
MISSING = "nothing"
TEMPLATE = "template"
"""A key that the form of a prompt has, and no other setting."""


def changes(job: Job, old: Spec, stale: Collection[str] = ()) -> list[str]:
    """Everything that differs and is no other job's doing: settings, modules of code, and what the job reads.

    Args:
        job: the job.
        old: what made its file.
        stale: identities of other jobs that would run; that their results are read says nothing more.
    """
    if not job.parts:
        found = list(_own_changes(job, old, stale))
        if job.stage == "report" and old["upstream"] != job.spec["upstream"]:
            # The report shows the whole config: what of it matters elsewhere is told there.
            return [change for change in found if change.startswith("code ")]
        return found
    before, now = old["settings"].get("slices", {}), {part.part: part for part in job.parts}
    found = [
        change
        for name, part in now.items()
        if name in before and before[name]["id"] != part.id
        for change in _own_changes(part, before[name], stale)
    ]
    found += [f"{name}: asked for now" for name in now if name not in before]
    found += [f"{name}: no longer asked for" for name in before if name not in now]
    return list(dict.fromkeys(found))


def older_upstream(job: Job, old: Spec) -> set[str]:
    """Today's identities of jobs whose results the file was made from when they were others."""
    before = old["settings"].get("slices", {})
    if job.parts:
        return set().union(*(older_upstream(part, before[part.part]) for part in job.parts if part.part in before))
    was = dict(identities(old["upstream"]))
    return {identity for name, identity in identities(job.spec["upstream"]) if was.get(name) not in (None, identity)}


def _own_changes(job: Job, old: Spec, stale: Collection[str]) -> Iterator[str]:
    yield from _settings(job, old["settings"])
    yield from _code(old["code"], job.spec["code"])
    before, now = dict(identities(old["upstream"])), dict(identities(job.spec["upstream"]))
    root = root_around(job.files[0])
    yield from (f"{root}/{name}: read now" for name in now if name not in before and now[name] not in stale)
    yield from (f"{root}/{name}: no longer read" for name in before if name not in now)


def _settings(job: Job, old: Mapping[str, Any]) -> Iterator[str]:
    before, now = flat(old), flat(json.loads(json.dumps(job.settings)))  # lists are lists, as in files
    for key in dict.fromkeys([*now, *before]):
        was, value = before.get(key, MISSING), now.get(key, MISSING)
        if was != value:
            content = key.endswith("content") and MISSING not in (was, value)
            yield f"{_config_key(job, key)}: {'other content' if content else _shown_change(was, value)}"


def _config_key(job: Job, key: str) -> str:
    if key in job.from_config:
        return job.from_config[key]
    first, _, rest = key.partition(".")
    if first in SAME_EVERYWHERE and first not in job.from_config:
        return key
    named, general = job.from_config.get(first), job.from_config.get("", "")
    parts = (general, key) if named is None else (named, rest)
    return ".".join(part for part in parts if part).removesuffix(".content")


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
