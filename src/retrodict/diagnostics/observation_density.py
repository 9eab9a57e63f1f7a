"""A density of observations, and of each observable given the others."""

import warnings
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float

MAX_LEADING = 32
_MOST_COMPONENTS = 32
_ROWS_PER_NUMBER = 1.0  # rows of a component for each number in its mean and covariance
_STEPS = 40
_TOLERANCE = 0.01  # nats for each row
_ROWS_PER_LEADING = 10
_SKEWED = 1.0
_ROWS_FOR_POWER = 2000
_SMALLEST_SD = 1e-5  # of a principal component, relative to the largest
_FARTHEST_RAW = 1e50  # quartile widths of a column before its power transform
_FARTHEST = 1e3  # standard deviations: beyond, everything is as far as can be
_FARTHEST_BACK = 100.0
_NUMBERS_AT_ONCE = 2**22


@dataclass(frozen=True)
class ObservationDensity:
    """A mixture of Gaussians for columns that were made symmetric and rotated.

    Column by column u = (w((y - centre) / scale) - shift) / spread, with Yeo and Johnson's
    (2000, doi:10.1093/biomet/87.4.954) power transform w where the column is skewed and the
    identity elsewhere, for a bent column bends the surface on which noise-free observations
    lie. The leading principal components of u follow a Gaussian mixture with full covariances;
    those after them are normal around a mean of each component, with one variance each.
    Densities are of u: its units are those in which observables can be compared.

    Attributes:
        centre, scale, power, shift, spread: of each column.
        axes: principal axes of u, one per column of the matrix, the leading first.
        weights: of the mixture's components.
        means: of the components, in all principal components.
        covariances: of the components, in the leading principal components.
        rest_sds: standard deviations of the principal components that follow.
    """

    centre: Float[np.ndarray, " cond"]
    scale: Float[np.ndarray, " cond"]
    power: Float[np.ndarray, " cond"]
    shift: Float[np.ndarray, " cond"]
    spread: Float[np.ndarray, " cond"]
    axes: Float[np.ndarray, "cond cond"]
    weights: Float[np.ndarray, " components"]
    means: Float[np.ndarray, "components cond"]
    covariances: Float[np.ndarray, "components leading leading"]
    rest_sds: Float[np.ndarray, " rest"]

    @classmethod
    def fit(
        cls,
        rows: Float[np.ndarray, "rows cond"],
        unseen: Float[np.ndarray, "unseen cond"],
        random_state: int,
    ) -> "ObservationDensity":
        """The density of `rows`, with as many components as make `unseen` likeliest.

        Args:
            rows: observations, at least two, without constant columns.
            unseen: further ones.
            random_state: of the mixture's start.
        """
        columns = _fit_columns(rows)
        u, u_unseen = _transformed(rows, columns), _transformed(unseen, columns)
        # The columns are centred, so that these are the principal axes.
        values, axes = np.linalg.eigh(u.T @ u / len(u))
        axes = axes[:, ::-1]
        sds = np.sqrt(np.maximum(values[::-1], _SMALLEST_SD**2 * values[-1]))
        z, z_unseen = u @ axes, u_unseen @ axes
        num_leading = min(u.shape[1], MAX_LEADING, max(1, len(u) // _ROWS_PER_LEADING))
        per_component = num_leading * (num_leading + 3) / 2

        def with_components(num: int) -> tuple[ObservationDensity, float]:
            mixture = _fit_mixture(z, z_unseen, sds, num_leading, num, random_state)
            found = cls(*columns, axes, *mixture)
            return found, float(found.log_density(z_unseen).mean())

        num, (best, best_score) = 1, with_components(1)
        while num < _MOST_COMPONENTS and 2 * num * per_component * _ROWS_PER_NUMBER <= len(u):
            num *= 2
            found, score = with_components(num)
            if score <= best_score:
                break
            best, best_score = found, score
        return best

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> "ObservationDensity":
        return cls(**{field.name: np.asarray(arrays[field.name]) for field in fields(cls)})

    def to_arrays(self) -> dict[str, np.ndarray]:
        return {
            field.name: np.ascontiguousarray(getattr(self, field.name)) for field in fields(self)
        }

    @property
    def num_leading(self) -> int:
        return self.covariances.shape[1]

    def components(self, y: Float[np.ndarray, "rows cond"]) -> Float[np.ndarray, "rows cond"]:
        """Principal components of observations."""
        return self.transformed(y) @ self.axes

    def transformed(self, y: Float[np.ndarray, "rows cond"]) -> Float[np.ndarray, "rows cond"]:
        """Columns made symmetric: u."""
        return _transformed(y, (self.centre, self.scale, self.power, self.shift, self.spread))

    def restored(self, u: Float[np.ndarray, "rows cond"]) -> Float[np.ndarray, "rows cond"]:
        """Observations of which these are the transformed columns, up to 100 deviations."""
        from scipy.special import inv_boxcox1p

        # A power far out has no finite value to show.
        w = self.shift + self.spread * np.clip(u, -_FARTHEST_BACK, _FARTHEST_BACK)
        above = inv_boxcox1p(np.maximum(w, 0), self.power)
        below = inv_boxcox1p(np.maximum(-w, 0), 2 - self.power)
        return self.centre + self.scale * np.where(w >= 0, above, -below)

    def log_density(self, z: Float[np.ndarray, "rows cond"]) -> Float[np.ndarray, " rows"]:
        """Of principal components, in nats."""
        from scipy.special import logsumexp

        squared, log_det = self._squared_distances(z)
        cond = z.shape[1]
        log_joint = np.log(self.weights) - (squared + log_det + cond * np.log(2 * np.pi)) / 2
        return logsumexp(log_joint, axis=1)

    def squared_distances(
        self, z: Float[np.ndarray, "rows cond"]
    ) -> tuple[Float[np.ndarray, " rows"], Float[np.ndarray, " rows"]]:
        """Mahalanobis distance to the likeliest mixture component, squared.

        In the leading principal components, and in those after them (zero where all lead).
        """
        squared, log_det = self._squared_distances(z)
        best = (np.log(self.weights) - (squared + log_det) / 2).argmax(axis=1)
        rest = ((z - self.means[best]) / self._sds)[:, self.num_leading :]
        outside = (rest**2).sum(axis=1)
        total = np.take_along_axis(squared, best[:, None], axis=1)[:, 0]
        return np.maximum(total - outside, 0), outside

    def given_the_others(
        self, u: Float[np.ndarray, "rows cond"]
    ) -> tuple[Float[np.ndarray, "rows cond"], Float[np.ndarray, "rows cond"]]:
        """Mean and standard deviation of each transformed column given all others.

        For a Gaussian with precision matrix P they are u_j - (P (u - m))_j / P_jj and
        P_jj^(-1/2); those of the components are averaged by their probability given the others.
        """
        num_rows = max(1, _NUMBERS_AT_ONCE // (len(self.weights) * u.shape[1]))
        blocks = [
            self._given_the_others(u[first : first + num_rows])
            for first in range(0, len(u), num_rows)
        ]
        means, sds = zip(*blocks, strict=True)
        return np.concatenate(means), np.concatenate(sds)

    def _given_the_others(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        from scipy.special import softmax

        precision, log_det = self._precisions
        difference = u[:, None] - self.means @ self.axes.T
        pulled = np.einsum("rkc,kcd->rkd", difference, precision, optimize=True)
        variance = 1 / np.diagonal(precision, axis1=1, axis2=2)
        residual = pulled * variance
        squared = (difference * pulled).sum(axis=2, keepdims=True)
        # log N(u) - log N(u_j | others) = log N(others).
        log_others = (
            np.log(self.weights)[:, None]
            - (squared + log_det[:, None] - residual**2 / variance - np.log(variance)) / 2
        )
        share = softmax(log_others, axis=1)
        mean_residual = (share * residual).sum(axis=1)
        spread = (share * (variance + (residual - mean_residual[:, None]) ** 2)).sum(axis=1)
        return u - mean_residual, np.sqrt(spread)

    @property
    def _sds(self) -> np.ndarray:
        """Of all principal components; those of the leading ones are in the covariances."""
        return np.concatenate([np.ones(self.num_leading), self.rest_sds])

    @property
    def _precisions(self) -> tuple[np.ndarray, np.ndarray]:
        """Precision matrices in the transformed columns, and log determinants of covariances."""
        lead, rest = self.axes[:, : self.num_leading], self.axes[:, self.num_leading :]
        inner = lead @ np.linalg.inv(self.covariances) @ lead.T
        log_det = np.linalg.slogdet(self.covariances)[1] + 2 * np.log(self.rest_sds).sum()
        return inner + (rest / self.rest_sds**2) @ rest.T, log_det

    def _squared_distances(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of each row from each component, and the components' log determinants."""
        lead = self.num_leading
        roots = np.linalg.cholesky(self.covariances)
        whiteners = np.linalg.inv(roots)
        squared = np.empty((len(z), len(self.weights)))
        for k in range(len(self.weights)):
            inside = (z[:, :lead] - self.means[k, :lead]) @ whiteners[k].T
            outside = (z[:, lead:] - self.means[k, lead:]) / self.rest_sds
            squared[:, k] = (inside**2).sum(axis=1) + (outside**2).sum(axis=1)
        log_roots = np.log(np.diagonal(roots, axis1=1, axis2=2)).sum(axis=1)
        return squared, 2 * (log_roots + np.log(self.rest_sds).sum())


Columns = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _fit_columns(rows: np.ndarray) -> Columns:
    centre = np.median(rows, axis=0)
    scale = np.subtract(*np.quantile(rows, [0.75, 0.25], axis=0)) / 1.349
    largest = np.abs(rows - centre).max(axis=0)
    # Relative to the largest, because the square of a huge number is no finite one.
    scale = np.where(scale > 0, scale, largest * (rows / largest).std(axis=0))
    standard = _standardised(rows, centre, scale)
    power = np.ones(rows.shape[1])
    third = ((standard - standard.mean(axis=0)) ** 3).mean(axis=0)
    for j in np.flatnonzero(np.abs(third) > _SKEWED * standard.std(axis=0) ** 3):
        power[j] = _fit_power(standard[:_ROWS_FOR_POWER, j])
    w = _power_transform(standard, power)
    return centre, scale, power, w.mean(axis=0), w.std(axis=0)


def _fit_power(column: np.ndarray) -> float:
    """The likeliest one in [0, 2], between which the transform maps onto all numbers."""
    from scipy.optimize import minimize_scalar
    from scipy.stats import yeojohnson_llf

    found = minimize_scalar(
        lambda power: -float(yeojohnson_llf(power, column)), bounds=(0, 2), method="bounded"
    )
    return float(found.x)


def _transformed(y: np.ndarray, columns: Columns) -> np.ndarray:
    centre, scale, power, shift, spread = columns
    u = (_power_transform(_standardised(y, centre, scale), power) - shift) / spread
    return np.clip(u, -_FARTHEST, _FARTHEST)


def _standardised(y: np.ndarray, centre: np.ndarray, scale: np.ndarray) -> np.ndarray:
    # Halved before the difference, and limited after the division: both could overflow.
    with np.errstate(over="ignore"):
        standard = 2 * ((y / 2 - centre / 2) / scale)
    return np.clip(standard, -_FARTHEST_RAW, _FARTHEST_RAW)


def _power_transform(x: np.ndarray, power: np.ndarray) -> np.ndarray:
    from scipy.special import boxcox1p

    above = boxcox1p(np.maximum(x, 0), power)
    below = boxcox1p(np.maximum(-x, 0), 2 - power)
    return np.where(x >= 0, above, -below)


def _fit_mixture(
    z: np.ndarray,
    z_unseen: np.ndarray,
    sds: np.ndarray,
    num_leading: int,
    num: int,
    random_state: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Weights, means, covariances of the leading principal components, sds of the rest."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    lead, rest = z[:, :num_leading], z[:, num_leading:]
    mixture = GaussianMixture(
        num,
        reg_covar=1e-3 * float(sds[:num_leading].min()) ** 2,
        tol=_TOLERANCE,
        max_iter=_STEPS,
        random_state=random_state,
    )
    # Matrices are so small that threads spend more time on each other than on them.
    with warnings.catch_warnings(), threadpool_limits(1):
        # Observations that were not seen judge the mixture, converged or not.
        warnings.simplefilter("ignore", ConvergenceWarning)
        belongs = mixture.fit(lead).predict_proba(lead)
    rest_means = belongs.T @ rest / belongs.sum(axis=0)[:, None]
    around = (rest**2).mean(axis=0) - mixture.weights_ @ rest_means**2
    # With few rows the last principal components hardly vary in the rows that chose them.
    expected = mixture.predict_proba(z_unseen[:, :num_leading]) @ rest_means
    around = np.maximum(around, ((z_unseen[:, num_leading:] - expected) ** 2).mean(axis=0))
    floor = _SMALLEST_SD * sds[0]
    return (
        mixture.weights_,
        np.concatenate([mixture.means_, rest_means], axis=1),
        mixture.covariances_,
        np.sqrt(np.maximum(around, floor**2)),
    )
