"""Fields by dotted path: every field can be set, none that does not exist, and the nearest one is named."""

from dataclasses import replace

import pytest

from dfa.experiment import load_experiment
from dfa.studies import Setting, setting_fields, with_changes
from optics import load_bench
from optics.files.bench_file import bench_to_table


@pytest.fixture
def setting() -> Setting:
    return Setting(experiment=load_experiment("digits"), bench=load_bench("opu"))


def value_at(setting: Setting, path: str) -> object:
    first, *rest = path.split(".")
    if first == "bench":
        value: object = bench_to_table(setting.bench)
        for key in rest:
            value = value[key]  # type: ignore[index]
        return value
    if first == "methods":
        method = setting.experiment.methods["optical" if rest[0] == "*" else rest[0]]
        return getattr(method if hasattr(method, rest[1]) else method.plan, rest[1])
    return getattr(setting.experiment, first)


def test_every_field_set_to_its_own_value_changes_nothing(setting: Setting) -> None:
    paths = [path for path in setting_fields(setting) if path != "bench" and not path.startswith("bench.reference")]
    assert len(paths) > 150
    for path in paths:
        if not path.startswith("methods.*"):
            assert with_changes(setting, {path: value_at(setting, path)}) == setting, path


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("bench.camera.bits", 10),
        ("bench.camera.read_noise", 3),
        ("bench.camera.shutter.exposure_maximum", 0.25),
        ("bench.exposure_time", 1e-3),
        ("bench.medium.collected_fraction", 1e-5),
        ("bench.name", "another"),
        ("methods.optical.threshold", "best"),
        ("methods.optical.restore_length", True),
        ("methods.optical.epochs", 7),
        ("methods.*.batch_size", 50),
        ("methods.optical.betas", [0.8, 0.99]),
        ("methods.optical.decay", "cosine"),
        ("hidden", [30, 20, 10]),
        ("activation", "relu"),
        ("validation", 100),
    ],
)
def test_a_change_reaches_its_field_and_no_other(setting: Setting, path: str, value: object) -> None:
    changed = with_changes(setting, {path: value})
    assert value_at(changed, path) == (tuple(value) if isinstance(value, list) else value)
    if not path.startswith("methods.*"):
        assert with_changes(changed, {path: value_at(setting, path)}) == setting


def test_all_methods_change_together_and_one_may_differ(setting: Setting) -> None:
    changed = with_changes(setting, {"methods.bp.epochs": 3, "methods.*.epochs": 9}).experiment
    assert {name: method.plan.epochs for name, method in changed.methods.items()} == {
        "bp": 3, "dfa": 9, "ternary": 9, "optical": 9, "shallow": 9,
    }  # fmt: skip


def test_another_bench_is_taken_before_its_fields_change(setting: Setting) -> None:
    changed = with_changes(setting, {"bench.camera.read_noise": 2.5, "bench": "table_top"})
    table_top = load_bench("table_top")
    assert changed.bench == replace(table_top, camera=replace(table_top.camera, read_noise=2.5))


def test_a_whole_part_can_be_replaced(setting: Setting) -> None:
    drift = {
        "kind": "drift",
        "law": "exponential",
        "correlation_time": 3.0,
        "inside": {"kind": "gaussian", "collected_fraction": 1e-5},
    }
    changed = with_changes(setting, {"bench.medium": drift})
    assert changed.bench.medium.correlation_time == 3.0  # type: ignore[attr-defined]
    assert with_changes(changed, {"bench.medium.inside.collected_fraction": 2e-5}).bench.medium.inside == replace(  # type: ignore[attr-defined]
        load_bench("opu").medium, collected_fraction=2e-5
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bench.camera.bit": 8}, "no field 'bench.camera.bit'; did you mean 'bench.camera.bits'"),
        ({"camera.bits": 8}, "no field 'camera.bits'; did you mean 'bench.camera.bits'"),
        ({"bench.camra.bits": 8}, "did you mean 'bench.camera.bits'"),
        ({"bench.camera.bits.x": 8}, "no field 'bench.camera.bits.x'; did you mean 'bench.camera.bits'"),
        ({"bench.reference.tilt_z": 8}, "no field 'bench.reference.tilt_z'; did you mean 'bench.reference.tilt_"),
        ({"methods.optical.treshold": 0.2}, "did you mean 'methods.optical.threshold'"),
        ({"methods.optic.threshold": 0.2}, "did you mean 'methods.optical.threshold'"),
        ({"methods.optical.threshold.x": 0.2}, "no field 'methods.optical.threshold.x'"),
        ({"methods.optical": 0.2}, "no field 'methods.optical'"),
        ({"hiden": [20]}, "did you mean 'hidden'"),
        ({"hidden.x": 20}, "no field 'hidden.x'; did you mean 'hidden'"),
        ({"seeds": [1]}, "'seeds' cannot be changed by a study"),
        ({"bench.camera.bits": 99}, "bits = 99 is not allowed"),
        ({"bench.camera.bits": "8"}, "must be of type int, got str"),
        ({"methods.optical.threshold": 1.5}, "threshold"),
        ({"methods.optical.threshold": True}, "methods.optical.threshold = True: it must be of type float | str"),
        ({"methods.optical.epochs": 3.0}, "methods.optical.epochs = 3.0: it must be of type int, got float"),
        ({"methods.optical.decay": "step"}, "decay is 'step'"),
        ({"hidden": 20}, "hidden = 20: it must be of type"),
        ({"dataset": "cifar"}, "dataset = 'cifar'"),
        ({"bench": "opuu"}, "did you mean 'opu'"),
        ({"bench": 3}, "bench = 3 must be the name of a bench"),
    ],
)
def test_bad_changes_are_refused(setting: Setting, changes: dict[str, object], message: str) -> None:
    with pytest.raises((FileNotFoundError, TypeError, ValueError)) as caught:
        with_changes(setting, changes)
    assert message in str(caught.value)
