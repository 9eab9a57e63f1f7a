import dataclasses
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import killable_run
import numpy as np
import pytest

from retrodict.errors import (
    CheckpointCorruptedError,
    CheckpointMismatchError,
    OutputNotWritableError,
)
from retrodict.training import (
    Outcome,
    TrainingConfig,
    checkpoint as checkpoint_module,
    remove_checkpoint,
    train,
    train_online,
)

SCRIPT = Path(killable_run.__file__)
CONFIG = TrainingConfig(batch_size=16, learning_rate=0.05, max_epochs=4, steps_per_call=5)


class PowerCutError(Exception):
    """Ends a run without any farewell."""


def fit(regression, key, checkpoint, config=CONFIG, **options):
    return train(
        regression.model,
        regression.loss,
        regression.data,
        regression.validation_data,
        key=key,
        config=config,
        checkpoint=checkpoint,
        checkpoint_seconds=0.0,
        **options,
    )


def cut_after(num_updates, recorder):
    def cut(self):
        if len(self.updates) == num_updates:
            raise PowerCutError

    return recorder(cut)


def without_times(history):
    return [dataclasses.replace(record, seconds=0.0, steps_per_second=0.0) for record in history]


def start_run(checkpoint, output):
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), str(checkpoint), str(output)],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_killed_run_goes_on_bit_for_bit(tmp_path, capsys):
    # Nothing kills this one: it needs no process of its own.
    killable_run.main(tmp_path / "whole", tmp_path / "whole.npz")
    assert len(capsys.readouterr().out.splitlines()) > 40

    furthest = []
    # After the first checkpoint, inside an epoch, late; and each a bit after its line, so that
    # the kill hits computing and writing alike.
    for num_lines, delay in [(1, 0.0), (9, 0.003), (23, 0.011)]:
        killed = start_run(tmp_path / "killed", tmp_path / "killed.npz")
        lines = [killed.stdout.readline() for _ in range(num_lines)]
        time.sleep(delay)
        killed.kill()
        lines += killed.communicate()[0].splitlines()
        assert killed.returncode == -9
        epoch, fraction = map(float, lines[-1].split())
        furthest.append(epoch + fraction)
    # Each run went on where the one before was killed, so it got further.
    assert furthest == sorted(set(furthest))
    last = start_run(tmp_path / "killed", tmp_path / "killed.npz")
    first_line = last.stdout.readline()
    last.communicate()
    assert last.returncode == 0
    assert sum(map(float, first_line.split())) >= furthest[-1] - 1e-9

    with np.load(tmp_path / "whole.npz") as a, np.load(tmp_path / "killed.npz") as b:
        assert set(a) == set(b)
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])


@pytest.mark.parametrize("num_updates", [1, 2, 4, 5, 11])
@pytest.mark.parametrize("ema_decay", [None, 0.8])
def test_a_cut_run_goes_on_bit_for_bit(
    regression, key, recorder, same_bits, tmp_path, num_updates, ema_decay
):
    config = dataclasses.replace(CONFIG, ema_decay=ema_decay)
    whole = fit(regression, key, None, config)
    with pytest.raises(PowerCutError):
        fit(regression, key, tmp_path / "c", config, progress=cut_after(num_updates, recorder))
    resumed = fit(regression, key, tmp_path / "c", config)
    assert same_bits(resumed.model, whole.model)
    assert without_times(resumed.history) == without_times(whole.history)
    assert resumed.best_epoch == whole.best_epoch


def test_the_best_model_of_before_the_cut_is_kept(regression, key, recorder, same_bits, tmp_path):
    def smallest(model, batch, key):
        return jnp.sum(model.weight**2)

    with pytest.raises(PowerCutError):
        fit(
            regression,
            key,
            tmp_path / "c",
            validation_loss=smallest,
            progress=cut_after(6, recorder),
        )
    resumed = fit(regression, key, tmp_path / "c", validation_loss=smallest)
    assert resumed.best_epoch == 0
    assert resumed.best_validation_loss == 0.0
    assert same_bits(resumed.model, regression.model)


def test_online_training_goes_on_bit_for_bit(regression, key, recorder, same_bits, tmp_path):
    def simulate(key):
        x = jax.random.normal(key, (3,))
        return x, jnp.stack([x[0] - x[1], x[2]])

    def run(checkpoint, **options):
        return train_online(
            regression.model,
            regression.loss,
            simulate,
            regression.validation_data,
            key=key,
            config=CONFIG,
            steps_per_epoch=12,
            checkpoint=checkpoint,
            checkpoint_seconds=0.0,
            **options,
        )

    with pytest.raises(PowerCutError):
        run(tmp_path / "c", progress=cut_after(6, recorder))
    assert same_bits(run(tmp_path / "c").model, run(None).model)


