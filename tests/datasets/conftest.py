"""Fixtures: a machine without any data sets, and stand-ins for their sources."""

import dataclasses
import os
import sys

import pytest
from standins import APT_GET, CONTENTS, DPKG_DEB, ZIPPED, Mirror, data_file, pack

from fastcnn.datasets import fashion_mnist


@pytest.fixture
def mirrors():
    pair = Mirror(), Mirror()
    yield pair
    for mirror in pair:
        mirror.close()


@pytest.fixture(autouse=True)
def empty_machine(tmp_path, monkeypatch):
    """An empty home, cache, environment and PATH; each test creates what it needs."""
    for name in list(os.environ):
        if name.startswith("FASTCNN_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name in ("XDG_CACHE_HOME", "KERAS_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("home", "work", "bin"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.chdir(tmp_path / "work")


@pytest.fixture
def dataset(tmp_path):
    """Fashion-MNIST's description with small files, no mirrors, and a local Debian folder."""
    files = tuple(data_file(name, content, gzipped=True) for name, content in CONTENTS.items())
    elsewhere = fashion_mnist.DATASET.elsewhere | {"Debian's package": str(tmp_path / "debian")}
    return dataclasses.replace(
        fashion_mnist.DATASET, files=files, mirrors=(), elsewhere=elsewhere, debian_package=None
    )


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "home" / ".cache" / "fastcnn" / "fashion-mnist"


@pytest.fixture
def apt(tmp_path):
    """Install stand-ins for apt-get and dpkg-deb; calling the fixture returns apt-get's calls."""
    for name, text in (("apt-get", APT_GET), ("dpkg-deb", DPKG_DEB)):
        script = tmp_path / "bin" / name
        script.write_text(text.format(python=sys.executable))
        script.chmod(0o755)
    pack(tmp_path, ZIPPED)
    log = tmp_path / "bin" / "log"
    return lambda: (
        [line.split("\t") for line in log.read_text().splitlines()] if log.exists() else []
    )


@pytest.fixture
def packaged(dataset):
    return dataclasses.replace(dataset, debian_package="the-package")
