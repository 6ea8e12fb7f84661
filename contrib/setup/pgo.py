"""Whether this Python was built with profile-guided optimisation, which makes it a tenth to a fifth quicker; as a
program: exit status 0 when it was, and is new enough for whisperd.

Debian and Ubuntu build theirs in two ways, and describe the other one in ``sysconfig``: theirs are known by their
install scheme. [Debian, python3.11, debian/rules]
"""

import sys
import sysconfig


def with_pgo():
    """Return whether this interpreter was."""
    options = sysconfig.get_config_var("CONFIG_ARGS") or ""
    return "--enable-optimizations" in options or "deb_system" in sysconfig.get_scheme_names()


if __name__ == "__main__":
    sys.exit(sys.version_info < (3, 11) or not with_pgo())
