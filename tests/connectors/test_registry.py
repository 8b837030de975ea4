from pathlib import Path

import pytest

from connectors.errors import ProfileError
from connectors.registry import PROFILES, load_registry


def test_it_knows_every_file_of_our_folder_by_its_id() -> None:
    registry = load_registry()

    assert set(registry) == {path.stem for path in PROFILES.glob("*.toml")}
    assert all(profile.id == name for name, profile in registry.items())


def test_it_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        load_registry()["x"] = load_registry()["generic"]  # type: ignore[index]


def test_an_operators_file_is_added_and_takes_the_place_of_ours(tmp_path: Path) -> None:
    ours = (PROFILES / "generic.toml").read_text(encoding="utf-8")
    (tmp_path / "generic.toml").write_text(ours.replace("Another SMART", "My own SMART"), encoding="utf-8")
    (tmp_path / "acme.toml").write_text(ours.replace('id = "generic"', 'id = "acme"'), encoding="utf-8")

    registry = load_registry(tmp_path)

    assert registry["generic"].name.startswith("My own SMART")
    assert "acme" in registry
    assert set(load_registry()) < set(registry)


def test_an_operators_mistake_stops_the_start_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "acme.toml").write_text("id = 1", encoding="utf-8")

    with pytest.raises(ProfileError, match=r"acme\.toml: "):
        load_registry(tmp_path)


def test_a_folder_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="not a folder"):
        load_registry(tmp_path / "nowhere")
