"""A peer that can do its work in several ways is measured in the fastest."""

import time


def fastest(ways):
    """The faster of several ways (name: function of one repetition) after a warm-up of each: name and function."""
    seconds = {}
    for name, way in ways.items():
        way()
        begin = time.perf_counter()
        way()
        seconds[name] = time.perf_counter() - begin
    best = min(seconds, key=seconds.get)
    return best, ways[best]
