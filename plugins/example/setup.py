"""Packaging of whisperd-x448: a key exchange for whisperd, as a distribution of its own."""

from setuptools import setup

setup(
    name="whisperd-x448",
    version="1.0",
    description="A key exchange for whisperd: X448, authenticated by Ed25519 signatures",
    license="MIT",
    python_requires=">=3.11",
    py_modules=["whisperd_x448"],
    install_requires=["whisperd>=0.1", "cryptography>=50,<52", "pynacl>=1.6,<2", "zope.interface>=7,<9"],
    entry_points={"whisperd.kex": ["x448-signed = whisperd_x448:X448Signed"]},
)
