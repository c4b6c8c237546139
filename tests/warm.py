"""The library's own way to run scripts as forks, and nothing else of it: each folder has a library of its own."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

_spec = spec_from_file_location("warm_scripts", Path(__file__).parents[1] / "src/uphill/running/warm.py")
assert _spec
assert _spec.loader
_found = module_from_spec(_spec)
_spec.loader.exec_module(_found)
COLD, Warm, run_to_the_end, known = _found.COLD, _found.Warm, _found.run_to_the_end, _found._known
