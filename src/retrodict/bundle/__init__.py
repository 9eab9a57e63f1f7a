"""Fitted estimators as folders: `config.json` and `weights.safetensors`, never pickle."""

from retrodict.bundle.read import load as load, read_config as read_config
from retrodict.bundle.registry import Saveable as Saveable, register as register
from retrodict.bundle.write import save as save
