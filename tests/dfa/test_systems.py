"""Systems: every one that ships can be built, trained through light, stopped, continued and shown."""

from dataclasses import replace

import numpy as np
import pytest

from calibration.scheme import anchor_size
from dfa.__main__ import main
from dfa.experiment import METHODS
from dfa.feedbacks.matrices import feedback_width
from dfa.history import CURVES, Epoch, History
from dfa.networks.transformer import causal_transformer
from dfa.systems.characters import CharacterSystem
from dfa.systems.command import system_command
from dfa.systems.figures import draw_system
from dfa.systems.graph import GraphSystem
from dfa.systems.projecting import stage_width
from dfa.systems.report import html_page
from dfa.systems.results import COLUMNS, SystemResults, csv_text, table_rows
from dfa.systems.run_file import load_run
from dfa.systems.running import Watch, checkpoint_path, run_path, run_system
from dfa.systems.settings import with_options
from dfa.systems.settings_file import load_settings, shipped_systems
from dfa.systems.system import Criterion
from optics import data_folder, load_bench
from optics.archive import load_archive

SMALL = {
    "characters": {"layers": {"context": 8, "width": 12, "heads": 2, "blocks": 3, "steps_per_epoch": 3, "length": 20}},
    "cora": {"layers": {"hidden": [6], "graph": "blocks"}},
    "diffusion": {"layers": {"hidden": [14, 9], "steps": 6, "repeats": 1, "time_width": 4}},
    "digits": {"layers": {"hidden": [14, 9]}},
    "fields-dense": {
        "network": "dense",
        "data": {"seed": 1, "samples": 40, "shape": [4, 6]},
        "layers": {"hidden": [9]},
    },
    "fields-vit": {
        "network": "vit",
        "data": {"seed": 1, "samples": 40, "shape": [4, 6]},
        "layers": {"patch": [2, 3], "width": 8, "heads": 2, "blocks": 3},
    },
}
"""Each system, so small that it trains in a moment; sizes of the real ones are in their files."""


def small(name, *, epochs=2, methods=("bp", "optical"), seeds=(0,), **plan):
    settings = load_settings(name)
    short = with_options(settings, methods=methods, epochs=epochs, seeds=seeds)
    plan = {"probe_size": 4, "batch_size": 400 if name != "characters" else 2, **plan}
    own = {key: replace(one, stored_exposures=4, plan=replace(one.plan, **plan)) for key, one in short.methods.items()}
    light = {"rows": 12, "columns": 20, "grid_rows": 11, "grid_columns": 12}
    return replace(short, tables=SMALL[name], methods=own, light=light)


def train_all(settings, folder, **watch):
    return list(run_system(settings, folder, bench=load_bench(settings.bench), watch=Watch(**watch)))


def results_of(settings, runs):
    bench = settings.shape_bench(load_bench(settings.bench))
    return SystemResults(settings=settings, system=settings.build(), bench=bench, runs=tuple(runs))


def test_every_shipped_system_has_a_small_one_here():
    assert set(shipped_systems()) == set(SMALL)


@pytest.mark.parametrize("name", SMALL)
def test_a_system_is_trained_through_light_and_shown(tmp_path, name, monkeypatch):
    monkeypatch.delenv("OPUBENCH_DATA", raising=False)  # what ships must do offline
    assert load_settings(name).build().title
    settings = small(name)
    runs = train_all(settings, tmp_path)
    assert [(run.method, run.seed) for run in runs] == [("bp", 0), ("optical", 0)]
    assert runs[0].frames == 0
    assert np.isnan(runs[0].fidelity)
    assert runs[1].frames > 0
    assert runs[1].fidelity > 0.9
    assert all(np.isfinite(run.history.training_loss).all() for run in runs)
    assert [path.name for path in tmp_path.iterdir()] != []
    assert not list(tmp_path.rglob("checkpoints/*"))
    results = results_of(settings, runs)
    plates = draw_system(results)
    assert {"learning", "alignment"} <= set(plates)
    assert len(plates) == (2 if name == "characters" else 3)
    page = html_page(results, plates, dict.fromkeys(plates, b"image"), command="the command")
    assert METHODS["optical"] in page
    assert "the command" in page
    assert ("What the networks write" in page) == (name == "characters")
    assert "http" not in page


