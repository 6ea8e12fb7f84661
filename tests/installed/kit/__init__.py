"""The installed programs, and daemons of people who are not root: everything lies below /tmp, where any user may go."""

from tests.installed.kit.account import Account, Running, as_user
from tests.installed.kit.company import Company, heard, meet
from tests.installed.kit.daemon import Daemon
from tests.installed.kit.installation import Installation, installation
from tests.waiting import PATIENCE, until

__all__ = ["PATIENCE", "Account", "Company", "Daemon", "Installation", "Running", "as_user", "heard", "installation",
           "meet", "until"]
