# SPDX-License-Identifier: Apache-2.0
"""Whole configurations drawn at random, and a catalogue of faults to put into them, each of which is one message.

A file is a list of root blocks, a block a list of lines. A fault is put into a block of its own.
"""

from __future__ import annotations

import random
from collections.abc import Callable

Block = list[str]
Fault = Callable[[Block, random.Random], Block | None]
"""The block with the fault, or None if the block has no place for it."""

BLOCKS = 16
NOT_YET = {"LB0115", "LB0116", "LB0416"}
"""Messages that say only how far this version has come."""


def configuration(chance: random.Random, blocks: int = BLOCKS) -> list[Block]:
    """Without a fault. Instances are members of a sync group, services use a local_address_group: names are used."""
    kinds = [_instance, _service, _full_nat]
    made = [kinds[n % 3](n, chance) for n in range(blocks - 4)]
    names = [block[0].split()[1] for block in made if block[0].startswith("vrrp_instance")]
    group = ["vrrp_sync_group G {", "    group {", *(f"        {name}" for name in names), "    }", "}"]
    script = ["vrrp_script chk {", "    script /bin/true", "    interval 2", "    fall 2", "}"]
    local = ["local_address_group L {", "    10.9.0.1-10.9.0.9 eth0", "}"]
    settings = [
        "global_defs {",
        "    router_id lb1",
        "    enable_script_security",
        "    script_user root",
        "    vrrp_garp_master_repeat 3",
        "}",
    ]
    return [settings, script, local, *made, group]


def _instance(n: int, chance: random.Random) -> Block:
    return [
        f"vrrp_instance VI_{n} {{",
        "    interface eth0",
        "    state BACKUP",
        f"    virtual_router_id {n + 1}",
        f"    priority {chance.randint(1, 254)}",
        "    advert_int 1",
        "    lower_prio_no_advert on",
        "    virtual_ipaddress {",
        f"        10.0.{n}.1/24",
        f"        10.0.{n}.2/24 dev eth1",
        "    }",
        "    track_script {",
        "        chk",
        "    }",
        "    garp_master_delay 3",
        "}",
    ]


def _service(n: int, chance: random.Random, method: str = "NAT", extra: Block | None = None) -> Block:
    servers = chance.randint(2, 4)
    lines = [
        f"virtual_server 10.0.{n}.1 80 {{",
        "    lb_algo wrr",
        f"    lb_kind {method}",
        "    protocol TCP",
    ]
    lines += [f"    delay_loop {chance.randint(6, 60)}", *(extra or [])]
    for server in range(servers):
        lines += [
            f"    real_server 10.1.{n}.{server + 1} 80 {{",
            f"        weight {chance.randint(1, 9)}",
            "        TCP_CHECK {",
            "            connect_timeout 3",
            "            retry 2",
            "        }",
            "    }",
        ]
    return [*lines, "}"]


def _full_nat(n: int, chance: random.Random) -> Block:
    return _service(n, chance, "FNAT", ["    laddr_group_name L"])


def written(blocks: list[Block]) -> str:
    return "".join(line + "\n" for block in blocks for line in block)


def _lines(block: Block, *starts: str) -> list[int]:
    return [n for n, line in enumerate(block) if line.split()[:1] and line.split()[0] in starts]


def _change(
    block: Block, chance: random.Random, starts: tuple[str, ...], change: Callable[[str], str]
) -> Block | None:
    found = _lines(block, *starts)
    if not found:
        return None
    at = chance.choice(found)
    return [*block[:at], change(block[at]), *block[at + 1 :]]


def typo(word: str, chance: random.Random) -> str:
    """One character left out, put in, exchanged for another or for its neighbour; never the word itself."""
    while True:
        at = chance.randrange(len(word))
        letter = chance.choice("abcdefghijklmnopqrstuvwxyz")
        new = chance.choice(
            [
                word[:at] + word[at + 1 :],
                word[:at] + letter + word[at:],
                word[:at] + letter + word[at + 1 :],
                word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :],
            ]
        )
        if new and new != word:
            return new


LEAVES = ("interface", "priority", "virtual_router_id", "lb_algo", "lb_kind", "protocol", "delay_loop", "weight",
          "connect_timeout", "script", "interval", "router_id", "laddr_group_name", "garp_master_delay")  # fmt: skip


def misspelt_keyword(block: Block, chance: random.Random) -> Block | None:
    def change(line: str) -> str:
        word = line.split()[0]
        return line.replace(word, typo(word, chance), 1)

    return _change(block, chance, LEAVES, change)


def misspelt_inner_block(block: Block, chance: random.Random) -> Block | None:
    names = ("real_server", "TCP_CHECK", "virtual_ipaddress", "track_script", "group")
    return _change(block, chance, names, lambda line: line.replace(w := line.split()[0], typo(w, chance), 1))


def misspelt_root_block(block: Block, chance: random.Random) -> Block | None:
    word = block[0].split()[0]
    return [block[0].replace(word, typo(word, chance), 1), *block[1:]]


def out_of_range(block: Block, chance: random.Random) -> Block | None:
    values = {
        "priority": "300",
        "virtual_router_id": "256",
        "retry": "-1",
        "delay_loop": "0",
        "advert_int": "256",
    }
    return _change(block, chance, tuple(values), lambda line: _valued(line, values[line.split()[0]]))


