import numpy as np
import pandas as pd
import pytest

from retrodict.errors import ColumnNotFoundError, TooFewRowsError
from retrodict.plots import to_png, training_curve


@pytest.fixture
def history():
    epoch = np.arange(40)
    validation = 0.01 * (epoch - 27.0) ** 2 - 3
    validation[0] = 5000.0
    return pd.DataFrame(
        {
            "epoch": epoch,
            "training_loss": -3 - 0.01 * epoch,
            "validation_loss": validation,
            "learning_rate": np.full(40, 1e-3),
        }
    )


def best_marker(figure):
    (line,) = [line for line in figure.axes[0].lines if line.get_label().startswith("best")]
    return line


def test_the_best_epoch_is_marked_where_validation_is_lowest(history):
    marker = best_marker(training_curve(history))
    assert marker.get_xdata() == [27]
    assert marker.get_ydata() == [-3.0]
    assert "epoch 27" in marker.get_label()


def test_a_huge_first_loss_does_not_squash_the_curve_and_is_told(history):
    ax = training_curve(history).axes[0]
    low, high = ax.get_ylim()
    assert low < -3.39
    assert high < 10
    assert "5000" in ax.get_title(loc="left")


def test_losses_that_fit_are_shown_in_full_without_a_note(history):
    history.loc[0, "validation_loss"] = history["validation_loss"].iloc[1:].max()
    ax = training_curve(history).axes[0]
    assert ax.get_ylim()[1] > history["validation_loss"].max()
    assert ax.get_title(loc="left") == ""


def test_nan_before_the_first_step_is_a_gap_not_the_best(history):
    history.loc[:2, ["training_loss", "validation_loss"]] = np.nan
    assert best_marker(training_curve(history)).get_xdata() == [27]


def test_without_any_finite_validation_loss_nothing_is_marked(history):
    history["validation_loss"] = np.nan
    figure = training_curve(history)
    assert not [line for line in figure.axes[0].lines if line.get_label().startswith("best")]
    assert to_png(figure, 50)


def test_the_learning_rate_has_its_own_panel_only_where_it_is_known(history):
    assert len(training_curve(history).axes) == 2
    assert len(training_curve(history.drop(columns="learning_rate")).axes) == 1


@pytest.mark.parametrize("num_epochs", [1, 2])
def test_a_history_of_one_or_two_epochs_draws(history, num_epochs):
    assert to_png(training_curve(history.iloc[:num_epochs]), 50)


def test_bad_histories_are_refused(history):
    with pytest.raises(ColumnNotFoundError, match="validation_loss"):
        training_curve(history.drop(columns="validation_loss"))
    with pytest.raises(TooFewRowsError):
        training_curve(history.iloc[:0])
