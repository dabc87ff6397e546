"""A whole network in a few words: the air, its audit, gateways, a server. Scenarios and `binnode sim` start here."""

from dataclasses import dataclass
from typing import Any

from binnode_tools.lora_network.gateway import Gateway
from binnode_tools.lora_network.regions import region
from binnode_tools.lora_network.server import NetworkServer
from binnode_tools.virtual_board.radios.air import Air
from binnode_tools.virtual_board.radios.audit import Audit, Finding
from binnode_tools.virtual_board.radios.city import City


@dataclass
class Network:
    air: Air
    audit: Audit
    gateways: list[Gateway]
    server: NetworkServer

    @property
    def findings(self) -> list[Finding]:
        """Breaches of the law on the air, and of the protocol."""
        return sorted(self.audit.findings + self.server.findings, key=lambda finding: finding.at_us)


def make(
    region_name: str,
    seed: str = "1",
    gateways: tuple[tuple[float, float], ...] = ((0.0, 0.0),),
    city: City | None = None,
    sub_band: int = 2,
    **server: Any,
) -> Network:
    """Gateways at these places (m); `server`: keyword arguments of NetworkServer."""
    where = region(region_name)
    air = Air(seed, city)
    # How loud US915 may be goes by the channels that a device really hops over: 64 before the network has named its
    # own, and again when ADR's back-off has switched all of them on.
    audit = Audit(air, where)
    network = NetworkServer(where, air, sub_band=sub_band, seed=seed, **server)
    # A device transmits from the place that has its name.
    network.on_dwell = lambda device, limited: audit.dwell_of.update({device.name: limited})
    made = []
    for number, (x_m, y_m) in enumerate(gateways, 1):
        gateway = Gateway(air, f"gateway {number}", where, sub_band=sub_band)
        air.put(gateway.name, x_m, y_m)
        audit.gateways.add(gateway.name)
        network.attach(gateway)
        made.append(gateway)
    return Network(air, audit, made, network)
