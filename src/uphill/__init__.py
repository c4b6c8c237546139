"""Uphill: does supervision on easy data carry a language model to hard tasks?"""

__version__ = "0.1.0"