def test_a_finished_run_is_not_trained_again(regression, key, recorder, same_bits, tmp_path):
    first = fit(regression, key, tmp_path / "c")
    progress = recorder()
    second = fit(regression, key, tmp_path / "c", progress=progress)
    assert len(progress.updates) == 1
    assert second.history == first.history
    assert second.outcome is first.outcome is Outcome.EXHAUSTED
    assert same_bits(second.model, first.model)


def test_a_run_that_timed_out_goes_on_with_more_time(
    regression, key, recorder, same_bits, tmp_path
):
    def wait(self):
        if len(self.updates) == 6:
            time.sleep(1.0)

    brief = dataclasses.replace(CONFIG, max_seconds=1.0)
    fit(regression, key, None)  # compiles, so that the second is not spent on that
    part = fit(regression, key, tmp_path / "c", brief, progress=recorder(wait))
    assert part.outcome is Outcome.TIME_OUT
    assert part.best_validation_loss == min(r.validation_loss for r in part.history)
    whole = fit(regression, key, tmp_path / "c", dataclasses.replace(CONFIG, max_seconds=600.0))
    assert whole.outcome is Outcome.EXHAUSTED
    assert whole.seconds > part.seconds
    assert same_bits(whole.model, fit(regression, key, None).model)


def test_another_run_is_refused_by_name(regression, key, tmp_path):
    path = tmp_path / "c"
    fit(regression, key, path)
    x, y = regression.data
    vx, vy = regression.validation_data
    with pytest.raises(CheckpointMismatchError, match="its settings differ"):
        fit(regression, key, path, dataclasses.replace(CONFIG, learning_rate=0.04))
    with pytest.raises(CheckpointMismatchError, match="its key differ"):
        fit(regression, jax.random.key(9), path)
    with pytest.raises(CheckpointMismatchError, match="its training data differ"):
        fit(regression._replace(data=(x, y + 1)), key, path)
    with pytest.raises(CheckpointMismatchError, match="its held-out data differ"):
        fit(regression._replace(validation_data=(vx + 1, vy)), key, path)
    other = jax.tree.map(lambda leaf: leaf + 1, regression.model)
    with pytest.raises(CheckpointMismatchError, match="its model differ") as caught:
        fit(regression._replace(model=other), key, path)
    assert "Delete" in caught.value.hint
    # What only cuts the work into portions is no difference.
    fit(regression, key, path, dataclasses.replace(CONFIG, steps_per_call=3))


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "text", "other", "edited"])
def test_a_damaged_file_is_refused_by_name(regression, key, tmp_path, damage):
    path = tmp_path / "c"
    fit(regression, key, path)
    content = path.read_bytes()
    if damage == "other":
        from safetensors.numpy import save_file

        save_file({"a": np.zeros(3)}, path)
    else:
        middle = bytes([content[-3] ^ 4])
        path.write_bytes(
            {
                "truncated": content[:-9],
                "flipped": content[:-3] + middle + content[-2:],
                "empty": b"",
                "text": b"epoch,loss\n1,2\n" * 40,
                "edited": content.replace(b'best_epoch\\": ', b'best_epoch\\":9', 1),
            }[damage]
        )
        assert path.read_bytes() != content
    with pytest.raises(CheckpointCorruptedError, match=str(path)) as caught:
        fit(regression, key, path)
    assert "Delete" in caught.value.hint


def test_a_folder_in_its_place_is_refused_by_name(regression, key, tmp_path):
    with pytest.raises(CheckpointCorruptedError):
        fit(regression, key, tmp_path)


def test_a_path_that_cannot_be_written_is_found_before_training(regression, key, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises((OutputNotWritableError, CheckpointCorruptedError)):
        fit(regression, key, tmp_path / "file" / "c")


def test_a_write_that_fails_leaves_the_old_checkpoint(regression, key, tmp_path, monkeypatch):
    path = tmp_path / "c"
    fit(regression, key, path)
    old = path.read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint_module.os, "fsync", full)
    with pytest.raises(OutputNotWritableError, match="No space left"):
        fit(regression, key, path)
    assert path.read_bytes() == old


def test_rubble_of_a_killed_write_is_ignored_and_removed(regression, key, tmp_path):
    path = tmp_path / "runs" / "c"
    path.parent.mkdir()
    (tmp_path / "runs" / "c.part").write_bytes(b"half a file")
    fit(regression, key, path)
    (tmp_path / "runs" / "c.part").write_bytes(b"half a file")
    fit(regression, key, path)
    remove_checkpoint(path)
    assert list(path.parent.iterdir()) == []
    remove_checkpoint(path)
