# SPDX-License-Identifier: Apache-2.0
"""What is tracked: scripts, processes and files, as machines without I/O, and in ``io`` what the kernel tells of them.

What a tracker's state means for a priority is not known here (``lbd.vrrp.tracking``), nor who runs scripts.
"""