@pytest.mark.parametrize("name", SMALL)
def test_the_bench_of_a_shipped_system_has_room_for_its_errors_and_its_blocks(name, monkeypatch):
    monkeypatch.delenv("OPUBENCH_DATA", raising=False)
    settings = load_settings(name)
    if name == "cora":  # its classes are seven, those of the drawn graph too
        settings = replace(settings, tables={"layers": {**settings.tables["layers"], "graph": "blocks"}})
    system, method = settings.build(), settings.methods["optical"]
    network = system.network(system.task(seed=0, folder=None), rng=np.random.default_rng(0))
    source = system.source(network)
    width = stage_width(network, network.learning_stages[-1] if source is None else source)
    bench = settings.shape_bench(load_bench(settings.bench))
    assert width + anchor_size(width) <= bench.layout.inputs
    assert 1.25 * feedback_width(network.hidden_widths, projections=method.projections) <= bench.camera.pixels


def test_a_stopped_optical_run_goes_on_to_the_same_bits(tmp_path):
    settings = small("digits", epochs=3, methods=("optical",), batch_size=600)

    def stop(history):
        if len(history.epochs) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_all(settings, tmp_path / "stopped", on_epoch=stop)
    assert checkpoint_path(tmp_path / "stopped", "optical", 0).exists()
    steps = []
    (again,) = train_all(settings, tmp_path / "stopped", on_step=steps.append)
    (whole,) = train_all(settings, tmp_path / "whole")
    assert len(steps) == 3  # one epoch of 1257 samples
    for one, other in zip(again.parameters, whole.parameters, strict=True):
        np.testing.assert_array_equal(one, other)
    for curve in set(CURVES) - {"seconds"}:
        np.testing.assert_array_equal(getattr(again.history, curve), getattr(whole.history, curve))
    assert again.frames == whole.frames
    assert again.fidelity == whole.fidelity
    for key, array in whole.exhibit.arrays.items():
        np.testing.assert_array_equal(again.exhibit.arrays[key], array)
    begun = []
    train_all(settings, tmp_path / "whole", on_run=lambda *run: begun.append(run))
    assert not begun  # what is finished is not trained again


def test_all_methods_of_a_seed_begin_alike_and_seeds_differ(tmp_path):
    settings = small("digits", epochs=1, methods=("bp", "shallow"), seeds=(3, 4))
    runs = {(run.method, run.seed): run for run in train_all(settings, tmp_path)}
    first = runs["shallow", 3].parameters[0]
    assert (first != runs["shallow", 4].parameters[0]).any()
    assert np.abs(first - runs["bp", 3].parameters[0]).max() < np.abs(first - runs["shallow", 4].parameters[0]).max()


def test_runs_with_other_settings_are_refused(tmp_path):
    settings = small("digits", epochs=1, methods=("bp",))
    train_all(settings, tmp_path)
    with pytest.raises(ValueError, match=r"run with other settings \(training.plan.epochs is 1 in the file, 2 now\)"):
        train_all(small("digits", epochs=2, methods=("bp",)), tmp_path)
    other = replace(settings, tables={"layers": {"hidden": [15, 9]}})
    with pytest.raises(ValueError, match=r"settings.layers.hidden.0 is 14 in the file, 15 now"):
        train_all(other, tmp_path)
    again = train_all(replace(settings, seeds=(0, 1)), tmp_path)  # more seeds are no other settings
    assert len(again) == 2


