"""Root causes first, each with the jobs that it reaches itself, then how many follow."""

from collections.abc import Sequence

from rich.console import Console

from uphill.why.explaining import Stale

SHOWN = 8


def show(stale: Sequence[Stale], console: Console, full: bool = False) -> None:
    """Print why each job would run.

    Args:
        stale: the jobs.
        console: where to.
        full: name every job, those downstream too.
    """
    if not stale:
        console.print("Nothing would run: everything is up to date.")
        return
    shown = len(stale) if full else SHOWN
    console.print(f"{_count(len(stale), 'job')} would run.")
    for cause, titles in by_cause(stale).items():
        console.print(f"\n{cause}", style="bold", markup=False, highlight=False)
        _list(titles, shown, "  ", console)
        following = downstream(stale, titles)
        if following:
            these = "it" if len(titles) == 1 else "these"
            console.print(f"  and {_count(len(following), 'job')} downstream of {these}{':' if full else ''}")
            _list(following if full else [], shown, "    ", console)


def _list(titles: Sequence[str], shown: int, indent: str, console: Console) -> None:
    more = [f"... and {len(titles) - shown} more"] if len(titles) > shown else []
    for title in [*titles[:shown], *more]:
        console.print(f"{indent}{title}", markup=False, highlight=False)


def by_cause(stale: Sequence[Stale]) -> dict[str, list[str]]:
    """Jobs that each root cause reaches itself."""
    found: dict[str, list[str]] = {}
    for job in stale:
        for cause in job.causes:
            found.setdefault(cause, []).append(job.title)
    return found


def downstream(stale: Sequence[Stale], titles: Sequence[str]) -> list[str]:
    """Stale jobs that read from some jobs, through any number of steps. Jobs come after those that they read from."""
    reached = set(titles)
    for job in stale:
        if job.follows & reached:
            reached.add(job.title)
    return [job.title for job in stale if job.title in reached and job.title not in titles]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
