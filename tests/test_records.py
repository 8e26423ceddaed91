"""The record of a run: whole at every moment, and one process's to write."""

import json
from pathlib import Path

import pytest

from denoise.errors import FolderLockedError, UserError
from denoise.manifest import sha256
from denoise.tracking import records
from denoise.tracking.records import FILE, METRICS, Contents, Record, read


@pytest.fixture
def record(tmp_path: Path) -> Record:
    run = Record(tmp_path)
    run.start(kind="training", name="a run", status="RUNNING", tags={})
    return run


def test_what_is_written_is_read_back(record: Record) -> None:
    record.log({"train/loss": 1.5}, 1)
    record.log({"test/psnr": 30.0}, 0)
    record.path("tables/codes.csv").write_text("1,2")
    record.add("tables/codes.csv")
    found = read(record.folder)
    assert found == record.snapshot()
    assert (found.epochs, found.final) == ([{"train/loss": 1.5}], {"test/psnr": 30.0})
    assert found.fields["files"] == {"tables/codes.csv": sha256(record.folder / "tables/codes.csv")}


def test_a_metric_of_an_epoch_is_logged_once(record: Record) -> None:
    record.log({"train/loss": 1.5}, 1)
    record.log({"train/loss": 9.0, "test/loss": 2.5}, 1)
    assert read(record.folder).lines[1].metrics == {"test/loss": 2.5}


@pytest.mark.parametrize("epochs", [0, 1])
def test_a_line_that_was_cut_short_is_left_out_and_written_again(
    record: Record, epochs: int
) -> None:
    """As an earlier version left it, which appended lines."""
    for epoch in range(epochs):
        record.log({"train/loss": 1.5}, epoch + 1)
    record.close()
    with (record.folder / METRICS).open("a") as file:
        file.write('{"step": 2, "ti')
    assert len(read(record.folder).lines) == epochs
    with records.opened(record.folder) as again:
        again.log({"train/loss": 0.5}, epochs + 1)
    assert read(record.folder).epochs == [{"train/loss": 1.5}] * epochs + [{"train/loss": 0.5}]


def test_a_changed_file_has_another_sum_at_the_same_size(record: Record) -> None:
    for text in ("even", "oddd"):
        record.path("state/even.safetensors").write_text(text)
        record.add("state/even.safetensors")
        assert record.fields["files"]["state/even.safetensors"] == sha256(
            record.folder / "state/even.safetensors"
        )


def test_discarding_a_part_deletes_the_files_of_the_run_and_no_others(record: Record) -> None:
    for name in ("state/odd.safetensors", "stated", "figures/loss.png"):
        record.write(name, "a file")
    mine = record.folder / "state" / "mine"
    mine.write_text("the user's")
    record.discard("state")
    assert record.fields["files"].keys() == {"stated", "figures/loss.png"}
    assert list((record.folder / "state").iterdir()) == [mine]
    mine.unlink()
    record.write("state/odd.safetensors", "another")
    record.discard("state")
    assert not (record.folder / "state").exists()


def test_one_process_at_a_time_writes_a_record(record: Record) -> None:
    with pytest.raises(FolderLockedError):
        Record(record.folder)
    assert records.is_locked(record.folder)
    record.close()
    assert not records.is_locked(record.folder)
    Record(record.folder).close()


def test_a_new_run_removes_the_files_of_the_one_before_and_no_others(record: Record) -> None:
    (record.folder / "model").mkdir()
    (record.folder / "model" / "notes").write_text("the user's")
    record.path("model/MLmodel").write_text("flavors: {}")
    record.add("model/MLmodel")
    record.start(kind="training", name="another", status="RUNNING", tags={})
    assert [path.name for path in (record.folder / "model").iterdir()] == ["notes"]
    assert record.fields["files"] == {}


def test_the_run_of_another_folder_may_replace_what_was_here(record: Record) -> None:
    record.write("state/even.safetensors", "of the run before")
    record.adopt(Contents(record.fields | {"files": {"figures/loss.png": "0"}}))
    record.write("state/even.safetensors", "of this run")
    assert record.fields["files"].keys() == {"state/even.safetensors", "figures/loss.png"}


def test_a_file_that_the_run_did_not_write_is_not_overwritten(record: Record) -> None:
    (record.folder / "figures").mkdir()
    (record.folder / "figures" / "loss.png").write_text("the user's")
    with pytest.raises(UserError, match=r"loss\.png exists and is not a file of this run"):
        record.path("figures/loss.png")


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/../../b", "a\\b"])
def test_a_record_that_names_files_outside_its_folder_is_refused(record: Record, name: str) -> None:
    fields = record.fields | {"files": {name: "0"}}
    record.close()
    (record.folder / FILE).write_text(json.dumps(fields))
    with pytest.raises(UserError, match="is outside its folder"):
        read(record.folder)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"version": "1"}', '{"version": 1}'])
def test_a_damaged_record_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(UserError, match=rf"{tmp_path / FILE} is damaged"):
        read(tmp_path)


def test_a_record_of_a_later_version_is_refused(record: Record) -> None:
    record.update(version=2)
    with pytest.raises(UserError, match="has version 2; this code reads up to 1"):
        read(record.folder)


def test_a_failed_upload_stops_the_run_at_its_next_change(record: Record) -> None:
    record.error = UserError("the run was deleted")
    for change in (
        lambda: record.log({"train/loss": 1}, 1),
        lambda: record.path("note"),
        record.check,
    ):
        with pytest.raises(UserError, match="the run was deleted"):
            change()
    record.note(status="KILLED")  # how it ended is noted all the same
