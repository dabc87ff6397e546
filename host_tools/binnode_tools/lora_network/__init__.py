"""The network side of LoRaWAN: gateways, the Semtech UDP protocol, and a small network server in virtual time."""
