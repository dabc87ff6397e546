"""From a burst of pings to one reading that can be trusted.

A ping has noise of a few mm; a few percent of the pings get lost and a few percent hear something else. A median
ignores those but keeps the noise of a single ping (its error is a quarter larger than the mean's), and it gives a
number even when the pings agree on nothing. So: the largest group of distances that lie within 40 mm is the cluster;
if it holds three of five pings its mean is the distance, and if it doesn't there is no distance. Pings go on until
the scatter inside the cluster says that its mean is good to 1.4 mm, so a quiet bin costs five and a rough one fifteen.

With sigma 3 mm, 3 % lost and 2 % false echoes: 6.2 pings, 99.996 % of 10^5 bursts within 5 mm, the worst 7 mm off;
sigma 5 mm: 10.7 pings, 99.7 % within 5 mm.
"""

from micropython import const

from binnode.sensing.sound import distance_mm

# Copies from kinds.py: an import would cost a wake more.
_OK = const(0)
_NOISY = const(1)
_NO_ECHO = const(2)
_TOO_NEAR = const(3)
_TOO_FAR = const(4)
_LID_OPEN = const(5)
_FAULT = const(6)
_PING_SILENT = const(-2)
_PING_STUCK = const(-3)

_FEWEST = const(5)
_MOST = const(15)
_WINDOW_MM = const(40)
_VARIANCE_MM2 = const(2)  # of the cluster's mean
_TOLERANCE_MM = const(15)  # between two bursts of one surface: six times the error of their difference


class Reading:
    """kind: see kinds.py. distance_mm: of the cluster, None without one. valid: pings in the cluster.
    pings: pings made. spread_mm: from the nearest to the farthest of the cluster, None without one."""

    def __init__(self, kind, distance_mm, valid, pings, spread_mm):
        self.kind = kind
        self.distance_mm = distance_mm
        self.valid = valid
        self.pings = pings
        self.spread_mm = spread_mm


class EchoBurst:
    """Pings of one measurement. near_mm: the first distance outside the blind zone; bottom_mm: the last one that can
    be the bin's bottom (depth plus what the bottom, the noise and the thermometer may add); far_mm: the module's
    range. An echo between bottom and range says that the lid is open."""

    def __init__(self, near_mm, bottom_mm, far_mm):
        self._near_mm = near_mm
        self._bottom_mm = bottom_mm
        self._far_mm = far_mm
        self.pings = 0
        self._silent = 0
        self._stuck = 0
        self._distances = []

    def add(self, ping, half_speed):
        """ping: echo time in us, or one of kinds.PING_*. half_speed: sound.half_speed_q16()."""
        self.pings += 1
        if ping > 0:
            self._distances.append(distance_mm(ping, half_speed))
            self._distances.sort()
        elif ping == _PING_SILENT:
            self._silent += 1
        elif ping == _PING_STUCK:
            self._stuck += 1

    def wants_more(self):
        """Whether another ping would make the reading better: 5 pings at least, 15 at most."""
        if self.pings < _FEWEST:
            return True
        if self.pings >= _MOST:
            return False
        kind, votes, cluster = self._verdict()
        if kind == _OK:
            return votes < _FEWEST or not _is_precise(cluster)
        # Three of five unheard pings may be chance; four are not.
        return kind == _NOISY or 5 * votes < 4 * self.pings

    def reading(self):
        """The Reading of the pings so far."""
        kind, votes, cluster = self._verdict()
        if not cluster:
            return Reading(kind, None, 0, self.pings, None)
        # TOO_NEAR and the like have a distance too: for diagnosis, never for a level.
        return Reading(kind, (sum(cluster) + votes // 2) // votes, votes, self.pings, cluster[-1] - cluster[0])

    def _verdict(self):
        """(kind, pings that say so, their distances if they agree in one)."""
        cluster = _largest_cluster(self._distances)
        if self._is_majority(len(cluster)):
            # The nearest member decides about the blind zone: on its edge the cautious answer is the right one.
            kind = _TOO_NEAR if cluster[0] < self._near_mm else self._kind(sum(cluster) // len(cluster))
            return kind, len(cluster), cluster
        votes = [0] * (_FAULT + 1)
        for distance in self._distances:
            votes[self._kind(distance)] += 1
        votes[_OK] = 0  # somewhere in the bin, but nowhere twice
        # Some modules answer a missing echo with no pulse at all: silence is a fault only if there is nothing else.
        mute = self._silent + self._stuck
        votes[_FAULT] = self.pings if mute == self.pings else self._stuck
        votes[_NO_ECHO] = self.pings - len(self._distances) - votes[_FAULT]
        most = max(votes)
        if self._is_majority(most):
            return votes.index(most), most, None
        return _NOISY, 0, None

    def _is_majority(self, count):
        return count > 0 and 5 * count >= 3 * self.pings

    def _kind(self, distance):
        if distance < self._near_mm:
            return _TOO_NEAR
        if distance > self._far_mm:
            return _TOO_FAR
        if distance > self._bottom_mm:
            return _LID_OPEN
        return _OK


def _largest_cluster(distances):
    """The most of the sorted `distances` that lie within _WINDOW_MM; of equals the closest together."""
    best = []
    first = 0
    for last in range(len(distances)):
        while distances[last] - distances[first] > _WINDOW_MM:
            first += 1
        more = last + 1 - first - len(best)
        if more > 0 or (more == 0 and distances[last] - distances[first] < best[-1] - best[0]):
            best = distances[first : last + 1]
    return best


def _is_precise(cluster):
    """Whether the variance of the mean, sum of squares / (n (n - 1)), is at most _VARIANCE_MM2."""
    n = len(cluster)
    total = squares = 0
    for distance in cluster:
        offset = distance - cluster[0]
        total += offset
        squares += offset * offset
    return n * squares - total * total <= _VARIANCE_MM2 * n * n * (n - 1)


def measure(ranger, half_speed, gate, last_mm, change_mm):
    """One Reading from a ranger that is switched on (ping(), gap()).

    gate: (near_mm, bottom_mm, far_mm) of EchoBurst. last_mm: the last OK distance or None.
    What differs from it by more than change_mm, and every other kind but FAULT, must be seen in two bursts alike:
    a hand, a bird or waste on its way down is not in both. If they differ the reading is NOISY, unless the second
    burst is back at last_mm. pings counts both bursts.
    """
    first = _burst(ranger, half_speed, gate)
    if first.kind == _FAULT or (first.kind == _OK and (last_mm is None or _is_near(first, last_mm, change_mm))):
        return first
    ranger.gap()
    second = _burst(ranger, half_speed, gate)
    second.pings += first.pings
    if first.kind == second.kind:
        if second.kind != _OK:
            return second
        if _is_near(first, second.distance_mm, _TOLERANCE_MM):
            second.distance_mm = (first.distance_mm + second.distance_mm + 1) // 2
            second.valid += first.valid
            second.spread_mm = max(first.spread_mm, second.spread_mm)
            return second
    if second.kind == _OK and last_mm is not None and _is_near(second, last_mm, change_mm):
        return second
    return Reading(_NOISY, None, 0, second.pings, None)


def _burst(ranger, half_speed, gate):
    burst = EchoBurst(*gate)
    while burst.wants_more():
        if burst.pings:
            ranger.gap()
        burst.add(ranger.ping(), half_speed)
    return burst.reading()


def _is_near(reading, distance, tolerance):
    return abs(reading.distance_mm - distance) <= tolerance
