# SPDX-License-Identifier: Apache-2.0
"""What the kernel tells of files (inotify) and processes (its connector)."""
