"""MQTT over TLS: who answers must hold a certificate of our CA for the name mqtt_host, valid today.

mbedTLS does the work and reads the certificate's dates against the chip's clock, which starts in 2000 at power-on and
is off by up to 5 % of all deep sleep: it is set from the network before the first handshake, and once more whenever a
certificate's dates do not fit. Every byte passes through _Bounded: a peer that trickles can't stretch the deadline.
"""

import io

from micropython import const

from binnode import forget, version
from binnode.wifi import LinkFailure, mqtt

CA = "ca.der"
_CLOSE = const(4)  # MP_STREAM_CLOSE
_ETIMEDOUT = const(116)
_ECONNRESET = const(104)
_NO_MEMORY = const((12, -0x7F00))  # ENOMEM, and mbedTLS's (ssl.h)


class TlsError(LinkFailure):
    """No connection that can be trusted."""


class DateError(TlsError):
    """The certificate's dates do not fit the chip's clock."""


class _Bounded(io.IOBase):
    """The TCP connection as mbedTLS reads and writes it: each call has what is left of the deadline."""

    def __init__(self, sock, deadline):
        self._sock, self._deadline = sock, deadline

    def _timed(self, call, argument):
        """What `call` transferred, or an error number below 0, as a stream has to return it."""
        left_ms = self._deadline.left_ms()
        try:
            if left_ms:
                self._sock.settimeout(left_ms / 1000)
                count = call(argument)
                if count is not None:
                    return count
        except OSError as error:
            if not self._deadline.expired():
                number = error.args[0]
                return -number if 0 < number < 256 else -_ECONNRESET
        return -_ETIMEDOUT

    def readinto(self, buffer):
        return self._timed(self._sock.readinto, buffer)

    def write(self, data):
        return self._timed(self._sock.send, data)

    def ioctl(self, request, argument):
        if request == _CLOSE:
            self._sock.close()
        return 0


class _Socket:
    """The TLS connection as mqtt.Client uses a socket."""

    def __init__(self, stream):
        self.send, self.recv, self.close = stream.write, stream.read, stream.close

    def settimeout(self, seconds):
        pass  # _Bounded has the deadline


def trusting(ssl, ca):
    """A context that trusts the CA whose certificate is `ca` (DER), and nobody else. TlsError."""
    if not ca:
        raise TlsError("no ca.der: store the CA's certificate with binnode config ca")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_verify_locations(cadata=ca)
    except ValueError:
        raise TlsError("ca.der is no certificate in DER form: binnode config ca")
    return context


def wrap(context, sock, host, deadline):
    """The TLS connection to `host` over the TCP connection `sock`. TlsError."""
    try:
        return _Socket(context.wrap_socket(_Bounded(sock, deadline), server_hostname=host))
    except ValueError as error:
        from binnode.wifi.failures import of_certificate

        meaning, dates = of_certificate(str(error))
        raise (DateError if dates else TlsError)(meaning)
    except OSError as error:
        if deadline.expired():
            raise TlsError("out of time in the TLS handshake")
        if error.args[0] in _NO_MEMORY:
            raise TlsError("no memory for TLS")
        from binnode.wifi.failures import of_handshake

        raise TlsError(of_handshake(error.args[0]))


def set_clock(board, state, server, deadline):
    """Set the chip's clock from the time server at the address `server`; the node's memory goes with it."""
    from binnode.wifi import sntp

    now_s = sntp.ask(board, server, version.BUILD_S, deadline)
    sntp.shift(state, now_s - board.time.time())
    # In this order: a clock behind its memory is what the backlog copes with, should the power fail in between.
    board.remember(state.pack())
    board.set_clock(now_s)
    forget("wifi.sntp")


def open_socket(context, board, config, state, address_of, deadline):
    """A connection to mqtt_host that `context` trusts. `address_of`: name -> address. LinkFailure."""
    is_set = False
    if board.time.time() < version.BUILD_S:
        set_clock(board, state, address_of(config["ntp_host"]), deadline)
        is_set = True
    address = address_of(config["mqtt_host"])
    while True:
        sock = mqtt.open_socket(board.sockets(), address, config["mqtt_port"], deadline)
        try:
            return wrap(context, sock, config["mqtt_host"], deadline)
        except DateError:
            sock.close()
            if is_set:
                raise
        except TlsError:
            sock.close()
            raise
        set_clock(board, state, address_of(config["ntp_host"]), deadline)
        is_set = True
