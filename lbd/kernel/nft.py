# SPDX-License-Identifier: Apache-2.0
"""Commands to nft(8), for tables that no process has to hold."""

from __future__ import annotations

import asyncio

TIMEOUT = 5.0
"""Seconds."""


async def nft(text: str) -> str:
    """One transaction. What it complains of; empty if it does not."""
    try:
        process = await asyncio.create_subprocess_exec(
            "nft", "-f", "-",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
    except OSError as error:
        return f"nft cannot be started ({error.strerror}): install nftables"
    try:
        _, errors = await asyncio.wait_for(process.communicate(text.encode()), TIMEOUT)
    except TimeoutError:
        process.kill()
        await process.wait()
        return f"nft did not answer within {TIMEOUT:g} s"
    return errors.decode(errors="replace").partition("\n")[0] if process.returncode else ""
