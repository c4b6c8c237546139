"""Keeping a GPU busy: many kernels launched as one CUDA graph, and copies to and from it that nobody waits for."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

import torch

from uphill.engine.agreement import ROUNDINGS, least_nats

log = logging.getLogger(__name__)

Record = Callable[[Callable[[], torch.Tensor]], tuple[Callable[[], None], torch.Tensor]]
"""Records a call of a function of fixed tensors: what repeats it, and the tensor that its result is written to."""


def upload(values: Sequence[Any], device: torch.device, dtype: torch.dtype = torch.long) -> torch.Tensor:
    """Numbers as a tensor; from pageable memory a copy would wait for all that the GPU has yet to do."""
    return torch.tensor(values, dtype=dtype, pin_memory=device.type == "cuda").to(device, non_blocking=True)


def download(values: torch.Tensor) -> Callable[[], list[Any]]:
    """Start to copy a tensor; the result waits for the copy, and for nothing that is launched later."""
    host = values.to("cpu", non_blocking=True)
    copied = torch.cuda.current_stream(values.device).record_event() if values.is_cuda else None

    def wait() -> list[Any]:
        if copied is not None:
            copied.synchronize()
        found: list[Any] = host.tolist()
        return found

    return wait


def recorder(model: torch.nn.Module) -> Record | None:
    """What records a model's passes as CUDA graphs; None if it is not, as a whole, on one GPU."""
    devices = {weight.device for weight in model.parameters()}
    device = devices.pop()
    if devices or device.type != "cuda":
        return None
    # Graphs that run one after another can share their memory, if recorded on the same stream.
    pool, stream = torch.cuda.graph_pool_handle(), torch.cuda.Stream(device)
    # A pool whose graphs are all gone cannot be recorded into again.
    kept: list[torch.cuda.CUDAGraph] = []

    def record(function: Callable[[], torch.Tensor]) -> tuple[Callable[[], None], torch.Tensor]:
        graph, before = torch.cuda.CUDAGraph(), torch.cuda.current_stream(device)
        try:
            with torch.cuda.graph(graph, pool=pool, stream=stream, capture_error_mode="thread_local"):
                output = function()
        finally:
            torch.cuda.set_stream(before)  # a capture that fails leaves its own
        if not kept:
            kept.append(graph)
        return graph.replay, output

    return record


class Recorded:
    """A function of two sizes, logits [R, V] from tensors that stay where they are, recorded once for each pair.

    A first replay is compared with the function itself, for what is launched past the recorded stream is not in the
    graph; the two may differ by some times what two calls of the function do. Where that or the recording fails, one
    line is logged, and the function is called from then on.
    Attributes:
        graphs: by sizes, what was recorded.
        failed: whether the function is called as it is.
    """

    def __init__(self, function: Callable[[int, int], torch.Tensor], record: Record) -> None:
        self._function, self._record = function, record
        self.graphs: dict[tuple[int, int], tuple[Callable[[], None], torch.Tensor]] = {}
        self.failed = False

    def __call__(self, rows: int, width: int) -> torch.Tensor:
        """The function's result; a recorded one is overwritten by the next call."""
        if (rows, width) not in self.graphs and not self.failed:
            self._add(rows, width)
        if self.failed:
            return self._function(rows, width)
        replay, output = self.graphs[rows, width]
        replay()
        return output

    def forget(self) -> None:
        """Record anew: a tensor that the function reads has moved."""
        self.graphs.clear()

    def _add(self, rows: int, width: int) -> None:
        # This also makes what is made at a first call only, which must not happen while recording.
        plain, again = self._function(rows, width), self._function(rows, width)
        try:
            replay, output = self._record(lambda: self._function(rows, width))
            replay()
            apart = _apart(output, plain)
        except RuntimeError as error:
            self._give_up(f"fails ({str(error).splitlines()[0]})")
            return
        if apart <= max(ROUNDINGS * _apart(again, plain), least_nats(plain.dtype)):
            self.graphs[rows, width] = replay, output
        else:
            self._give_up(f"is {apart:.3g} nats off")

    def _give_up(self, why: str) -> None:
        self.failed = True
        self.graphs.clear()
        log.warning("recording a decode step as a CUDA graph %s on this model: launching it kernel by kernel", why)


def _apart(one: torch.Tensor, other: torch.Tensor) -> float:
    """Root mean square of the difference of log-probabilities, in nats."""
    return float((one.float().log_softmax(-1) - other.float().log_softmax(-1)).square().mean().sqrt())
