"""The demo model: a small Llama trained from scratch on text of the demo world (`uphill.datasets.world`).

`python -m uphill.demo_model --out DIR` is the whole recipe.
"""
