"""Figures of the comparison with quantized models."""

from uphill.figures.figure import Figure

FIGURES = {
    "quantization": Figure(
        "quantization",
        "quantization",
        "What quantization costs: accuracy of the quantized model less that of the full one, on the same items after "
        "the same training. Whiskers are intervals over test items and training draws.",
    )
}