def no_number(block: Block, chance: random.Random) -> Block | None:
    names = ("priority", "virtual_router_id", "delay_loop", "connect_timeout", "retry")
    return _change(block, chance, names, lambda line: _valued(line, "many"))


def no_boolean(block: Block, chance: random.Random) -> Block | None:
    return _change(block, chance, ("lower_prio_no_advert",), lambda line: _valued(line, "maybe"))


def no_address(block: Block, chance: random.Random) -> Block | None:
    found = [n for n, line in enumerate(block) if line.strip().startswith("10.0.")]
    if not found:
        return None
    at = chance.choice(found)
    return [*block[:at], block[at].replace("10.0.", "10.0.0.", 1), *block[at + 1 :]]


def unknown_scheduler(block: Block, chance: random.Random) -> Block | None:
    return _change(block, chance, ("lb_algo",), lambda line: _valued(line, "loadbalance"))


def unknown_method(block: Block, chance: random.Random) -> Block | None:
    return _change(block, chance, ("lb_kind",), lambda line: _valued(line, "nat"))


def unmatched_quote(block: Block, chance: random.Random) -> Block | None:
    return _change(block, chance, LEAVES, lambda line: _valued(line, '"' + line.split()[1]))


def undefined_name(block: Block, chance: random.Random) -> Block | None:
    return _change(block, chance, LEAVES, lambda line: _valued(line, "${NOBODY}"))


def undefined_short_name(block: Block, chance: random.Random) -> Block | None:
    names = ("priority", "virtual_router_id", "delay_loop", "weight")
    return _change(block, chance, names, lambda line: _valued(line, "$NOBODY"))


def missing_value(block: Block, chance: random.Random) -> Block | None:
    names = ("priority", "virtual_router_id", "delay_loop", "weight", "interface")
    return _change(
        block, chance, names, lambda line: line[: len(line) - len(line.lstrip())] + line.split()[0]
    )


def missing_closing_brace(block: Block, chance: random.Random) -> Block | None:
    at = chance.choice([n for n, line in enumerate(block) if line.strip() == "}"])
    return [*block[:at], *block[at + 1 :]]


def missing_opening_brace(block: Block, chance: random.Random) -> Block | None:
    at = chance.choice([n for n, line in enumerate(block) if line.endswith("{")])
    return [*block[:at], block[at].removesuffix(" {"), *block[at + 1 :]]


def closing_brace_too_many(block: Block, chance: random.Random) -> Block | None:
    at = chance.randrange(1, len(block) + 1)
    return [*block[:at], "}", *block[at:]]


def opening_brace_too_many(block: Block, chance: random.Random) -> Block | None:
    at = chance.randrange(1, len(block) + 1)
    return [*block[:at], "{", *block[at:]]


def unknown_word(block: Block, chance: random.Random) -> Block | None:
    return _put_in(block, chance, ["    frobnicate 3"])


def unknown_block(block: Block, chance: random.Random) -> Block | None:
    return _put_in(
        block, chance, ["    frobnicate x {", "        priority 300", "        a {", "        }", "    }"]
    )


def nul_byte(block: Block, chance: random.Random) -> Block | None:
    return _put_in(block, chance, ["    \0"])


def bad_generator(block: Block, chance: random.Random) -> Block | None:
    return _put_in(block, chance, ["    ~SEQ(N, one, 3) frobnicate $N"])


def real_server_twice(block: Block, chance: random.Random) -> Block | None:
    found = _lines(block, "real_server")
    return None if not found else [*block[:-1], block[found[0]], "    }", "}"]


def _put_in(block: Block, chance: random.Random, lines: Block) -> Block | None:
    """Between two lines of the outermost block, which is one of keywords."""
    if block[0].startswith("local_address_group"):
        return None
    places = [n for n, line in enumerate(block) if n and line.startswith("    ") and not line.startswith("     ")
              and line.strip() != "}"]  # fmt: skip
    at = chance.choice(places)
    return [*block[:at], *lines, *block[at:]]


def _valued(line: str, value: str) -> str:
    word = line.split()[0]
    return f"{line[: len(line) - len(line.lstrip())]}{word} {value}"


CATALOGUE: tuple[Fault, ...] = (
    misspelt_keyword, misspelt_inner_block, misspelt_root_block, out_of_range, no_number, no_boolean, no_address,
    unknown_scheduler, unknown_method, unmatched_quote, undefined_name, undefined_short_name, missing_value,
    missing_closing_brace, missing_opening_brace, closing_brace_too_many, opening_brace_too_many, unknown_word,
    unknown_block, nul_byte, bad_generator, real_server_twice,
)  # fmt: skip


def spoilt(chance: random.Random, faults: int) -> tuple[str, list[str]]:
    """A configuration with as many faults, in blocks of their own, and the names of the faults."""
    blocks = configuration(chance)
    names: list[str] = []
    for at in chance.sample(range(len(blocks)), faults):
        while True:
            fault = chance.choice(CATALOGUE)
            new = fault(blocks[at], chance)
            if new is not None:
                break
        blocks[at] = new
        names.append(f"{fault.__name__} in {blocks[at][0].strip()!r}")
    return written(blocks), names
