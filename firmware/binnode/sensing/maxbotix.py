"""R1234 and a carriage return: HRXL-MaxSonar-WR. Its text after power-on and stray bytes are passed over."""


def decode(data):
    """mm of the first frame in `data`, None when there is none."""
    end = data.find(b"\r")
    while end >= 0:
        if end >= 5 and data[end - 5] == 0x52 and data[end - 4 : end].isdigit():
            return int(data[end - 4 : end])
        end = data.find(b"\r", end + 1)
    return None
