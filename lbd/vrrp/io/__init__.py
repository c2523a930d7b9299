# SPDX-License-Identifier: Apache-2.0
"""The shell around the machines: sockets, gratuitous ARP, and the runner with its one timer."""
