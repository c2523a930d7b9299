# SPDX-License-Identifier: Apache-2.0
"""``lbctl config show`` and ``docs``: what is shown means the same, with its origin; pages are those of the table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lbd.cli import lbctl
from lbd.confparser import load
from lbd.confparser.docs import keyword
from lbd.confparser.explain import STORIES
from lbd.confparser.show import as_conf, as_json, effective
from tools.reference import DIRECTORY, PAGES

EXAMPLES = sorted((Path(__file__).parents[2] / "keepalived.conf.examples").glob("*.conf"))


def again(file: Path, directory: Path) -> None:
    """Parse, show, parse: the same model, and the same text once more."""
    loaded, shown = effective(str(file), config_id="host")
    text = as_conf(shown, secrets=True)
    new = directory / "shown.conf"
    new.write_text(text)
    second, shown_again = effective(str(new), config_id="host")
    assert second.config == loaded.config
    bare = as_conf(shown, origins=False, secrets=True)
    assert as_conf(shown_again, origins=False, secrets=True) == bare


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_examples_come_back(file: Path, tmp_path: Path) -> None:
    again(file, tmp_path)


@pytest.mark.parametrize("code", [code for code in STORIES if not STORIES[code].good.files])
def test_what_is_good_comes_back(code: str, tmp_path: Path) -> None:
    text = STORIES[code].good.text
    assert isinstance(text, str)
    file = tmp_path / "main.conf"
    file.write_text(text)
    again(file, tmp_path)


TEXT = """$NAME=VI_1
vrrp_instance $NAME {
    interface eth0
    virtual_router_id 51
    authentication {
        auth_type PASS
        auth_pass s3cret
    }
    @lbd notify "/bin/sh -c 'a  b'"
    ~LST(A, 1, 2) virtual_ipaddress { 10.0.0.${A}/24 }
}
"""


@pytest.fixture
def main(tmp_path: Path) -> Path:
    file = tmp_path / "main.conf"
    file.write_text(TEXT)
    return file


def test_what_is_shown(main: Path) -> None:
    _, shown = effective(str(main))
    assert as_conf(shown, defaults=False) == (
        f"vrrp_instance VI_1 {{  # {main}:2\n"
        f"    interface eth0  # {main}:3\n"
        f"    virtual_router_id 51  # {main}:4\n"
        f"    authentication {{  # {main}:5\n"
        f"        auth_type PASS  # {main}:6\n"
        f"        auth_pass ********  # {main}:7\n"
        "    }\n"
        f"    notify \"/bin/sh -c 'a  b'\"  # {main}:9\n"
        f"    virtual_ipaddress {{  # {main}:10\n"
        f"        10.0.0.1/24  # {main}:10\n"
        "    }\n"
        f"    virtual_ipaddress {{  # {main}:10\n"
        f"        10.0.0.2/24  # {main}:10\n"
        "    }\n"
        "}\n"
    )


def test_json_has_origins_and_defaults(main: Path) -> None:
    _, shown = effective(str(main))
    (instance,) = json.loads(as_json(shown))
    assert (instance["keyword"], instance["words"], instance["from"]) == (
        "vrrp_instance",
        ["VI_1"],
        f"{main}:2",
    )
    inner = {line["keyword"]: line for line in instance["block"]}
    assert inner["virtual_router_id"]["from"] == f"{main}:4"
    assert (inner["priority"]["words"], inner["priority"]["from"]) == (["100"], "default")
    assert "s3cret" not in as_json(shown)


def test_defaults_are_those_that_count(main: Path) -> None:
    main.write_text("global_defs {\n vrrp_down_timer_adverts 5\n}\n" + TEXT)
    _, shown = effective(str(main))
    assert "    # down_timer_adverts 5 (default)\n" in as_conf(shown)


def test_a_keyword_is_described_by_place() -> None:
    text, found = keyword("priority")
    assert found
    assert text.startswith("vrrp_instance/priority\n    255 is the owner")
    assert keyword("vrrp_instance/priority")[0] in text
    assert keyword("priorty") == ("there is no keyword priorty: did you mean priority?", False)


@pytest.mark.parametrize("name", PAGES)
def test_the_pages_are_those_of_the_table(name: str) -> None:
    written = (DIRECTORY / name).read_text(encoding="utf-8")
    assert written == PAGES[name](), "run: .venv/bin/python -m tools.reference"


def test_the_commands(main: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lbctl.main(["config", "show", "--no-defaults", str(main)]) == 0
    assert "auth_pass ****" in capsys.readouterr().out
    assert lbctl.main(["config", "show", "-o", "json", str(main)]) == 0
    assert json.loads(capsys.readouterr().out)
    assert lbctl.main(["config", "docs", "virtual_router_id"]) == 0
    assert lbctl.main(["config", "docs", "nonsense"]) == 1
    capsys.readouterr()
    assert lbctl.main(["explain", "lb0107"]) == 0
    assert capsys.readouterr().out.startswith("LB0107: unknown keyword")
    assert lbctl.main(["explain", "LB0503"]) == 0
    assert lbctl.main(["explain", "LB9999"]) == 1
    assert lbctl.main(["explain"]) == 0
    assert "LB0107" in capsys.readouterr().out


def test_check_and_lint(main: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main.write_text("vrrp_script chk {\n script /bin/true\n}\n")
    code = load(str(main)).exit_code
    assert lbctl.main(["config", "lint", "-o", "short", str(main)]) == 1
    assert capsys.readouterr().out.count("LB0714") == 1
    assert lbctl.main(["config", "check", str(main)]) == code
    assert "LB0714" in capsys.readouterr().out
    main.write_text("")
    assert lbctl.main(["config", "lint", str(main)]) == 0
