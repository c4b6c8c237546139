"""A Python that has imported the libraries already: scripts run as forks of it, without the seconds that those take.

A study has some hundred jobs, and a script that starts anew imports for two to eight seconds. So a run on this machine
keeps one process that has done so, and forks it for each script. Parts of one file:

* `offer`, for a run: has Snakemake start scripts by the command below. The process that forks is begun with the third
  script, and whoever comes before it is ready is a new Python, so that nobody waits for it.
* `warm.py serve SOCKET`: the process that forks; its socket is in a folder of this user's alone. It has loaded nothing
  of the library, which each script finds in its own folder, and ends with the run.
* `warm.py SCRIPT`: that command. It hands its files, folder and environment over, passes signals on, and ends as the
  fork ends. Where the process that forks has read something else of the environment, or a folder changes how Python
  starts, it becomes a new Python; so it does for all where `UPHILL_COLD` is set.

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
    from typing import Any, NoReturn

COLD, SOCKET, KNOWN = "UPHILL_COLD", "UPHILL_WARM", "UPHILL_WARM_KNOWN"
READ_AT_IMPORT = ("HF_", "HUGGINGFACE_", "TRANSFORMERS_", "TORCH", "CUDA_", "MPL", "BNB_", "PYTHON")
"""Beginnings of the names of variables that libraries, or Python, read once."""
LIBRARIES = (
    *("numpy", "pandas", "pyarrow.parquet", "scipy.stats", "scipy.optimize", "pydantic", "yaml", "matplotlib.pyplot"),
    *("snakemake.logging", "snakemake.iocontainers", "torch", "transformers", "transformers.core_model_loading"),
    *("transformers.models.llama.modeling_llama", "peft", "snakemake.io", "pydantic.main", "pydantic.types"),
    *("pydantic.functional_validators", "pydantic.json_schema", "pyarrow.pandas_compat", "pandas.io.formats.csvs"),
    *("matplotlib.backends.backend_agg", "matplotlib.backends.backend_pdf", "fontTools.subset", "jinja2"),
    *("threadpoolctl",),
)
STOPS = (signal.SIGINT, signal.SIGTERM)
ENOUGH = 3
"""Scripts of a run before the process that forks is begun: a run of one or two would pay for it and gain nothing."""


def offer() -> None:
    """Have the run that calls this start its scripts as forks, where that is possible and not turned off."""
    import contextlib
    import itertools

    from snakemake.script import PythonScript

    if sys.platform != "linux" or os.environ.get(COLD):
        return
    cold, begun, own = PythonScript.execute_script, itertools.count(1), Warm({**os.environ})

    def execute(self: "Any", fname: str, edit: bool = False) -> None:
        elsewhere = (self.container_img, self.conda_env, self.env_modules)
        # Of several at once one alone is the third.
        if SOCKET not in os.environ and next(begun) == ENOUGH:
            with contextlib.suppress(OSError):  # as of a disk that is full: then none is a fork
                os.environ.update(own.command())
        if SOCKET not in os.environ or any(given is not None for given in elsewhere):
            cold(self, fname, edit)
            return
        command = "{python:q} -I -S {warm:q} {fname:q}"
        self._execute_cmd(command, python=sys.executable, warm=__file__, fname=fname, is_python_script=True)

    PythonScript.execute_script = execute


def _known(environment: dict[str, str]) -> dict[str, str]:
    """What libraries have read; where the library itself lies is told to each fork."""
    known = {name: value for name, value in environment.items() if name.startswith(READ_AT_IMPORT)}
    return {name: value for name, value in known.items() if name != "PYTHONPATH"}


class Warm:
    """The process that forks, from the first `command` on, to the end of who asked for it.

    Args:
        environment: of that process; a script whose own differs in what libraries read is run by a new Python.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.process: Any = None
        self.folder = ""

    def command(self, wait: bool = False) -> dict[str, str]:
        """Variables by which `python warm.py SCRIPT` finds the process, which is ready only where that is awaited."""
        import subprocess
        import tempfile

        if self.process is None:
            self.folder = tempfile.mkdtemp(prefix="uphill-warm-")
            self.process = subprocess.Popen(
                # -P: no module beside this file passes for one of a library.
                [sys.executable, "-P", __file__, "serve", f"{self.folder}/socket"],
                env=self.environment,
                text=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # What libraries say as they are imported, or that one cannot be, is nothing to a run.
                stderr=None if wait else subprocess.DEVNULL,
                # Of a session of its own: what stops a run from the terminal reaches scripts through the run.
                start_new_session=True,
            )
            if wait:
                assert self.process.stdout.readline() == "ready\n"
        return {SOCKET: f"{self.folder}/socket", KNOWN: json.dumps(_known(self.environment))}

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait()
            self.process.stdout.close()