def test_balanced_feedback_takes_part(tmp_path):
    settings = small("cora", epochs=2, methods=("ternary",))
    assert settings.balanced == ("ternary", "optical")
    (one,) = train_all(settings, tmp_path / "one")
    (other,) = train_all(replace(settings, balanced=()), tmp_path / "other")
    assert (one.parameters[0] != other.parameters[0]).any()
    with pytest.raises(ValueError, match="training.balanced is True in the file, False now"):
        train_all(replace(settings, balanced=()), tmp_path / "one")


def test_the_bench_matters_to_the_optical_method_only(tmp_path):
    settings = small("digits", epochs=1)
    train_all(settings, tmp_path)
    other = replace(settings, light={**settings.light, "rows": 14})
    assert len(train_all(with_options(other, methods=["bp"]), tmp_path)) == 1
    with pytest.raises(ValueError, match=r"bench.camera.rows is 12 in the file, 14 now"):
        train_all(with_options(other, methods=["optical"]), tmp_path)


def test_folders_with_other_things_are_refused(tmp_path):
    settings = small("digits", epochs=1, methods=("bp",))
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="holds no runs of a system: give another folder with --output"):
        train_all(settings, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]
    (tmp_path / "other" / "runs").mkdir(parents=True)
    (tmp_path / "other" / "runs" / "of_mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="holds no runs of a system"):
        train_all(settings, tmp_path / "other")
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["runs"]
    with pytest.raises(OSError, match=r"precious.txt/out cannot be made .*--output"):
        train_all(settings, tmp_path / "precious.txt" / "out")


def test_a_run_that_cannot_begin_leaves_nothing(tmp_path):
    settings = replace(small("digits", epochs=1, methods=("optical",)), light={"rows": 2, "columns": 3})
    with pytest.raises(ValueError, match="pixels"):
        train_all(settings, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_two_programs_do_not_train_into_one_folder(tmp_path):
    settings = small("digits", epochs=1, methods=("bp",))
    first = run_system(settings, tmp_path, bench=load_bench(settings.bench))
    next(first)
    with pytest.raises(BlockingIOError, match="is being written by another program"):
        train_all(settings, tmp_path)
    first.close()
    assert len(train_all(settings, tmp_path)) == 1


def test_runs_on_other_data_do_not_share_a_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("OPUBENCH_DATA", raising=False)
    settings = small("characters", epochs=1, methods=("shallow",))
    train_all(settings, tmp_path / "out")
    text = tmp_path / "other.txt"
    text.write_text("to be or not to be\n" * 40)
    more = replace(settings, seeds=(0, 1))
    with pytest.raises(ValueError, match=r"were trained on topics of Python .*, not on other: .*--data"):
        list(run_system(more, tmp_path / "out", bench=load_bench(settings.bench), data=text))
    assert not run_path(tmp_path / "out", "shallow", 1).exists()
    with pytest.raises(FileNotFoundError, match=r"nowhere.txt does not exist: give a text file, or a folder"):
        list(run_system(more, tmp_path / "out", bench=load_bench(settings.bench), data=tmp_path / "nowhere.txt"))
    other = replace(settings, seeds=(1,))  # alone it may be trained there, but never stands beside the first
    list(run_system(other, tmp_path / "out", bench=load_bench(settings.bench), data=text))
    with pytest.raises(ValueError, match=r"were trained on topics of Python .*, not on other: .*--data"):
        list(run_system(more, tmp_path / "out", bench=load_bench(settings.bench), data=text))


def test_a_diverging_run_names_method_and_checkpoint(tmp_path):
    settings = small("digits", epochs=2, methods=("bp",), learning_rate=1e38, decay="constant")
    with pytest.raises(FloatingPointError, match=r"^backpropagation, seed 0: training has diverged in epoch \d"):
        train_all(settings, tmp_path)


def history_of(*, accuracy, loss):
    epochs = [
        Epoch(
            training_loss=1.0, validation_accuracy=a, test_accuracy=a / 2, alignments=(), feedback_samples=1,
            seconds=0.5, validation_loss=b, test_loss=b + 1,
        )
        for a, b in zip(accuracy, loss, strict=True)
    ]  # fmt: skip
    return History(epochs=tuple(epochs))


def test_the_best_epoch_is_the_first_that_serves_validation_best():
    history = history_of(accuracy=[0.2, 0.8, 0.8, 0.4], loss=[3.0, 2.0, 0.5, 1.0])
    assert Criterion(curve="accuracy", name="a").best_epoch(history) == 1
    loss = Criterion(curve="loss", name="b", unit="nat")
    assert loss.best_epoch(history) == 2
    assert loss.test(history)[2] == 1.5
    assert loss.label == "b / nat"
    empty = history_of(accuracy=[np.nan, np.nan], loss=[np.nan, np.nan])
    assert loss.best_epoch(empty) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["digit"], "no system 'digit'; did you mean 'digits'"),
        (["digits", "--methods", "magic"], "has no method magic; it has bp, dfa"),
        (["digits", "--epochs", "0"], "--epochs = 0 is not allowed"),
        (["digits", "--seeds", "0", "0"], "names a seed twice"),
        (["digits", "--bench", "opuu"], "did you mean 'opu'"),
        ([], "give the NAME of a system"),
    ],
)
def test_bad_input_gets_one_line(tmp_path, capsys, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    assert main(["system", *words]) == 2
    errors = capsys.readouterr().err.strip().splitlines()
    assert len(errors) == 1
    assert message in errors[0]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('system = "digits"\nseeds = [0]\n[methods.bp]\n', "the file lacks bench"),
        ('system = "digit"\nbench = "opu"\nseeds = [0]\n[methods]\nbp = 3\n', r"\[methods.bp\] = 3 must be a table"),
        ('bench = "opu"\nseeds = [0]\n[methods.bp]\nepoch = 3\n', "has no key 'epoch'; did you mean 'epochs'"),
        ('bench = "opu"\nseeds = 3\n[methods.bp]\n', "seeds = 3 must be a list"),
        ('bench = "opu"\nseeds = [0]\n[methods.dfa]\nbalanced = "no"\n', "balanced = 'no' must be true or false"),
        ("seeds = [", "is not a TOML file"),
    ],
)
def test_a_file_with_mistakes_is_refused(tmp_path, text, message):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        load_settings(path)


