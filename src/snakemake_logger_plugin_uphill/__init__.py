"""Snakemake's plugin of the name `uphill`: `snakemake --logger uphill` tells how far each stage is, in a line.

Snakemake imports it at each start, asked for or not, so it imports nothing of the library by itself. A dry run is told
as Snakemake tells it, and a run's whole log is in .snakemake/log as without it.
"""

import re
import sys
from logging import Handler, LogRecord
from typing import TYPE_CHECKING

from snakemake_interface_logger_plugins.base import LogHandlerBase

if TYPE_CHECKING:
    from uphill.running.telling import Telling


OPENED = re.compile(r"^\w+Error: \[Errno \d+\] .*: '(.+)'$", re.MULTILINE)
"""How the traceback of a file that cannot be opened ends."""
OF_CONFIG = "WorkflowError:\nConfig file "
"""How Snakemake begins what it says of a config that it has opened, and does not name."""


def misread(record: LogRecord) -> str | None:
    """A line on a `--configfile` that Snakemake could not read, which it tells before it reads any Snakefile, as a
    traceback or without a name; None of any other record.
    """
    text = record.getMessage()
    if text.startswith(OF_CONFIG):
        said = " ".join(text.removeprefix("WorkflowError:").split()).rstrip(".")
        return f"error: {said}; `uphill check` with the config's name says where"
    opened = OPENED.search(text)
    if opened is None or ", in load_configfile\n" not in text:
        return None
    from uphill.config.yaml_files import read_map
    from uphill.errors import UphillError

    try:
        read_map(opened[1])
    except UphillError as error:
        return f"error: {error}"
    return None


class LogHandler(LogHandlerBase):
    """What a user sees of a run."""

    telling: "Telling | None" = None
    plain: Handler | None = None

    def __post_init__(self) -> None:
        self.stream = stream = sys.stdout if self.common_settings.stdout else sys.stderr
        if self.common_settings.dryrun:
            from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter

            settings = self.common_settings
            self.plain = ColorizingTextHandler(settings.nocolor, stream)
            self.plain.setFormatter(DefaultFormatter(settings.quiet, settings.show_failed_logs))
            self.plain.addFilter(
                DefaultFilter(
                    settings.quiet, settings.debug_dag, settings.verbose, settings.dryrun, settings.printshellcmds
                )
            )
        else:
            from uphill.running.telling import Telling

            self.telling = Telling(lambda line: print(line, file=stream, flush=True))

    def emit(self, record: LogRecord) -> None:
        """Tell an event, or not."""
        try:
            if line := misread(record):
                print(line, file=self.stream, flush=True)
            elif self.plain is not None:
                self.plain.handle(record)
            elif self.telling is not None:
                self.telling.hear(record)
        except Exception:
            self.handleError(record)

    @property
    def writes_to_stream(self) -> bool:
        return True

    @property
    def writes_to_file(self) -> bool:
        return False

    @property
    def has_filter(self) -> bool:
        return True

    @property
    def has_formatter(self) -> bool:
        return True

    @property
    def needs_rulegraph(self) -> bool:
        return False
