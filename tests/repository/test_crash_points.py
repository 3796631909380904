from __future__ import annotations

from typing import TYPE_CHECKING

from tests.acceptance.drill.points import MOMENTS, POINTS, ROLES

from pullback.broker import scripts

if TYPE_CHECKING:
    from pathlib import Path


def test_every_script_has_its_crash_points(root: Path) -> None:
    """A process is killed before each script is sent and after its reply: a new script is added to the drill."""
    whole = {path.stem for path in root.glob("services/pullback/broker/lua/*.lua")} - _included(root)
    whole -= _read_only(root)
    assert set(ROLES) == set(scripts._SOURCES) - _read_only(root) == whole
    assert {(point.script, point.moment) for point in POINTS} == {
        (script, moment) for script in whole for moment in MOMENTS
    }


def _read_only(root: Path) -> set[str]:
    """Scripts between whose commands nothing can be half done."""
    paths = root.glob("services/pullback/broker/lua/*.lua")
    return {path.stem for path in paths if path.read_text().startswith("#!lua flags=no-writes\n")}


def _included(root: Path) -> set[str]:
    texts = [path.read_text() for path in root.glob("services/pullback/broker/lua/*.lua")]
    return {name for text in texts for name in scripts._INCLUDE.findall(text)}
