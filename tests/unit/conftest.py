"""What all unit tests share: the hypothesis profile."""

from tests.support import hypothesis_profiles

hypothesis_profiles.load()