def _serve(path: str) -> None:
    import gc
    import importlib
    import select
    import shutil

    for stop in STOPS:
        signal.signal(stop, signal.SIG_IGN)
    try:
        for name in LIBRARIES:
            importlib.import_module(name)
        assert "uphill" not in sys.modules
        gc.freeze()  # memory that forks share as long as nobody looks through it
        asking = socket.socket(socket.AF_UNIX)
        # Nobody finds it before it listens.
        asking.bind(_short(f"{path}.new"))
        asking.listen(64)
        os.rename(f"{path}.new", path)  # noqa: PTH104
        print("ready", flush=True)
        while asking in select.select([asking, sys.stdin], [], [])[0]:
            one, _ = asking.accept()
            if os.fork() == 0:
                try:
                    asking.close()
                    _keep(one)
                finally:
                    os._exit(1)  # whatever happens, this is not the process that clears up
            one.close()
            _bury()
    finally:
        shutil.rmtree(os.path.dirname(path), ignore_errors=True)  # noqa: PTH120


def _short(path: str) -> str:
    """Another name of a file, of the few letters that a socket's may have, whatever temporary files are called here."""
    folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)  # noqa: PTH120
    return f"/proc/self/fd/{folder}/{os.path.basename(path)}"  # noqa: PTH119


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
        watched: list[Any] = [ended := os.pidfd_open(child), one]
        while ended not in (ready := select.select(watched, [], [])[0]):
            assert ready == [one]
            # Whoever asked has gone, as by a kill: the script goes with it. Or it has been told to stop.
            told = one.recv(1)
            os.kill(child, told[0] if told else signal.SIGKILL)
            if not told:
                break
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        try:
            one.sendall(str(status).encode())
        finally:
            os._exit(0)
    one.close()
    _become(**json.loads(order), files=files)


def _become(script: str, folder: str, environment: dict[str, str], files: list[int]) -> None:
    """Run a script with what a new Python is started with."""
    import random
    import tempfile
    from importlib.machinery import SourceFileLoader
    from importlib.util import module_from_spec, spec_from_file_location

    import threadpoolctl
    import torch

    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for given, place in zip(files, (0, 1, 2), strict=True):
        os.dup2(given, place)
        os.close(given)
    tempfile.tempdir = None
    random.seed()
    if threads := environment.get("OMP_NUM_THREADS"):
        # Read when libraries are imported, by those that were.
        torch.set_num_threads(int(threads))
        threadpoolctl.threadpool_limits(int(threads))
    sys.argv = [script]
    sys.path[:0] = [os.path.dirname(script)]  # noqa: PTH120 - see above
    sys.path[1:1] = [place for place in environment.get("PYTHONPATH", "").split(os.pathsep) if place]

    class Once(SourceFileLoader):
        def set_data(self, *_: "Any", **__: "Any") -> None:
            """Keep no bytecode of a script."""

    loader = Once("__main__", script)
    # Not runpy: what runs at exit finds the script's names, as in a new Python.
    spec = spec_from_file_location("__main__", script, loader=loader)
    assert spec
    main = sys.modules["__main__"] = module_from_spec(spec)
    run_to_the_end(lambda: loader.exec_module(main))


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
    threading._shutdown()  # type: ignore[attr-defined]
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
    try:
        one.connect(_short(path))
    except OSError:  # not ready yet, or no more
        os.execve(sys.executable, [sys.executable, script], environment)
    socket.send_fds(one, [f"{len(order)}\n".encode()], [0, 1, 2])
    one.sendall(order)

    def tell(number: int, _: object) -> None:
        try:  # noqa: SIM105 - importing contextlib takes its time
            one.send(bytes([number]))
        except OSError:  # it has ended already
            pass

    for stop in STOPS:
        signal.signal(stop, tell)
    said = one.recv(64)
    status = int(said) if said else 1
    sys.exit(status if status >= 0 else 128 - status)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        _serve(sys.argv[2])
    else:
        _ask(sys.argv[1])
