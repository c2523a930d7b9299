# SPDX-License-Identifier: Apache-2.0
"""``lbd``: keepalived's command line. It answers questions (-t, -v) itself, the rest is the daemon's."""

from __future__ import annotations

import argparse
import atexit
import gc
import os
import resource
import signal
import sys
from typing import TYPE_CHECKING

import lbd
from lbd.cli.options import NOT_YET, parser

if TYPE_CHECKING:
    from lbd.daemon.options import Options

SIGNALS = {
    "STOP": signal.SIGTERM,
    "RELOAD": signal.SIGHUP,
    "DATA": signal.SIGUSR1,
    "STATS": signal.SIGUSR2,
    "STATS_CLEAR": signal.SIGRTMAX - 1,
    "JSON": signal.SIGRTMIN + 2,
}
TITLE = f"lbd v{lbd.__version__}"
ENTERED = "LBD_NETNS"
"""Set where ``-s`` has already taken us into the namespace."""


def main(argv: list[str] | None = None) -> int:
    words = sys.argv[1:] if argv is None else argv
    chosen = parser().parse_args(words)
    if chosen.version:
        print(f"{TITLE}, reads keepalived.conf as keepalived v2.2.7 does")
        return 0
    if chosen.signum:
        return _print_signal(chosen.signum)
    if chosen.genhash:
        return _refuse(f"-T/--genhash {NOT_YET}: use genhash(1) of keepalived, or curl -s URL | md5sum")
    if chosen.namespace and os.environ.get(ENTERED) != chosen.namespace:
        return _enter(chosen.namespace, words)
    if chosen.config_test is not None:
        if argv is None:
            _without_collector()
        return _test(chosen)
    return _run(chosen)


def _without_collector() -> None:
    """For a process that ends with its answer: two looks for garbage, one of them at the end, are a quarter of it."""
    gc.disable()
    atexit.register(gc.freeze)


def _print_signal(name: str) -> int:
    if name not in SIGNALS:
        return _refuse(f"Unknown sigfunc {name}: it is one of {', '.join(SIGNALS)}")
    print(int(SIGNALS[name]))
    return 0


def _enter(namespace: str, words: list[str]) -> int:
    """Start over inside the namespace; ``ip netns exec`` also gives us its /sys, which setns(2) alone does not."""
    if not os.path.exists(f"/run/netns/{namespace}"):
        return _refuse(f"there is no network namespace {namespace}: make it with ip netns add {namespace}")
    os.environ[ENTERED] = namespace
    command = ["ip", "netns", "exec", namespace, sys.executable, "-P", "-m", "lbd.cli.lbd", *words]
    try:
        os.execvp(command[0], command)
    except OSError as error:
        return _refuse(f"cannot run ip netns exec: {error.strerror}; install iproute2")


def _test(chosen: argparse.Namespace) -> int:
    """-t: say all that is wrong with the file, and end as keepalived does."""
    from lbd.confparser import colour_wanted, load, render
    from lbd.daemon.options import DEFAULT_FILE
    from lbd.daemon.parse import interfaces, networks

    file = chosen.use_file or DEFAULT_FILE
    loaded = load(
        file,
        config_id=chosen.config_id,
        interfaces=interfaces(),
        strict_includes=chosen.all_config,
        lint=True,
        networks=networks(),
    )
    form = chosen.message_format or ("short" if chosen.config_test else "human")
    colour = not chosen.config_test and colour_wanted(sys.stderr.isatty())
    text = render(loaded.diagnostics, form=form, colour=colour)
    if chosen.config_test:
        try:
            with open(chosen.config_test, "a", encoding="utf-8") as log:
                log.write(f"{text}\n" if text else "")
        except OSError as error:
            return _refuse(f"the messages cannot be written to {chosen.config_test}: {error.strerror}")
    elif text:
        print(text, file=sys.stdout if form in ("json", "sarif") else sys.stderr)
    return loaded.exit_code


def _run(chosen: argparse.Namespace) -> int:
    from lbd.daemon.start import start

    if chosen.umask is not None:
        os.umask(chosen.umask)
    if chosen.core_dump or chosen.core_dump_pattern is not None:
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return start(options(chosen), fork=not chosen.dont_fork, title=TITLE)


def options(chosen: argparse.Namespace) -> Options:
    """The command line as the daemon's options. Paths become absolute: a daemon leaves its directory."""
    from lbd.daemon import paths
    from lbd.daemon.logs import LogOptions
    from lbd.daemon.options import DEFAULT_FILE, Options

    def absolute(path: str | None) -> str | None:
        return os.path.abspath(path) if path else None

    alone = chosen.vrrp or chosen.check
    return Options(
        paths=paths.standard(
            namespace=chosen.namespace,
            run_dir=absolute(chosen.run_dir),
            main_pid=absolute(chosen.pid),
            vrrp_pid=absolute(chosen.vrrp_pid),
            checkers_pid=absolute(chosen.checkers_pid),
            bfd_pid=absolute(chosen.bfd_pid),
        ),
        file=os.path.abspath(chosen.use_file or DEFAULT_FILE),
        config_id=chosen.config_id,
        strict=chosen.strict,
        strict_includes=chosen.all_config,
        vrrp=chosen.vrrp or not alone,
        check=chosen.check or not alone,
        bfd=not chosen.no_bfd,
        all_children=chosen.all,
        respawn=not chosen.dont_respawn,
        release_vrrp=not chosen.dont_release_vrrp,
        release_ipvs=not chosen.dont_release_ipvs,
        interfaces=tuple(chosen.interface),
        exclude_interfaces=tuple(chosen.exclude_interface),
        workers=chosen.workers,
        spin=chosen.spin,
        dump=chosen.dump_conf,
        ignore_sigint=chosen.ignore_sigint,
        log=LogOptions(
            console=chosen.log_console,
            syslog=not chosen.no_syslog,
            facility=chosen.log_facility,
            detail=chosen.log_detail,
            file=absolute(chosen.log_file),
        ),
    )


def _refuse(sentence: str) -> int:
    print(f"lbd: {sentence}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
