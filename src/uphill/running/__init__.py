"""What every job does around its work: parts, locks, signals, what it spent.

Nothing here decides a number: these modules are in no result's identity, and none of them is imported for its numbers.
"""
