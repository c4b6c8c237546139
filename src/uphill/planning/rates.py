"""Tokens to hours, by the rates that benchmarks/RESULTS.md records on one H200, scaled by the size of the model."""

from uphill.config.entries import Model
from uphill.config.hardware import Hardware
from uphill.planning.work import Work

MEASURED = 6.74
"""Billions of weights of the model that was measured."""
PLAIN = ("float16", "bfloat16")

READ = 35_846
"""Ten shots, packed, compiled, bfloat16."""
READ_QUANTIZED = 9_300
"""500 questions of 67 tokens in 3.6 s, LLM.int8 with an adapter."""
FITTED = 3_200
"""160 questions of 67 tokens, three times each, in 10.0 s; bfloat16 with dropout."""
FITTED_QUANTIZED = 2_200
"""The same by the measured ratio of LLM.int8 to bfloat16 without dropout, 11.4 s to 7.9 s."""
WRITTEN = 3_558
"""Four shots, 64 side by side, bfloat16."""
WRITTEN_QUANTIZED = WRITTEN * 3_600 // 9_300
"""Not measured: slowed down as scoring is, 3.6 s to 1.4 s."""
FASTEST_READ = 60_000
"""Of one job, however small its model: SmolLM2-135M with a whole H100, 760 questions of 80 tokens a second."""
FASTEST_CARD = 195_000
"""Of all jobs that share a card: SmolLM2-135M, eight side by side on an H100 (docs/results/smollm2)."""
FASTEST_FITTED = 6_000
"""Likewise of one of these eight: a LoRA fit of 38 600 tokens in some 6 s."""
FLOAT32_SLOWER = 10
"""Not measured: about the ratio of a GPU's bfloat16 to its float32 operations."""
START_S = 60
"""Not measured: imports, the first call of a device, compiling."""
BYTES_READ = 2
"""Of a weight in the files of the hub, whatever it becomes in memory."""


def hours(work: Work, model: str, entry: Model, hardware: Hardware) -> float | None:
    """Hours of a job that loads a model and does some work with it. GPUs take turns, so more of them are not faster.

    None where the hardware file does not say how large the model is.
    """
    needs = hardware.of_model(model)
    if needs.parameters is None:
        return None
    active = (needs.active_parameters or needs.parameters) / MEASURED
    # Answers side by side reach every expert of a mixture, and writing is bound by the weights that are read.
    whole = needs.parameters / MEASURED
    quantized = entry.quantization != "none"
    seconds = (
        work.read
        * max(active / (READ_QUANTIZED if quantized else READ), 1 / min(FASTEST_READ, FASTEST_CARD * needs.gpu))
        + work.fitted * max(active / (FITTED_QUANTIZED if quantized else FITTED), 1 / FASTEST_FITTED)
        + work.written * whole / (WRITTEN_QUANTIZED if quantized else WRITTEN)
    )
    if not quantized and entry.dtype not in PLAIN:
        seconds *= FLOAT32_SLOWER
    return (START_S + needs.parameters * BYTES_READ / hardware.read_gb_s + seconds / hardware.gpu_speed) / 3600
