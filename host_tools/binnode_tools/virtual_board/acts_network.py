"""Acts of Wi-Fi and of the sockets behind it."""

from binnode_tools.certificate import validity
from binnode_tools.virtual_board import acts, network
from binnode_tools.virtual_board.chip import Chip
from binnode_tools.virtual_board.handlers import Answer, ChipError, EndOfWake, handles, misuse, refused
from binnode_tools.virtual_board.power import BROWN_OUT_MV

_ACTIVATE_US = 25_000  # esp_wifi_start
_DRIVER_NOT_STARTED = 0x3002  # ESP_ERR_WIFI_NOT_STARTED
_CHANNEL, _RECONNECTS, _MAC, _SSID = 1, 2, 10, 11
_DATAGRAMS = 2  # SOCK_DGRAM
_VERIFY_US = 400_000  # an estimate: one certificate's signature, and its share of the key exchange, on an ESP32
_PACKET_US = 1500  # one data packet in the air, with its acknowledgement


def _transmit(chip: Chip) -> None:
    """The radio sends now; EndOfWake when the cell can't feed that. The dip is short, and RTC memory may outlast it."""
    more_ua = chip.board.currents_ua.wifi_transmit - chip.ledger.loads_ua.get("chip", 0)
    load_ua = chip.ledger.current_ua + max(0, more_ua)
    if chip.battery.voltage_mv(chip.ledger.charge_mc, load_ua, chip.scene.temperature_c(chip.now / 1e6)) < BROWN_OUT_MV:
        chip.keep_rtc = chip.random.random() < 0.5
        raise EndOfWake("brown-out")


def os_error(number: int) -> ChipError:
    return ChipError(acts.OS_ERROR, number)


@handles(acts.WIFI_ACTIVE)
def wifi_active(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    station = chip.station
    if a == 1 and not station.active:
        station.active = True
        chip.advance(_ACTIVATE_US)
    elif a == 0 and station.active:
        aborted = station.aborted | set(station.streams)
        station.reset()
        station.aborted = aborted
    chip.draw()
    return int(station.active)


def _started(chip: Chip) -> network.Station:
    if not chip.station.active:
        raise os_error(_DRIVER_NOT_STARTED)
    return chip.station


@handles(acts.WIFI_CONNECT)
def wifi_connect(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    station = _started(chip)
    if not a:
        ssid, key, bssid = data.split(b"\0", 2)
        station.configure(ssid.decode(), key.decode(), bssid)
    _transmit(chip)
    station.connect(chip.now)
    return 0


@handles(acts.WIFI_DISCONNECT)
def wifi_disconnect(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    _started(chip).disconnect()
    return 0


@handles(acts.WIFI_STATUS)
def wifi_status(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    status = chip.station.status(chip.now)
    if not a:
        return status
    if status != network.GOT_IP or chip.station.point is None:
        raise misuse("not connected: no rssi")
    return chip.station.point.rssi


@handles(acts.WIFI_CONFIG)
def wifi_config(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    station = chip.station
    if a == _MAC:
        return station.mac
    if a == _SSID:
        return station.wanted[0].encode()
    if a == _CHANNEL:
        if b >= 0:
            station.channel_hint = b
        return station.point.channel if station.point else 0
    if a == _RECONNECTS and b >= 0:
        station.reconnects = b
    return station.reconnects


@handles(acts.WIFI_ADDRESS)
def wifi_address(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    if a:
        chip.station.address = data.decode()
        return 0
    if chip.station.status(chip.now) != network.GOT_IP:
        return b"0.0.0.0/0.0.0.0/0.0.0.0/0.0.0.0"
    return (chip.station.address or "10.0.0.100/255.255.255.0/10.0.0.1/10.0.0.1").encode()


def _online(chip: Chip) -> network.Network:
    if chip.station.status(chip.now) != network.GOT_IP:
        raise os_error(network.EHOSTUNREACH)
    return chip.network


@handles(acts.SOCK_OPEN)
def sock_open(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    try:
        return chip.station.open(datagrams=a == _DATAGRAMS)
    except OSError:
        raise refused("too_many_sockets") from None


def _stream(chip: Chip, handle: int) -> network.Stream:
    if handle in chip.station.aborted:
        raise refused("socket_wifi_off")
    if handle not in chip.station.streams:
        raise os_error(9)
    stream = chip.station.streams[handle]
    if stream is None:
        raise os_error(network.ENOTCONN)
    return stream


def _wants_timeout(chip: Chip, handle: int) -> None:
    if chip.station.timeouts_ms.get(handle, 0) < 0:
        chip.find("no_timeout")


def _gives_up(chip: Chip, handle: int) -> ChipError:
    """Wait until the socket's own timeout; what it raises then."""
    if chip.station.timeouts_ms[handle] == 0:
        return os_error(network.EAGAIN)
    chip.advance(chip.station.deadline(handle, chip.now) - chip.now)
    return os_error(network.ETIMEDOUT)


@handles(acts.SOCK_CONNECT)
def sock_connect(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    net = _online(chip)
    if a in chip.station.datagrams:  # only notes the peer's address
        chip.station.streams[a] = network.DatagramStream(net, (data.decode(), b))
        return 0
    _wants_timeout(chip, a)
    try:
        stream = net.connect(data.decode(), b, chip.now)
    except TimeoutError:
        raise _gives_up(chip, a) from None
    except OSError as error:
        chip.advance(net.latency_us())
        raise os_error(error.errno or network.ECONNREFUSED) from None
    chip.advance(net.latency_us())
    chip.station.streams[a] = stream
    return 0


@handles(acts.SOCK_SEND)
def sock_send(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    stream = _stream(chip, a)
    _online(chip)
    _transmit(chip)
    currents = chip.board.currents_ua
    chip.ledger.add(currents.wifi_transmit - currents.wifi_receive, _PACKET_US)
    chip.advance(_PACKET_US)
    try:
        return stream.send(data, chip.now)
    except OSError:
        raise os_error(network.ECONNRESET) from None


@handles(acts.SOCK_RECV)
def sock_recv(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    stream = _stream(chip, a)
    _wants_timeout(chip, a)
    got = stream.receive(b, chip.now, chip.station.deadline(a, chip.now))
    if got is None:
        raise _gives_up(chip, a)
    chip.advance(got[1] - chip.now)
    return got[0]


@handles(acts.SOCK_TIMEOUT)
def sock_timeout(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    chip.station.timeouts_ms[a] = b
    return 0


@handles(acts.SOCK_CLOSE)
def sock_close(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    chip.station.close(a)
    return 0


@handles(acts.RANDOM)
def random(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    return chip.random.randbytes(a)


@handles(acts.TLS_DATES)
def tls_dates(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    """What mbedTLS on the chip finds of a certificate's dates: 0, 1 expired, 2 not valid yet."""
    chip.advance(_VERIFY_US)
    start_s, end_s = validity(data)
    now_s = chip.node_time_us(chip.now) // 1_000_000
    return 1 if now_s > end_s else 2 if now_s < start_s else 0
