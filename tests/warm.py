"""A Python that has imported the libraries already: scripts run as forks of it, without the seconds that those take.

Three parts of one file, each run as a script but the first:

* `Warm`, for tests: starts the process that forks, and names the command to put in Python's place.
* `warm.py serve SOCKET`: the process that forks. It has loaded nothing of the library, which each script finds in its
  own folder.
* `warm.py SCRIPT`: that command. It hands its files, folder and environment over, and ends as the fork ends. Where the
  process that forks has read something else of the environment, or a folder changes how Python starts, it becomes a
  new Python.

What stands at the top imports little, no pathlib either, since it is run for every script.
"""

import json
import os
import signal
import socket
import sys

TYPE_CHECKING = False  # as typing calls it, without the time to import that
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

SOCKET, KNOWN = "UPHILL_TESTS_WARM", "UPHILL_TESTS_WARM_KNOWN"
READ_AT_IMPORT = ("HF_", "HUGGINGFACE_", "TRANSFORMERS_", "TORCH", "CUDA_", "MPL", "BNB_", "PYTHON")
"""Beginnings of the names of variables that libraries, or Python, read once."""
LIBRARIES = (
    *("numpy", "pandas", "pyarrow.parquet", "scipy.stats", "scipy.optimize", "pydantic", "yaml", "matplotlib.pyplot"),
    *("snakemake.logging", "snakemake.iocontainers", "torch", "transformers", "transformers.core_model_loading"),
    *("transformers.models.llama.modeling_llama", "peft", "snakemake.io", "pydantic.main", "pydantic.types"),
    *("pydantic.functional_validators", "pydantic.json_schema", "pyarrow.pandas_compat", "pandas.io.formats.csvs"),
    *("matplotlib.backends.backend_agg", "matplotlib.backends.backend_pdf", "fontTools.subset", "jinja2"),
)


def _known(environment: dict[str, str]) -> dict[str, str]:
    """What libraries have read; where the library itself lies is told to each fork."""
    known = {name: value for name, value in environment.items() if name.startswith(READ_AT_IMPORT)}
    return {name: value for name, value in known.items() if name != "PYTHONPATH"}


class Warm:
    """The process that forks, from the first script on to the end of the tests.

    Args:
        environment: of that process; a script whose own differs in what libraries read is run by a new Python.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.process = None

    def command(self) -> dict[str, str]:
        """Variables by which `python warm.py SCRIPT` finds the process."""
        import subprocess
        import tempfile

        if self.process is None:
            self.folder = tempfile.TemporaryDirectory(prefix="uphill-warm-")
            self.process = subprocess.Popen(
                [sys.executable, __file__, "serve", f"{self.folder.name}/socket"],
                env=self.environment,
                text=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            assert self.process.stdout.readline() == "ready\n"
        return {SOCKET: f"{self.folder.name}/socket", KNOWN: json.dumps(_known(self.environment))}

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait()
            self.process.stdout.close()
            self.folder.cleanup()


def _serve(path: str) -> None:
    import gc
    import importlib
    import select

    for name in LIBRARIES:
        importlib.import_module(name)
    assert "uphill" not in sys.modules
    gc.freeze()  # memory that forks share as long as nobody looks through it
    asking = socket.socket(socket.AF_UNIX)
    asking.bind(path)
    asking.listen(64)
    print("ready", flush=True)
    while asking in select.select([asking, sys.stdin], [], [])[0]:
        one, _ = asking.accept()
        if os.fork() == 0:
            asking.close()
            _keep(one)
        one.close()
        _bury()


def _bury() -> None:
    """Wait for keepers that have ended: what all of them took is then known to who waits for this process."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _keep(one: socket.socket) -> None:
    """Fork, and say how that ended; the fork itself goes on as the script."""
    import select

    head, files, _, _ = socket.recv_fds(one, 1 << 20, 3)
    size, _, order = head.partition(b"\n")
    while len(order) < int(size):
        order += one.recv(1 << 20)
    child = os.fork()
    if child:
        # Whoever asked has gone, as by a kill: the script goes with it.
        if one in select.select([os.pidfd_open(child), one], [], [])[0]:
            os.kill(child, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        one.sendall(str(status).encode())
        os._exit(0)
    one.close()
    _become(**json.loads(order), files=files)


def _become(script: str, folder: str, environment: dict[str, str], files: list[int]) -> None:
    """Run a script with what a new Python is started with."""
    import tempfile
    import types

    import torch

    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for given, place in zip(files, (0, 1, 2), strict=True):
        os.dup2(given, place)
        os.close(given)
    tempfile.tempdir = None
    torch.set_num_threads(int(environment.get("OMP_NUM_THREADS", torch.get_num_threads())))
    sys.argv = [script]
    sys.path[0] = os.path.dirname(script)  # noqa: PTH120 - see above
    sys.path[1:1] = [place for place in environment.get("PYTHONPATH", "").split(os.pathsep) if place]
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    main.__file__ = script
    with open(script) as stream:  # noqa: PTH123
        code = compile(stream.read(), script, "exec")
    run_to_the_end(lambda: exec(code, main.__dict__))


def run_to_the_end(main: "Callable[[], object]") -> "NoReturn":
    """Do what a new Python does, and end as it ends; but leave its modules, whose taking apart is seconds of work."""
    import atexit
    import threading
    import traceback

    try:
        main()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if end.code is not None and not isinstance(end.code, int):
            print(end.code, file=sys.stderr)
    except BaseException as error:
        status = -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
        try:
            sys.excepthook(type(error), error, error.__traceback__)
        except Exception:
            traceback.print_exc()
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    if status < 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(status & 255)


def _ask(script: str) -> None:
    environment = {**os.environ}
    path, known = environment.pop(SOCKET), json.loads(environment.pop(KNOWN))
    starts = [f"{place}/sitecustomize.py" for place in environment.get("PYTHONPATH", "").split(os.pathsep)]
    if _known(environment) != known or any(map(os.path.exists, starts)):
        os.execve(sys.executable, [sys.executable, script], environment)
    folder = os.getcwd()  # noqa: PTH109
    order = json.dumps({"script": script, "folder": folder, "environment": environment}).encode()
    one = socket.socket(socket.AF_UNIX)
    one.connect(path)
    socket.send_fds(one, [f"{len(order)}\n".encode()], [0, 1, 2])
    one.sendall(order)
    said = one.recv(64)
    status = int(said) if said else 1
    sys.exit(status if status >= 0 else 128 - status)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        _serve(sys.argv[2])
    else:
        _ask(sys.argv[1])
