"""Builds by version, from a server of our own that offers them as micropython.org does."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from binnode_tools import boards
from binnode_tools.flashing import download
from binnode_tools.image import ImageError

from tests.unit.micropython_bin import micropython_bin

DEVKIT = boards.load("esp32_devkit")
OFFERED = ["20260824-v1.29.0", "20260406-v1.28.0", "20261003-v1.29.1", "20261101-v1.30.0-preview.12.g0123abc"]


class Site:
    """`pages`: path -> content; None: the answer breaks off. `asked`: the paths, in order."""

    def __init__(self):
        self.pages, self.asked = {}, []
        for build in ("ESP32_GENERIC", "ESP32_GENERIC_C3"):
            names = [f"/resources/firmware/{build}-{one}.bin" for one in OFFERED]
            names += [f"/resources/firmware/{build}-SPIRAM-20261003-v1.29.9.bin"]
            listed = "".join(f'<a href="{name}">.bin</a> <a href="{name[:-4]}.uf2">' for name in names)
            self.pages[f"/download/{build}/"] = f"<html>{listed}</html>".encode()
            for name in names:
                self.pages[name] = micropython_bin("esp32", version=name.split("-v")[1][:-4], filler=5000)


@pytest.fixture
def site(tmp_path, monkeypatch):
    offered = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            offered.asked.append(self.path)
            content = offered.pages.get(self.path, b"")
            self.send_response(200 if content or content is None else 404)
            self.send_header("Content-Length", str(len(content or b"x" * 500)))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, format, *args):
            pass

    monkeypatch.setenv("BINNODE_CACHE", str(tmp_path / "cache"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    offered.url = f"http://127.0.0.1:{server.server_port}/"
    yield offered
    server.shutdown()
    server.server_close()


def kept(tmp_path):
    return sorted(path.name for path in (tmp_path / "cache").iterdir()) if (tmp_path / "cache").exists() else []


def test_newest_patch_is_fetched_once_and_kept_with_its_checksum(site, tmp_path):
    said = []
    path = download.fetch(DEVKIT, "1.29", site.url, said.append)
    name = "ESP32_GENERIC-20261003-v1.29.1"
    assert path.name == f"{name}.bin" and said == [f"fetching {name}.bin from {site.url}"]
    assert path.read_bytes() == site.pages[f"/resources/firmware/{name}.bin"]
    assert kept(tmp_path) == [f"{name}.bin", f"{name}.sha256"]
    assert path.with_suffix(".sha256").read_text() == f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}.bin\n"
    asked = list(site.asked)
    assert download.fetch(DEVKIT, "1.29", site.url, said.append) == path
    assert site.asked == asked and len(said) == 1, "the second time it is there"


def test_version_in_full(site):
    assert download.fetch(DEVKIT, "1.29.0", site.url).name == "ESP32_GENERIC-20260824-v1.29.0.bin"
    assert download.fetch(DEVKIT, "1.28", site.url).name == "ESP32_GENERIC-20260406-v1.28.0.bin"


def test_version_that_is_not_offered(site):
    for version in ("1.30", "1.29.9", "1.2"):  # a preview; a variant; no prefix of letters
        with pytest.raises(ImageError, match=rf"offers no release {version} of ESP32_GENERIC: name another"):
            download.fetch(DEVKIT, version, site.url)


def test_cache_that_was_changed_is_not_used(site):
    path = download.fetch(DEVKIT, "1.28", site.url)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(ImageError, match=r"is not what was fetched \(SHA-256\): delete it"):
        download.fetch(DEVKIT, "1.28", site.url)
    path.unlink()
    assert download.fetch(DEVKIT, "1.28", site.url) == path
    path.with_suffix(".sha256").unlink()
    with pytest.raises(ImageError, match="SHA-256"):
        download.fetch(DEVKIT, "1.28", site.url)


@pytest.mark.parametrize("content", [None, b"<html>moved</html>", micropython_bin(filler=5000)[:-60]])
def test_what_is_no_whole_build_is_not_kept(site, tmp_path, content):
    site.pages["/resources/firmware/ESP32_GENERIC-20260406-v1.28.0.bin"] = content
    with pytest.raises(ImageError, match=r"sent no whole file|Nothing was kept|could not be reached"):
        download.fetch(DEVKIT, "1.28", site.url)
    assert kept(tmp_path) == []


def test_build_for_another_chip_is_not_kept(site, tmp_path):
    with pytest.raises(
        ImageError, match=r"ESP32_GENERIC_C3-20260406-v1\.28\.0\.bin, as .* sent it: is for another chip"
    ):
        download.fetch(boards.load("esp32c3"), "1.28", site.url)
    assert kept(tmp_path) == []


def test_without_the_internet_the_message_says_what_to_do_instead(site, tmp_path):
    remedy = r"Without the internet, take the \.bin from another computer .* and name it: --micropython FILE"
    with pytest.raises(ImageError, match=r"/download/ESP32_GENERIC/ could not be reached \(.*refused.*\)\. " + remedy):
        download.fetch(DEVKIT, "1.29", "http://127.0.0.1:9/")
    del site.pages["/download/ESP32_GENERIC/"]
    with pytest.raises(ImageError, match="answered 404 Not Found. " + remedy):
        download.fetch(DEVKIT, "1.29", site.url)
    assert kept(tmp_path) == []


def test_cache_lies_in_the_users_folder(monkeypatch, tmp_path):
    for name in ("BINNODE_CACHE", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert download.folder() == tmp_path / "binnode" / "micropython"
