"""Snakemake's plugin of the name `uphill`: `snakemake --logger uphill` tells how far each stage is, in a line.

Snakemake imports it at each start, asked for or not, so it imports nothing of the library by itself. A dry run is told
as Snakemake tells it, and a run's whole log is in .snakemake/log as without it.
"""

import sys
from logging import Handler, LogRecord
from typing import TYPE_CHECKING

from snakemake_interface_logger_plugins.base import LogHandlerBase

if TYPE_CHECKING:
    from uphill.running.telling import Telling


class LogHandler(LogHandlerBase):
    """What a user sees of a run."""

    telling: "Telling | None" = None
    plain: Handler | None = None

    def __post_init__(self) -> None:
        stream = sys.stdout if self.common_settings.stdout else sys.stderr
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
        if self.plain is not None:
            self.plain.handle(record)
        elif self.telling is not None:
            try:
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
