"""Packaging of whisperd: two console scripts, the bundled plug-ins, man pages and completions."""

from glob import glob
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.bdist_wheel import bdist_wheel

HERE = Path(__file__).parent


class ReproducibleWheel(bdist_wheel):
    """Makes a wheel in which every file has the same mode, whatever it has in the tree."""

    def write_wheelfile(self, wheelfile_base, *rest, **more):
        super().write_wheelfile(wheelfile_base, *rest, **more)
        for path in Path(wheelfile_base).parent.rglob("*"):  # all that goes into the wheel lies there by now
            path.chmod(0o755 if path.is_dir() else 0o644)


VERSION = next(
    line.split('"')[1] for line in (HERE / "whisperd/__init__.py").read_text().splitlines() if "__version__" in line
)

REQUIRES = [
    "twisted>=25.5,<27",
    "txtorcon>=26.6,<27",
    "autobahn>=26.10,<27",
    "automat>=25.4,<26",
    "zope.interface>=7,<9",
    "pynacl>=1.6,<2",
    "cryptography>=50,<52",
    "pyopenssl>=26,<28",
    "blake3>=1.0,<2",
    "msgspec>=0.21,<0.23",
    "click>=8.1,<9",
    "rich>=14,<16",
    "prompt_toolkit>=3.0.50,<4",
    "segno>=1.6,<2",
    "mnemonic>=0.21,<0.22",
    "argon2-cffi>=23.1,<26",
]

EXTRAS = {
    "falcon": ["pqcrypto==0.4.*"],
    "keyring": ["keyring>=25,<27"],
    "test": [
        "setuptools>=77,<90",
        "pytest>=8.3,<10",
        "pytest-twisted>=1.14,<2",
        "pytest-xdist>=3.6,<4",
        "hypothesis>=6.130,<7",
        "h11>=0.16,<0.17",
        "ruff>=0.14,<0.18",
        "mypy>=1.18,<3",
        "doubleratchet>=1.3,<2",
        "pqcrypto==0.4.*",
        "keyring>=25,<27",
        "pyyaml>=6,<7",
    ],
}

setup(
    name="whisperd",
    version=VERSION,
    description="Private conversation that leaves nothing behind: a Tor onion relay and post-quantum peers",
    long_description=(HERE / "README.md").read_text() if (HERE / "README.md").exists() else "",
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.11",
    packages=[*find_packages(include=["whisperd", "whisperd.*"]), "whisperd_plugins"],
    package_dir={"whisperd_plugins": "plugins/whisperd_plugins"},
    install_requires=REQUIRES,
    extras_require=EXTRAS,
    entry_points={
        "console_scripts": [
            "whisperd = whisperd.cli.entry_points:whisperd",
            "whisperctl = whisperd.cli.entry_points:whisperctl",
        ],
    },
    data_files=[
        *((f"share/man/man{section}", sorted(glob(f"man/*.{section}"))) for section in (1, 5, 7, 8)),
        ("share/bash-completion/completions", sorted(glob("contrib/completions/*.bash"))),
        ("share/zsh/site-functions", sorted(glob("contrib/completions/_*"))),
        ("share/fish/vendor_completions.d", sorted(glob("contrib/completions/*.fish"))),
        ("lib/systemd/system", ["contrib/systemd/whisperd.service"]),
        ("lib/sysusers.d", ["contrib/systemd/sysusers.d/whisperd.conf"]),
        ("lib/tmpfiles.d", ["contrib/systemd/tmpfiles.d/whisperd.conf"]),
        ("lib/systemd/user", ["contrib/systemd/user/whisperd.service"]),
    ],
    cmdclass={"bdist_wheel": ReproducibleWheel},
    zip_safe=False,
)
