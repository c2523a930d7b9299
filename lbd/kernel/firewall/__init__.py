# SPDX-License-Identifier: Apache-2.0
"""The host's own firewall, read: nftables, iptables-nft and iptables-legacy become one kind of frozen values."""
