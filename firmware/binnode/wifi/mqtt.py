"""MQTT 3.1.1 (OASIS Standard, 29 October 2014), the part a sensor needs: connect, publish with QoS 1, disconnect.

Every failure is an MqttError, socket errors and time-outs too; none names a user or a password.
One Deadline bounds the whole conversation: each socket call gets what is left of it.
Section numbers below are those of the standard.
"""

from micropython import const

from binnode.wifi import LinkFailure

_CONNECT = const(0x10)
_CONNACK = const(0x20)
_PUBLISH_QOS1 = const(0x32)
_PUBACK = const(0x40)
_PINGRESP = const(0xD0)

# Nothing a broker sends unasked need be longer, and it is read into memory as a whole.
_LONGEST_REPLY = const(512)


class MqttError(LinkFailure):
    """The conversation failed; the text says how."""


def open_socket(socket, address, port, deadline):
    """A TCP connection, by the module `socket`, to a dotted `address`: a name's look-up would know no deadline."""
    try:
        sock = socket.socket()
    except OSError as error:
        raise MqttError("no socket is free: %s" % error)
    try:
        _timed(sock, deadline, "connecting to mqtt_host", sock.connect, (address, port))
    except MqttError:
        sock.close()
        raise
    return sock


def _timed(sock, deadline, doing, call, argument):
    """call(argument), a method of `sock`, with the time-out that `deadline` leaves."""
    left_ms = deadline.left_ms()
    try:
        if left_ms:  # A time-out of 0 would mean: do not wait.
            sock.settimeout(left_ms / 1000)
            return call(argument)
    except OSError as error:
        if not deadline.expired():
            raise MqttError("socket error %s: %s" % (doing, error))
    raise MqttError("out of time %s" % doing)


def start_packet(kind, length):
    """The fixed header (2.2): type and flags, then `length` of what follows in 7 bits a byte, lowest first (2.2.3)."""
    packet = bytearray((kind,))
    while length > 127:
        packet.append(length & 127 | 128)
        length >>= 7
    packet.append(length)
    return packet


class Client:
    """A conversation on `sock` (send, recv, settimeout, close) that ends by `deadline`."""

    def __init__(self, sock, deadline):
        self._sock = sock
        self._deadline = deadline
        self._last_id = 0
        self._doing = "sending"
        self.unacknowledged = []  # packet ids

    def connect(self, client_id, user="", password="", keep_alive_s=60):
        """Clean session, no will (3.1). Without `user` no password is sent either (3.1.2.9)."""
        body = bytearray(b"\x00\x04MQTT\x04")
        body.append(0xC2 if user else 0x02)
        _add_number(body, keep_alive_s)
        for field in (client_id, user, password) if user else (client_id,):
            _add_field(body, field)
        packet = start_packet(_CONNECT, len(body))
        packet.extend(body)
        self._send(packet)
        # The first packet from the broker is the CONNACK (3.2), always 4 bytes long.
        self._doing = "waiting for CONNACK"
        reply = self._receive(4)
        if reply[0] != _CONNACK or reply[1] != 2:
            raise MqttError("no MQTT broker there: it answers otherwise")
        code = reply[3]
        if code or reply[2] > 1:
            from binnode.wifi.failures import of_broker

            raise MqttError(of_broker(code))

    def publish(self, topic, payload, retain=False):
        """Send the bytes `payload` with QoS 1 (3.3) and return the packet id at once; settle() waits for the PUBACK.

        `unacknowledged` holds the id until then, also when an error comes in between.
        """
        topic = topic.encode()
        self._last_id = self._last_id % 65535 + 1
        packet = start_packet(_PUBLISH_QOS1 | bool(retain), 4 + len(topic) + len(payload))
        _add_field(packet, topic)
        _add_number(packet, self._last_id)
        packet.extend(payload)
        self.unacknowledged.append(self._last_id)
        self._doing = "sending"
        self._send(packet)
        return self._last_id

    def settle(self):
        """Wait until the broker has acknowledged all that was published; what else it sends is read and passed over."""
        self._doing = "waiting for PUBACK"
        while self.unacknowledged:
            kind, length = self._receive(2)  # No packet is shorter.
            if length > 127:
                # A third byte of length (bit 7 set) makes this too long as well.
                length = length & 127 | self._receive(1)[0] << 7
                if length > _LONGEST_REPLY:
                    raise MqttError("the broker sends too much")
            body = self._receive(length)
            if kind == _PUBACK and length == 2:
                acknowledged = body[0] << 8 | body[1]
                if acknowledged in self.unacknowledged:
                    self.unacknowledged.remove(acknowledged)
            elif kind & 0xF4 == 0x30:  # PUBLISH with QoS 0 or 1 (bit 1)
                if kind & 2:
                    self._acknowledge(body)
            elif kind != _PINGRESP or length:
                raise MqttError("unexpected packet 0x%02x of %d bytes" % (kind, length))

    def disconnect(self):
        """Say goodbye (3.14) if there is time, and close. Never raises."""
        try:
            # Not behind a packet that may have been cut: the broker would take these bytes for its end.
            if not self.unacknowledged:
                self._send(b"\xe0\x00")
        except MqttError:
            pass  # All was acknowledged: the goodbye changes nothing.
        try:
            self._sock.close()
        except OSError:
            pass

    def _acknowledge(self, publish):
        id_at = 2 + (publish[0] << 8 | publish[1]) if len(publish) > 1 else 2
        packet_id = publish[id_at : id_at + 2]
        if len(packet_id) < 2:
            raise MqttError("PUBLISH without packet id")
        self._send(b"\x40\x02" + packet_id)

    def _send(self, packet):
        while packet:
            sent = self._timed(self._sock.send, packet)
            if sent == len(packet):
                return
            packet = memoryview(packet)[sent:]

    def _receive(self, count):
        """Exactly `count` bytes, mostly in one call, and never one of the next packet."""
        received = b""
        while len(received) < count:
            received += self._timed(self._sock.recv, count - len(received))
        return received

    def _timed(self, call, argument):
        """What `call` sent or received: not nothing."""
        result = _timed(self._sock, self._deadline, self._doing, call, argument)
        if not result:
            raise MqttError("the broker closed the connection")
        return result


def _add_number(packet, number):
    packet.append(number >> 8)
    packet.append(number & 255)


def _add_field(packet, field):
    """A string with its length in front (1.5.3)."""
    if isinstance(field, str):
        field = field.encode()
    _add_number(packet, len(field))
    packet.extend(field)
