"""Stand-in for the chip's `os`: the noise is the world's, so that a run can be repeated."""

import acts
from _link import act
from uos import *


def urandom(count):
    return act(acts.RANDOM, count, wants_data=True)
