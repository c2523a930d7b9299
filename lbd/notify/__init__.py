# SPDX-License-Identifier: Apache-2.0
"""Telling others: scripts, FIFOs and mail.

Scripts run in a process of their own, the *launcher*, one for each role: forking, slow disks and whatever a script
does to its parent then happen where no advert waits. ``Scripts`` is what a role holds of it.
"""

from lbd.notify.fifo import Fifos
from lbd.notify.mail import Letter
from lbd.notify.messages import Ended, Outcome
from lbd.notify.scripts import Scripts

__all__ = ["Ended", "Fifos", "Letter", "Outcome", "Scripts"]
