"""The demo models: small Llamas trained from scratch on text of the demo world (`uphill.datasets.world`).

`python -m uphill.demo_model --out DIR` is the whole recipe.
"""
