"""Bijections: invertible maps with their log-determinants, one idea per file."""

from retrodict.bijections.actnorm import ActNorm, initialise_actnorm
from retrodict.bijections.affine import Affine, standardise
from retrodict.bijections.autoregressive import MaskedAutoregressive
from retrodict.bijections.base import AbstractBijection
from retrodict.bijections.bounds import BoundedToReal
from retrodict.bijections.circular_spline import CircularSplineTransformer
from retrodict.bijections.compose import Chain, Invert, Repeat
from retrodict.bijections.continuous import ContinuousFlow
from retrodict.bijections.convolutional_coupling import CheckerboardCoupling, ConvolutionalCoupling
from retrodict.bijections.coupling import Coupling
from retrodict.bijections.cubic_spline import CubicSplineTransformer
from retrodict.bijections.hierarchical_coupling import HierarchicalCoupling
from retrodict.bijections.householder_linear import HouseholderLinear
from retrodict.bijections.invertible_convolution import InvertibleConvolution
from retrodict.bijections.linear_regression import LinearRegression, fit_linear_regression
from retrodict.bijections.linear_spline import PiecewiseLinearTransformer
from retrodict.bijections.lipschitz_bounds import LipschitzBounds, lipschitz_bounds
from retrodict.bijections.lu_linear import LULinear
from retrodict.bijections.monotone_network import MonotoneNetworkTransformer
from retrodict.bijections.multi_scale import MultiScale
from retrodict.bijections.orthogonal import RandomOrthogonal
from retrodict.bijections.permutation import Permutation
from retrodict.bijections.power import PowerTransform, choose_transforms
from retrodict.bijections.quadratic_spline import PiecewiseQuadraticTransformer
from retrodict.bijections.randomness import Randomness, is_random, renew_randomness
from retrodict.bijections.rational_quadratic import RationalQuadraticTransformer
from retrodict.bijections.reshape import Reshape
from retrodict.bijections.residual import RESIDUAL_TOLERANCE, InvertibleResidual
from retrodict.bijections.side_by_side import side_by_side
from retrodict.bijections.simplex import StickBreaking
from retrodict.bijections.squeeze import HaarDownsampling, Squeeze
from retrodict.bijections.tolerance import Tolerance, without_throw
from retrodict.bijections.transformers import (
    AbstractTransformer,
    AdditiveTransformer,
    AffineTransformer,
    ComposedTransformer,
    VolumePreservingAffineTransformer,
)

__all__ = [
    "RESIDUAL_TOLERANCE",
    "AbstractBijection",
    "AbstractTransformer",
    "ActNorm",
    "AdditiveTransformer",
    "Affine",
    "AffineTransformer",
    "BoundedToReal",
    "Chain",
    "CheckerboardCoupling",
    "CircularSplineTransformer",
    "ComposedTransformer",
    "ContinuousFlow",
    "ConvolutionalCoupling",
    "Coupling",
    "CubicSplineTransformer",
    "HaarDownsampling",
    "HierarchicalCoupling",
    "HouseholderLinear",
    "Invert",
    "InvertibleConvolution",
    "InvertibleResidual",
    "LULinear",
    "LinearRegression",
    "LipschitzBounds",
    "MaskedAutoregressive",
    "MonotoneNetworkTransformer",
    "MultiScale",
    "Permutation",
    "PiecewiseLinearTransformer",
    "PiecewiseQuadraticTransformer",
    "PowerTransform",
    "RandomOrthogonal",
    "Randomness",
    "RationalQuadraticTransformer",
    "Repeat",
    "Reshape",
    "Squeeze",
    "StickBreaking",
    "Tolerance",
    "VolumePreservingAffineTransformer",
    "choose_transforms",
    "fit_linear_regression",
    "initialise_actnorm",
    "is_random",
    "lipschitz_bounds",
    "renew_randomness",
    "side_by_side",
    "standardise",
    "without_throw",
]
