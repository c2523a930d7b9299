# SPDX-License-Identifier: Apache-2.0
"""Adapters over the kernel: rtnetlink (pyroute2), nftables (nft) and sysctls. Effects only, no decisions."""
