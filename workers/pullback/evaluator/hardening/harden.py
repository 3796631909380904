"""The order in which an evaluator gives up what it does not need."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pullback.evaluator.hardening import bounds, landlock, privileges, seccomp
from pullback.evaluator.hardening.protections import Protection, Protections

if TYPE_CHECKING:
    from pullback.contract.limits import Limits

# Standard input, output and error.
_STANDARD = 3

_ON_A_GPU = "its driver needs them"


class Hardening:
    """Hardens evaluators. Made once, in the template: what each of them has is known before the first.

    What was found to be available is applied or the evaluator does not start: none has less than the worker said.

    Attributes:
        protections: what each evaluator has.
    """

    def __init__(self, device: str, limits: Limits) -> None:
        """Finds out what there is.

        Args:
            device: "cpu" or "cuda". What a GPU's driver needs is not taken from it.
            limits: the bounds on an evaluation, which bound the memory of an evaluator.
        """
        self._limits = limits
        self._is_cpu = device == "cpu"
        self._is_root = os.geteuid() == 0
        self._filter, why_no_filter = seccomp.make(device)
        missing: dict[Protection, str] = {}
        if not self._is_cpu:
            missing |= {
                Protection.RLIMITS: _ON_A_GPU,
                Protection.LANDLOCK: "its driver opens files",
            }
            if self._is_root:
                missing[Protection.UNPRIVILEGED] = "the worker is root"
        elif not landlock.version():
            missing[Protection.LANDLOCK] = "this kernel has none"
        if self._filter is None:
            missing[Protection.SECCOMP] = why_no_filter
        self.protections = Protections(
            tuple(each for each in Protection if each not in missing), tuple(missing.items())
        )

    def isolate(self, connection_fd: int) -> None:
        """Parts an evaluator from the process it was forked from. Called first of all.

        Args:
            connection_fd: the one descriptor that it keeps beside the standard ones.

        Raises:
            OSError: the kernel refused.
        """
        os.setsid()
        os.closerange(_STANDARD, connection_fd)
        os.closerange(connection_fd + 1, os.sysconf("SC_OPEN_MAX"))
        bounds.forbid_core_dumps()
        if self._is_root and self._is_cpu:
            privileges.become_nobody()

    def confine(self) -> None:
        """Takes from an evaluator what it needs no more, once its engine has started.

        Raises:
            OSError: the kernel refused.
        """
        if self._is_cpu:
            bounds.bound_memory(self._limits)
            bounds.forbid_files()
        privileges.gain_no_rights()
        if Protection.LANDLOCK in self.protections.on:
            landlock.restrict()
        if self._filter is not None:
            self._filter.load()
