"""The record of a run: whole at every moment, and one process's to write."""

import json
from pathlib import Path

import pytest

from denoise.errors import FolderLockedError, UserError
from denoise.manifest import sha256
from denoise.tracking import record
from denoise.tracking.record import FILE, METRICS, Contents, Record, read


@pytest.fixture
def own(tmp_path: Path) -> Record:
    run = Record(tmp_path)
    run.start(kind="training", name="a run", status="RUNNING", tags={})
    return run


def test_what_is_written_is_read_back(own: Record) -> None:
    own.log({"train/loss": 1.5}, 1)
    own.log({"test/psnr": 30.0}, 0)
    own.path("tables/codes.csv").write_text("1,2")
    own.add("tables/codes.csv")
    found = read(own.folder)
    assert found == own.snapshot()
    assert (found.epochs, found.final) == ([{"train/loss": 1.5}], {"test/psnr": 30.0})
    assert found.fields["files"] == {"tables/codes.csv": sha256(own.folder / "tables/codes.csv")}


def test_a_metric_of_an_epoch_is_logged_once(own: Record) -> None:
    own.log({"train/loss": 1.5}, 1)
    own.log({"train/loss": 9.0, "test/loss": 2.5}, 1)
    assert read(own.folder).lines[1].metrics == {"test/loss": 2.5}


@pytest.mark.parametrize("epochs", [0, 1])
def test_a_line_that_was_cut_short_is_left_out_and_written_again(own: Record, epochs: int) -> None:
    """As an earlier version left it, which appended lines."""
    for epoch in range(epochs):
        own.log({"train/loss": 1.5}, epoch + 1)
    own.close()
    with (own.folder / METRICS).open("a") as file:
        file.write('{"step": 2, "ti')
    assert len(read(own.folder).lines) == epochs
    with record.opened(own.folder) as again:
        again.log({"train/loss": 0.5}, epochs + 1)
    assert read(own.folder).epochs == [{"train/loss": 1.5}] * epochs + [{"train/loss": 0.5}]


def test_a_changed_file_has_another_sum_at_the_same_size(own: Record) -> None:
    for text in ("even", "oddd"):
        own.path("state/even.safetensors").write_text(text)
        own.add("state/even.safetensors")
        assert own.fields["files"]["state/even.safetensors"] == sha256(
            own.folder / "state/even.safetensors"
        )


def test_discarding_a_part_deletes_the_files_of_the_run_and_no_others(own: Record) -> None:
    for name in ("state/odd.safetensors", "stated", "figures/loss.png"):
        own.write(name, "a file")
    mine = own.folder / "state" / "mine"
    mine.write_text("the user's")
    own.discard("state")
    assert own.fields["files"].keys() == {"stated", "figures/loss.png"}
    assert list((own.folder / "state").iterdir()) == [mine]
    mine.unlink()
    own.write("state/odd.safetensors", "another")
    own.discard("state")
    assert not (own.folder / "state").exists()


def test_one_process_at_a_time_writes_a_record(own: Record) -> None:
    with pytest.raises(FolderLockedError):
        Record(own.folder)
    assert record.is_locked(own.folder)
    own.close()
    assert not record.is_locked(own.folder)
    Record(own.folder).close()


def test_a_new_run_removes_the_files_of_the_one_before_and_no_others(own: Record) -> None:
    (own.folder / "model").mkdir()
    (own.folder / "model" / "notes").write_text("the user's")
    own.path("model/MLmodel").write_text("flavors: {}")
    own.add("model/MLmodel")
    own.start(kind="training", name="another", status="RUNNING", tags={})
    assert [path.name for path in (own.folder / "model").iterdir()] == ["notes"]
    assert own.fields["files"] == {}


def test_the_run_of_another_folder_may_replace_what_was_here(own: Record) -> None:
    own.write("state/even.safetensors", "of the run before")
    own.adopt(Contents(own.fields | {"files": {"figures/loss.png": "0"}}))
    own.write("state/even.safetensors", "of this run")
    assert own.fields["files"].keys() == {"state/even.safetensors", "figures/loss.png"}


def test_a_file_that_the_run_did_not_write_is_not_overwritten(own: Record) -> None:
    (own.folder / "figures").mkdir()
    (own.folder / "figures" / "loss.png").write_text("the user's")
    with pytest.raises(UserError, match=r"loss\.png exists and is not a file of this run"):
        own.path("figures/loss.png")


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/../../b", "a\\b"])
def test_a_record_that_names_files_outside_its_folder_is_refused(own: Record, name: str) -> None:
    fields = own.fields | {"files": {name: "0"}}
    own.close()
    (own.folder / FILE).write_text(json.dumps(fields))
    with pytest.raises(UserError, match="is outside its folder"):
        read(own.folder)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"version": "1"}', '{"version": 1}'])
def test_a_damaged_record_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(UserError, match=rf"{tmp_path / FILE} is damaged"):
        read(tmp_path)


def test_a_record_of_a_later_version_is_refused(own: Record) -> None:
    own.update(version=2)
    with pytest.raises(UserError, match="has version 2; this code reads up to 1"):
        read(own.folder)


def test_a_failed_upload_stops_the_run_at_its_next_change(own: Record) -> None:
    own.error = UserError("the run was deleted")
    for change in (lambda: own.log({"train/loss": 1}, 1), lambda: own.path("note"), own.check):
        with pytest.raises(UserError, match="the run was deleted"):
            change()
    own.note(status="KILLED")  # how it ended is noted all the same
