"""The configuration: whisperd.toml, the environment and systemd credentials go in, one frozen ``Config`` comes out."""

from whisperd.config.config import daemon_socket as daemon_socket
from whisperd.config.config import default_path as default_path
from whisperd.config.config import default_socket as default_socket
from whisperd.config.config import load as load
from whisperd.config.keys import AT_START as AT_START
from whisperd.config.keys import KEYS as KEYS
from whisperd.config.keys import LIVE as LIVE
from whisperd.config.keys import Key as Key
from whisperd.config.keys import Value as Value
from whisperd.config.sections import BUILT_IN as BUILT_IN
from whisperd.config.sections import Config as Config
from whisperd.config.sections import ControlSection as ControlSection
from whisperd.config.sections import DaemonSection as DaemonSection
from whisperd.config.sections import LogSection as LogSection
from whisperd.config.sections import OnionSection as OnionSection
from whisperd.config.sections import PeerSection as PeerSection
from whisperd.config.sections import RelaySection as RelaySection
from whisperd.config.sections import StoreSection as StoreSection
from whisperd.config.sections import TorSection as TorSection
