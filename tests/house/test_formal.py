"""The formal models: what they name is in the code, and ProVerif finds what they say, where it is installed."""

import ast
import os
import re
import shutil
import subprocess
import warnings
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FORMAL = ROOT / "contrib/formal"
MODELS = sorted(FORMAL.glob("*.pv"))
PROVERIF = os.environ.get("PROVERIF") or shutil.which("proverif")


def _labels_of_the_code() -> set[str]:
    """All byte strings in the sources: what keys are derived with is among them."""
    sources = [*ROOT.glob("whisperd/**/*.py"), *ROOT.glob("plugins/whisperd_plugins/**/*.py")]
    nodes = (node for source in sources for node in ast.walk(ast.parse(source.read_text())))
    return {node.value.decode("latin-1") for node in nodes
            if isinstance(node, ast.Constant) and isinstance(node.value, bytes)}


def test_each_label_of_the_models_is_one_that_the_code_uses() -> None:
    named = {label for model in FORMAL.glob("*.pv*")
             for label in re.findall(r'\[data\]\. \(\* "(.+)" \*\)', model.read_text())}
    assert len(named) >= 6 and named <= _labels_of_the_code()


def test_each_constant_of_the_models_says_which_label_it_is() -> None:
    for model in FORMAL.glob("*.pv*"):
        constants = re.findall(r"^const .*$", model.read_text(), re.M)
        assert all(re.search(r'\. \(\* ".+" \*\)$', line) for line in constants), model.name


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_each_question_has_an_expected_answer_and_each_model_its_row(model: Path) -> None:
    text = model.read_text()
    questions = re.findall(r"^(?:query|weaksecret)\b.*?\.(.*?)$", text, re.M | re.S)
    assert questions and all(re.match(r" \(\* (true|false)\b.*\*\)", answer) for answer in questions)
    assert f"| `{model.name}` |" in (FORMAL / "README.md").read_text()
    for library in re.findall(r"^\(\* with: (.*)$", text, re.M)[0].split():
        assert (FORMAL / f"{library}.pvl").exists()


def test_proverif_finds_what_the_models_say() -> None:
    """All but the spoken code, which takes minutes: ``contrib/formal/check`` examines it, too."""
    if PROVERIF is None:
        warnings.warn("ProVerif is not installed: the models were not examined", stacklevel=1)
        return
    quick = [model.name for model in MODELS if model.stem != "spoken_code"]
    done = subprocess.run([FORMAL / "check", *quick], env=os.environ | {"PROVERIF": PROVERIF}, text=True,
                          capture_output=True)
    assert done.returncode == 0 and done.stdout.count("ok ") == len(quick), done.stdout + done.stderr
