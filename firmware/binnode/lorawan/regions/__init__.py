"""Regions of LoRaWAN, one small file each; REGIONS.md has the table and says how to add one."""


def region(name):
    """The plan of EU868, KR920, IN865, US915, AU915, AS923-1 to AS923-4 or AS923-JP."""
    return __import__("binnode.lorawan.regions." + name[:5].lower(), None, None, ("Region",)).Region(name)
