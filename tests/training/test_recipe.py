"""Recipes: read, overridden, written, and refused with a reason."""

from pathlib import Path

import pytest
from birefnet_video.model.training.hybrid import TASKS, TERMS
from birefnet_video.model.training.recipe import LOSS_TERMS, Recipe
from birefnet_video.model.training.recipe_toml import load_recipe, parse_recipe, recipe_names, write_recipe

from birefnet_video.errors import UsageError


@pytest.mark.parametrize("name", recipe_names())
def test_shipped_recipes_are_valid_and_survive_writing(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name)
    assert recipe.run.steps or recipe.run.epochs
    assert recipe.data.sets
    assert recipe.loss.task in TASKS and set(recipe.loss.weights) <= set(TERMS)
    write_recipe(recipe, tmp_path / "again.toml")
    assert load_recipe(tmp_path / "again.toml") == recipe


def test_there_is_a_recipe_for_every_task() -> None:
    assert {load_recipe(name).loss.task for name in recipe_names()} == set(TASKS)


def test_the_recipe_knows_all_terms_and_tasks() -> None:
    assert set(LOSS_TERMS) == set(TERMS)


def test_overrides_are_typed() -> None:
    recipe = load_recipe(
        "smoke",
        ["run.steps=7", "optimiser.rate=1", "data.sets=a+b", "loss.weights={bce = 2}", "data.sizes=[[64, 96]]"],
    )
    assert recipe.run.steps == 7
    assert recipe.optimiser.rate == 1.0 and isinstance(recipe.optimiser.rate, float)
    assert recipe.data.sets == "a+b"
    assert recipe.loss.weights == {"bce": 2.0}
    assert recipe.data.sizes == ((64, 96),)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("run.steps=many", "run.steps: 'many' is not of type int"),
        ("run.steps=1.5", "run.steps: 1.5 is not of type int"),
        ("run.compile=1", "run.compile: 1 is not of type bool"),
        ("run.nonsense=1", "has no 'nonsense'"),
        ("nonsense.steps=1", "is not SECTION.KEY=VALUE"),
        ("steps=1", "is not SECTION.KEY=VALUE"),
        ("run.precision=fp8", "is none of fp32, bf16"),
        ("data.sizes=[[100, 100]]", "not a multiple of 32"),
        ("data.sizes=[[64]]", "data.sizes"),
        ("data.dynamic=[512]", "data.dynamic"),
        ("data.batch_size=0", "less than 1"),
        ("run.seed=-1", "less than 0"),
        ("loss.task=dis5k", "is none of DIS5K"),
        ("loss.weights={dice = 1}", "no term is called 'dice'"),
        ("augment.zoom_out_most=1", "less than 1.2"),
        ("data.composites=1.5", "between 0 and 1"),
        ("data.stones=-0.5", "between 0 and 1"),
        ("data.last_sizes=[[64, 65]]", "data.last_sizes: 64x65 is not a multiple of 32"),
        ("optimiser.fall=1.5", "optimiser.fall: 1.5 is not between 0 and 1"),
    ],
)
def test_wrong_values_are_named(override: str, words: str) -> None:
    with pytest.raises(UsageError, match=words.replace("[", r"\[")):
        load_recipe("smoke", [override])


def test_wrong_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no recipe is called 'nothing'"):
        load_recipe("nothing")
    with pytest.raises(UsageError, match="No such file"):
        load_recipe(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("[run\n")
    with pytest.raises(UsageError, match=r"bad\.toml"):
        load_recipe(tmp_path / "bad.toml")
    with pytest.raises(UsageError, match=r"no section \[running\]"):
        parse_recipe({"running": {}})


def test_the_default_recipe_is_the_references_size() -> None:
    assert Recipe().data.sizes == ((1024, 1024),)