def test_an_unknown_key_of_a_file_is_told_with_its_name(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("epochz = 3\n" + (data_folder() / "systems" / "digits.toml").read_text())
    with pytest.raises(ValueError, match=r"mine\.toml: the file has no key 'epochz'"):
        load_settings(path)


def test_settings_of_a_system_that_are_wrong_are_named():
    settings = load_settings("digits")
    for tables, message in (
        ({"layers": {"hiden": [3]}}, r"\[layers\] has no key 'hiden'; did you mean 'hidden'"),
        ({"layers": {}}, r"\[layers\]: .*hidden"),
        ({"network": {}}, "the file has no key 'network'"),
        ({"layers": []}, r"\[layers\] = \[\] must be a table with hidden, activation"),
        ({"layers": {"hidden": "x"}}, r"\[layers\]: hidden = 'x' must be tuple\[int, ...\]"),
        ({"layers": {"hidden": [3, True]}}, r"\[layers\]: hidden = \[3, True\] must be tuple"),
        ({"layers": {"hidden": [3], "activation": 1}}, r"activation = 1 must be 'tanh' or 'relu'"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            replace(settings, tables=tables).build()
    with pytest.raises(ValueError, match="system"):
        replace(settings, kind="digit").build()


def test_the_command_leaves_table_report_and_curves_and_says_how_to_go_on(tmp_path, capsys, monkeypatch):
    short = small("digits", epochs=2, methods=("bp", "shallow"), seeds=(0, 1))
    monkeypatch.setattr("dfa.systems.settings_file.load_settings", lambda name: short)
    monkeypatch.setattr("dfa.systems.settings.with_options", lambda settings, **options: settings)
    folder, finished = tmp_path / "out", []
    save = "dfa.systems.running.save_run"

    def stop(path, run, **options):
        if finished:
            raise KeyboardInterrupt
        finished.append(run)
        return kept(path, run, **options)

    from dfa.systems.running import save_run as kept

    with monkeypatch.context() as patch:
        patch.setattr(save, stop)
        assert system_command(["digits", "--output", str(folder)]) == 130
    told = capsys.readouterr()
    assert "interrupted: 1 of 4 runs are finished" in told.err
    assert f"python -m dfa system digits --output {folder}" in told.err
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Not finished: 1 of 4 runs are here." in page
    assert system_command(["digits", "--output", str(folder)]) == 0
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Not finished" not in page
    assert page.count("data:image/png;base64,") == 3
    table = (folder / "table.txt").read_text(encoding="utf-8")
    assert table.splitlines()[0].startswith("method")
    assert table.strip() in capsys.readouterr().out
    lines = (folder / "results.csv").read_text().splitlines()
    assert lines[0] == ",".join(COLUMNS)
    assert len(lines) == 5
    arrays, description = load_archive(folder / "results.h5")
    assert description["complete"] is True
    assert arrays["runs/bp/seed_1/training_loss"].shape == (2,)
    files = {path.name for path in folder.iterdir()}
    figures = {"learning.png", "alignment.png", "examples.png"}
    assert files == {"runs", "checkpoints", "table.txt", "results.csv", "results.h5", "report.html", *figures}


def test_the_table_and_the_csv_hold_what_the_runs_say(tmp_path):
    settings = small("digits", epochs=2, methods=("bp", "shallow"), seeds=(0, 1))
    runs = train_all(settings, tmp_path)
    results = results_of(settings, runs)
    head, bp, shallow = table_rows(results)
    assert len(head) == len(bp) == len(shallow)
    own = [run for run in runs if run.method == "bp"]
    best = [np.argmax(run.history.validation_accuracy) for run in own]
    test = [100 * run.history.test_accuracy[epoch] for run, epoch in zip(own, best, strict=True)]
    assert bp[:2] == ("backpropagation", "2")
    assert bp[3] == f"{np.mean(test):.2f} ± {np.std(test, ddof=1):.2f}"
    assert shallow[4:7] == ("–", "–", "–")
    line = csv_text(results).splitlines()[1].split(",")
    assert float(line[COLUMNS.index("test_at_best")]) == test[0]
    assert line[COLUMNS.index("fidelity")] == ""
    kept = load_run(run_path(tmp_path, "bp", 0), identity=settings.identity("bp", bench={}))
    np.testing.assert_array_equal(kept.parameters[0], own[0].parameters[0])


def test_the_gradient_of_a_transformer_is_taken_where_the_settings_say():
    for at, wanted in (("top", 3), ("entry", 2)):
        system = CharacterSystem(context=4, width=6, heads=2, blocks=3, steps_per_epoch=1, source_at=at)
        network = causal_transformer(7, context=4, width=6, heads=2, blocks=3, rng=np.random.default_rng(1))
        assert system.source(network) == wanted  # 0 is the embedding


def test_the_confusion_of_a_graph_has_true_classes_in_its_rows():
    system = GraphSystem(hidden=(4,), graph="blocks")
    task = system.task(seed=0, folder=None)
    network = system.network(task, rng=np.random.default_rng(1))
    for parameter in network.stages[network.learning_stages[-1]].parameters:
        parameter[...] = 0
    network.stages[network.learning_stages[-1]].parameters[1][1] = 1  # every node is taken for class 1
    confusion = system.show(network, task, rng=np.random.default_rng(2)).arrays["confusion"]
    of_class = np.bincount(task.graph.labels[task.graph.test], minlength=task.graph.classes)
    np.testing.assert_array_equal(confusion[:, 1], of_class)
    assert confusion.sum() == of_class.sum()
