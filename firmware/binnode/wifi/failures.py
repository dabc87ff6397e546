"""What the numbers and words of the Wi-Fi driver, the broker and mbedTLS mean. Loaded after a failure."""

# network.STAT_*, and the reasons of ESP-IDF (wifi_err_reason_t) that the port passes on as they are.
_JOIN = {
    2: "authentication expired: signal too weak?",
    15: "handshake timed out: wrong wifi_key, or signal too weak",
    200: "access point lost: signal too weak",
    201: "no such network: check wifi_ssid, and that it is on 2.4 GHz and in reach",
    202: "wrong password: set wifi_key anew",
    203: "refused by the access point: too many devices, or this one is not allowed",
    204: "handshake timed out: wrong wifi_key, or signal too weak",
    210: "no network of that name with a security the chip knows",
    211: "network is less secure than demanded",
    212: "signal too weak",
    # Not failures, but what the status was when the time was over.
    1000: "out of time: no DHCP server, or wifi_budget_ms too small",
    1001: "out of time: no DHCP server, or wifi_budget_ms too small",
}

# Return codes of CONNACK (MQTT 3.1.1, 3.2.2.3).
_BROKER = {
    1: "the broker does not speak MQTT 3.1.1",
    2: "the broker refuses the client id: binnode config set name",
    3: "the broker is unavailable: it will be tried again",
    4: "bad user name or password: binnode config set mqtt_user, mqtt_key",
    5: "not authorised: allow mqtt_user on the broker",
}

# What mbedTLS says of a certificate (x509.h, mbedtls_x509_crt_verify_info), what it means, and whether it is about its
# dates: the most telling first.
_CERTIFICATE = (
    ("trusted CA", "the broker's certificate is not from the CA in ca.der", False),
    ("CN", "the broker's certificate is for another name than mqtt_host", False),
    ("expired", "the broker's certificate has expired", True),
    ("future", "the broker's certificate is not valid yet", True),
)

# Error numbers of mbedTLS (ssl.h).
_HANDSHAKE = {
    -0x7280: "the broker closed the connection in the TLS handshake",
    -0x7200: "no TLS there: check mqtt_port (8883 is usual)",
    -0x7780: "the broker refuses the TLS handshake: no cipher in common?",
}


def of_join(status):
    """Why a network with this wlan.status() was not joined."""
    return _JOIN.get(status) or "Wi-Fi reason %d of ESP-IDF" % status


def of_broker(code):
    """Why the broker said no."""
    return _BROKER.get(code) or "the broker refuses with code %d" % code


def of_certificate(said):
    """(what is wrong with the broker's certificate, whether it is about its dates); `said`: mbedTLS's words."""
    for word, meaning, dates in _CERTIFICATE:
        if word in said:
            return meaning, dates
    return "the broker's certificate is refused: " + said.strip(), False


def of_handshake(number):
    """Why TLS did not come about."""
    return _HANDSHAKE.get(number) or "TLS handshake failed: error %s" % number
