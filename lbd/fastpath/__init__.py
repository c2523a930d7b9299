# SPDX-License-Identifier: Apache-2.0
"""The fastpath: packets in, packets out. It has never heard of keepalived, quorum or VRRP.

Read ``api`` for the contract with everyone outside, ``worker.pxd`` for the way of a packet.
"""
