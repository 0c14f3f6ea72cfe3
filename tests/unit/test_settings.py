"""Settings: default, then environment, then flag; and each is documented."""

from dataclasses import fields
from pathlib import Path

import pytest

from artstore.errors import UsageError
from artstore.settings import PREFIX, Settings, env_name, folder_name


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for setting in fields(Settings):
        monkeypatch.delenv(env_name(setting), raising=False)
    monkeypatch.delenv("KERAS_HOME", raising=False)


def test_without_flags_and_environment_the_defaults_hold() -> None:
    assert Settings.load() == Settings()


def test_a_flag_wins_over_the_environment_and_that_over_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OGA_EMBEDDER", "colour")
    assert Settings.load().embedder == "colour"
    assert Settings.load(embedder=None).embedder == "colour"
    assert Settings.load(embedder="vgg16-classic").embedder == "vgg16-classic"


def test_values_of_the_environment_get_the_type_of_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {"DATA_DIR": "elsewhere", "EMBED": "Yes", "MAX_FILE_BYTES": "12"}.items():
        monkeypatch.setenv(PREFIX + name, text)
    monkeypatch.setenv("OGA_RECRAWL_AFTER_DAYS", "0.5")
    found = Settings.load()
    assert (found.data_dir, found.embed) == (Path("elsewhere"), True)
    assert (found.max_file_bytes, found.recrawl_after_days) == (12, 0.5)


@pytest.mark.parametrize(
    ("word", "value"), [("1", True), ("on", True), ("TRUE", True), ("0", False), ("no", False)]
)
def test_flags_are_words(word: str, value: bool) -> None:  # noqa: FBT001
    assert Settings.from_mapping({"OGA_EMBED": word}).embed is value


@pytest.mark.parametrize(
    ("name", "value"),
    [("OGA_MAX_FILE_BYTES", "2GB"), ("OGA_EMBED", "perhaps"), ("OGA_RECRAWL_AFTER_DAYS", [])],
)
def test_a_value_of_the_wrong_type_is_refused_by_its_name(name: str, value: object) -> None:
    with pytest.raises(UsageError, match=name):
        Settings.from_mapping({name: value})


def test_keys_that_are_not_ours_are_ignored() -> None:
    assert Settings.from_mapping({"OGA_NOTHING": "x", "embedder": "x", "EMBEDDER": "x"}) == Settings()


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OGA_DATA_DIR", "")
    monkeypatch.setenv("OGA_MAX_FILE_BYTES", "")
    assert Settings.load() == Settings()


def test_overriding_leaves_the_original_alone() -> None:
    original = Settings()
    assert original.override(embed=True).embed is True
    assert original == Settings()


def test_keras_home_names_the_weights_folder_unless_ours_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", "/keras")
    assert Settings.load().weights_dir == Path("/keras/models")
    monkeypatch.setenv("OGA_WEIGHTS_DIR", "/weights")
    assert Settings.load().weights_dir == Path("/weights")


def test_the_data_folder_holds_everything() -> None:
    settings = Settings(data_dir=Path("d"))
    assert settings.catalog_path == Path("d/catalog.db")
    assert settings.files_dir == Path("d/files")
    assert settings.features_dir("keras:ResNet50") == Path("d/features/keras-ResNet50")
    assert settings.index_path("colour") == Path("d/index/colour")
    assert ":" not in folder_name("keras:ResNet50")


def test_every_setting_says_what_it_is_for() -> None:
    for setting in fields(Settings):
        assert setting.metadata["help"].endswith("."), setting.name


def test_a_process_gets_enough_memory_to_begin() -> None:
    with pytest.raises(UsageError, match="OGA_MAX_EXAMINE_BYTES=100000000 is out of range"):
        Settings().override(max_examine_bytes=100_000_000)


@pytest.mark.parametrize(
    "name", ["decode_threads", "max_member_bytes", "works_per_page", "max_examine_bytes"]
)
def test_a_limit_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"OGA_{name.upper()}=.*out of range"):
        Settings().override(**{name: 0})
