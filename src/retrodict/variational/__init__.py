"""Variational: networks that compress tables, generate rows, and know what they do not know."""

from retrodict.variational.autoencoder import Autoencoder
from retrodict.variational.bayesian_classifier import BayesianClassifier
from retrodict.variational.bayesian_regressor import BayesianRegressor
from retrodict.variational.feature_influence import FeatureInfluence, feature_influence
from retrodict.variational.pca_comparison import PCAComparison, compare_with_pca
from retrodict.variational.predictive import ClassUncertainty, NumberUncertainty
from retrodict.variational.variational_autoencoder import VariationalAutoencoder

__all__ = [
    "Autoencoder",
    "BayesianClassifier",
    "BayesianRegressor",
    "ClassUncertainty",
    "FeatureInfluence",
    "NumberUncertainty",
    "PCAComparison",
    "VariationalAutoencoder",
    "compare_with_pca",
    "feature_influence",
]
