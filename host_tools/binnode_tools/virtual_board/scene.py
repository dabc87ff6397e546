"""The bin and the air in it: what the module hangs above. Truth lives here, in real numbers."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from random import Random


@dataclass(frozen=True)
class Unkind:
    """How unkind the world is. The defaults are what a street does; tests sharpen or soften them."""

    noise_sigma_mm: float = 3.0  # of one ping
    surface_mm: float = 2.0  # the spot under the beam lies up to this much above or below the mean level
    lost_echoes: float = 0.03
    false_echoes: float = 0.02
    day_night_k: float = 15.0
    mean_temperature_c: float = 12.0
    weather_k: float = 3.0  # days differ by up to this
    chip_thermometer_k: float = 3.0  # off by up to this, reads in steps of 1 K
    ds18b20_k: float = 0.4  # off by up to this
    sleep_clock_permille: float = 50.0  # deep sleep is off by up to this ...
    sleep_clock_drift_permille_per_k: float = 0.4  # ... and drifts with temperature
    crystal_ppm: float = 20.0
    adc_noise_mv: float = 4.0
    join_failures: float = 0.01
    latency_ms: tuple[int, int] = (4, 60)
    lid_open_s: float = 180.0  # at every emptying

    def as_dict(self) -> dict:
        return asdict(self)


KIND = Unkind(0, 0, 0, 0, 0, 20.0, 0, 0, 0, 0, 0, 0, 0, 0, (10, 10), 0)


@dataclass(frozen=True)
class Geometry:
    """The bin's inside and the module's place: mm from the module's face. `taper`: bottom width / top width.

    `diameter_mm`: of a lying cylinder, 0: its top is the full line. `strapping`: (height in mm, volume) of a bin whose
    walls nobody can put into a formula.
    """

    shape: str = "upright"
    empty_mm: float = 1000.0
    full_mm: float = 200.0
    taper: float = 0.8
    diameter_mm: float = 0.0
    strapping: tuple[tuple[float, float], ...] = ()

    def volume_below(self, height_mm: float) -> float:
        """Volume below a height above the bottom, in any unit."""
        whole = self.empty_mm - self.full_mm
        if self.shape == "upright":
            return height_mm
        if self.shape == "tapered":  # a frustum: its height times the mean of both areas and their geometric mean
            low, high = self.taper**2, (self.taper + (1 - self.taper) * height_mm / whole) ** 2
            return height_mm * (low + high + math.sqrt(low * high)) / 3
        if self.shape == "lying":  # the circle's sector less the triangle above the chord
            radius = (self.diameter_mm or whole) / 2
            angle = 2 * math.acos(max(-1.0, (radius - height_mm) / radius))
            return radius**2 * (angle - math.sin(angle)) / 2
        if self.shape == "strapping":
            for (low, before), (high, after) in zip(self.strapping, self.strapping[1:], strict=False):
                if height_mm <= high:
                    return before + (after - before) * (height_mm - low) / (high - low)
            return self.strapping[-1][1]
        raise ValueError(f"no bin of shape {self.shape!r}: upright, tapered, lying or strapping")

    def height_fraction(self, volume: float) -> float:
        """Height of the waste for a volume, both as fractions of full (and above it): by bisection."""
        if self.shape == "upright":
            return volume
        height_mm = self.empty_mm - self.full_mm
        whole, low, high = self.volume_below(height_mm), 0.0, 1.0
        for _ in range(50):
            middle = (low + high) / 2
            if self.volume_below(middle * height_mm) / whole < volume:
                low = middle
            else:
                high = middle
        return (low + high) / 2

    def distance_mm(self, level_permille: float) -> float:
        return self.empty_mm - (self.empty_mm - self.full_mm) * self.height_fraction(level_permille / 1000)


@dataclass
class Scene:
    """One bin over time. `level_permille(t_s)`: the true level, of the volume below the full line."""

    level_permille: Callable[[float], float]
    geometry: Geometry = field(default_factory=Geometry)
    unkind: Unkind = field(default_factory=Unkind)
    seed: str = "0"
    emptyings_s: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        self._weather: dict[int, float] = {}
        self._surface: dict[int, float] = {}

    def temperature_c(self, t_s: float) -> float:
        """Air and module alike: coldest at five, warmest at fifteen, and no two days the same."""
        day, hour = divmod(t_s / 3600, 24)
        swing = -math.cos((hour - 4) / 24 * 2 * math.pi) * self.unkind.day_night_k / 2
        today, tomorrow = self._weather_k(int(day)), self._weather_k(int(day) + 1)
        return self.unkind.mean_temperature_c + swing + today + (tomorrow - today) * hour / 24

    def _weather_k(self, day: int) -> float:
        if day not in self._weather:
            self._weather[day] = Random(f"{self.seed} weather {day}").uniform(-1, 1) * self.unkind.weather_k
        return self._weather[day]

    def lid_open(self, t_s: float) -> bool:
        """The crew lifts the lid for an emptying, half of the time before it and half after."""
        half = self.unkind.lid_open_s / 2
        return any(abs(t_s - emptied) < half for emptied in self.emptyings_s)

    def surface_offset_mm(self, t_s: float) -> float:
        """Waste lies unevenly: another spot under the beam whenever the level has moved by some percent."""
        key = int(self.level_permille(t_s) / 20) * 1000 + sum(1 for emptied in self.emptyings_s if emptied <= t_s)
        if key not in self._surface:
            self._surface[key] = Random(f"{self.seed} surface {key}").uniform(-1, 1) * self.unkind.surface_mm
        return self._surface[key]

    def distance_mm(self, t_s: float) -> float:
        """Mean distance from the module's face to the waste."""
        return self.geometry.distance_mm(self.level_permille(t_s))
