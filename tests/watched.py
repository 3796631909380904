"""A Redis that Sentinels watch over: a primary, replicas and Sentinels as processes, all of which may be hurt."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, Self, final

import redis
from redis.backoff import ConstantBackoff
from redis.exceptions import ResponseError
from redis.retry import Retry

from pullback.broker.embedded import free_port, leashed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pullback.broker.embedded import Server

HOST = "127.0.0.1"
NAME = "mine"
PASSWORD = "of a/redis"  # noqa: S105 - of servers that live for one test
QUOTED = "of%20a%2Fredis"
SENTINEL_PASSWORD = "of-sentinels"  # noqa: S105

# How long a server may take to start, a fail-over, and a lost server to be a replica of the new one, in seconds.
START_SECONDS = 20.0
SWITCH_SECONDS = 30.0

# Sentinels try a fail-over again after twice this, where their votes were split.
FAILOVER_TIMEOUT_MS = 2_000
REJOIN_SECONDS = 60.0


@final
class Node:
    """One server, which may be killed, started again on the same data, and frozen."""

    def __init__(self, name: str, command: Sequence[str], port: int, folder: Path) -> None:
        self.name = name
        self.place = (HOST, port)
        self._command = leashed(command, signal.SIGKILL)
        self._log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the server that runs, or ran last."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Starts the server and waits until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        # It has no other event: what it writes goes to a file, so that nobody must read along.
        patience = Retry(ConstantBackoff(0.02), int(START_SECONDS / 0.02))
        with self.client(retry=patience, socket_timeout=START_SECONDS) as client:
            client.ping()

    def kill(self) -> None:
        """Kills the server as a power cut would, and waits until it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def freeze(self) -> None:
        """Stops the server from running; its connections stay open."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets a frozen server run on."""
        os.kill(self.pid, signal.SIGCONT)

    def client(self, **options: Any) -> redis.Redis:
        """Makes a client of this server alone."""
        password = SENTINEL_PASSWORD if self.name.startswith("sentinel") else PASSWORD
        return redis.Redis(*self.place, password=password, **options)


@final
class WatchedRedis:
    """All the servers; a context manager. The first of `nodes` begins as the primary.

    Args:
        folder: of their data, made here.
        server: the binary of all of them.
        replicas: how many replicas.
        sentinels: how many Sentinels; most of them must agree.
        down_after_ms: after how much silence a server counts as down.
        options: more settings of Redis, as on its command line.
    """

    def __init__(
        self,
        folder: Path,
        server: Server,
        *,
        replicas: int = 1,
        sentinels: int = 1,
        down_after_ms: int = 1_000,
        options: Sequence[str] = (),
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._server = server
        self._options = options
        self._down_after_ms = down_after_ms
        self._quorum = sentinels // 2 + 1
        self._primary_port = free_port()
        self.nodes = [self._node(0, self._primary_port)]
        self.nodes += [self._node(number, free_port()) for number in range(1, replicas + 1)]
        self.sentinels = [self._sentinel(number) for number in range(1, sentinels + 1)]
        self._stack = ExitStack()

    @property
    def url(self) -> str:
        """The URL to connect to, which names the Sentinels."""
        places = ",".join(f"{host}:{port}" for host, port in (each.place for each in self.sentinels))
        return f"redis+sentinel://:{QUOTED}@{places}/{NAME}/0?sentinel_password={SENTINEL_PASSWORD}"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for node in self.nodes:
                stack.callback(node.kill)
                node.start()
            with self.nodes[0].client(socket_timeout=None) as primary:
                # Sentinels look for replicas when they start, and then every ten seconds.
                assert primary.wait(len(self.nodes) - 1, int(1000 * START_SECONDS)) == len(self.nodes) - 1
            for sentinel in self.sentinels:
                stack.callback(sentinel.kill)
                sentinel.start()
            for sentinel in self.sentinels:
                self._await_company(sentinel)
            self._news = stack.enter_context(self.sentinels[0].client().pubsub())  # type: ignore[no-untyped-call]
            self._news.subscribe("+switch-master")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def primary(self) -> Node:
        """Gives the node that the first Sentinel holds for the primary."""
        with self.sentinels[0].client() as sentinel:
            about: Any = sentinel.sentinel_masters()[NAME]
        return self._at(about["ip"], about["port"])

    def wait_for_switch(self, lost: Node) -> Node:
        """Waits until the Sentinels made another node than the lost one the primary, and gives it."""
        while True:
            # Told are fail-overs before, too: Sentinels may make one for no reason on a busy machine.
            if (now := self.primary()) is not lost:
                return now
            assert self._news.get_message(timeout=SWITCH_SECONDS), "there was no fail-over"

    def rejoin(self, lost: Node) -> None:
        """Starts a lost node again, and waits until it follows the primary, whichever that is by now."""
        lost.start()
        until = time.monotonic() + REJOIN_SECONDS
        while True:
            assert time.monotonic() < until, f"{lost.name} follows nobody, and nobody follows it"
            primary = self.primary()
            for node in self.nodes:
                if node is not primary:
                    with node.client() as client:
                        # Sentinels do so by themselves, after some ten seconds.
                        client.replicaof(*primary.place)
            # Refused by one that is a replica still, or again.
            with primary.client(socket_timeout=None) as client, suppress(ResponseError):
                if (
                    client.wait(len(self.nodes) - 1, 1_000) == len(self.nodes) - 1
                    and primary is self.primary()
                ):
                    return

    def _at(self, host: str, port: int) -> Node:
        (node,) = (each for each in self.nodes if each.place == (host, port))
        return node

    def _await_company(self, sentinel: Node) -> None:
        """Waits until a Sentinel knows all replicas and all others of its kind."""
        with sentinel.client() as client, client.pubsub() as news:
            news.psubscribe("*")
            while True:
                about: Any = client.sentinel_masters()[NAME]
                known = about["num-slaves"], about["num-other-sentinels"]
                if known == (len(self.nodes) - 1, len(self.sentinels) - 1):
                    return
                assert news.get_message(timeout=START_SECONDS), f"{sentinel.name} is alone: {known}"

    def _node(self, number: int, port: int) -> Node:
        data = self._folder / f"redis-{number}"
        data.mkdir()
        replica = ("--replicaof", HOST, str(self._primary_port)) if number else ()
        command = (
            str(self._server.path), "--port", str(port), "--bind", HOST, "--dir", str(data), "--save", "",
            "--appendonly", "yes", "--requirepass", PASSWORD, "--masterauth", PASSWORD,
            "--repl-diskless-sync-delay", "0", *replica, *self._options,
        )  # fmt: skip
        return Node(f"redis-{number}", command, port, self._folder)

    def _sentinel(self, number: int) -> Node:
        port = free_port()
        config = self._folder / f"sentinel-{number}.conf"
        config.write_text(
            f"port {port}\nbind {HOST}\ndir {self._folder}\n"
            f"requirepass {SENTINEL_PASSWORD}\nsentinel sentinel-pass {SENTINEL_PASSWORD}\n"
            f"sentinel monitor {NAME} {HOST} {self._primary_port} {self._quorum}\n"
            f'sentinel auth-pass {NAME} "{PASSWORD}"\n'
            f"sentinel down-after-milliseconds {NAME} {self._down_after_ms}\n"
            f"sentinel failover-timeout {NAME} {FAILOVER_TIMEOUT_MS}\n"
        )
        return Node(
            f"sentinel-{number}", (str(self._server.path), str(config), "--sentinel"), port, self._folder
        )
