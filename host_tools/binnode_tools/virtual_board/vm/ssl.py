"""Stand-in for the chip's `ssl`: the VM's own mbedTLS, but a certificate's dates are held against the chip's clock.

mbedTLS in the VM reads this computer's clock, and can't be told otherwise: it checks the dates too.
"""

import acts
import tls
from _link import act

PROTOCOL_TLS_CLIENT = tls.PROTOCOL_TLS_CLIENT
CERT_NONE = tls.CERT_NONE
CERT_REQUIRED = tls.CERT_REQUIRED
_TEXTS = ("", "The certificate validity has expired\n", "The certificate validity starts in the future\n")


class SSLContext:
    def __init__(self, protocol):
        self._context = tls.SSLContext(protocol)
        self._wrong = 0

    @property
    def verify_mode(self):
        return self._context.verify_mode

    @verify_mode.setter
    def verify_mode(self, mode):
        self._context.verify_mode = mode
        self._context.verify_callback = self._dates if mode else None

    def _dates(self, certificate, depth):
        self._wrong = act(acts.TLS_DATES, depth, data=certificate) or self._wrong
        return 0

    def load_verify_locations(self, cafile=None, cadata=None):
        self._context.load_verify_locations(cadata)

    def wrap_socket(self, sock, server_side=False, do_handshake_on_connect=True, server_hostname=None):
        self._wrong = 0
        try:
            stream = self._context.wrap_socket(sock, server_hostname=server_hostname)
        except ValueError as error:
            raise ValueError(str(error) + _TEXTS[self._wrong])
        if self._wrong:
            raise ValueError(_TEXTS[self._wrong])
        return stream
