# SPDX-License-Identifier: Apache-2.0
"""VRRP (RFC 3768 v2, RFC 5798 and 9568 v3): packets and machines without I/O, and in ``io`` the shell around them."""
